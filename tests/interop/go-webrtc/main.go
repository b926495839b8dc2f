// A go-libp2p peer that dials WebRTC Direct in its version 2, and pings. (A module of its own: it needs a later go-libp2p than the other, which knows WebTransport.)
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/protocol/ping"
	libp2pwebrtc "github.com/libp2p/go-libp2p/p2p/transport/webrtc"
)

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	relay := must(peer.AddrInfoFromString(os.Args[1]))
	own := must(libp2p.New(libp2p.NoListenAddrs, libp2p.Transport(libp2pwebrtc.New, libp2pwebrtc.WithDialerVersion(2))))
	if err := own.Connect(ctx, *relay); err != nil {
		log.Fatal(err)
	}
	result := <-ping.Ping(ctx, own, relay.ID)
	must(result.RTT, result.Error)
	fmt.Println("ping")
}
