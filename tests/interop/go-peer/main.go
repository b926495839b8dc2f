// Two go-libp2p peers and our relay: both connect to it at the given address, one reserves a slot, the other reaches it through a circuit and has data echoed. Prints what was
// shown, one fact a line; any failure ends it.
package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log"
	"os"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/client"
	"github.com/libp2p/go-libp2p/p2p/protocol/ping"
	"github.com/multiformats/go-multiaddr"
)

const echo = "/avatar/test/echo/1.0.0"

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

func connected(ctx context.Context, relay peer.AddrInfo) host.Host {
	own := must(libp2p.New(libp2p.NoListenAddrs, libp2p.EnableRelay()))
	if err := own.Connect(ctx, relay); err != nil {
		log.Fatal(err)
	}
	return own
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	relay := *must(peer.AddrInfoFromString(os.Args[1]))

	a, b := connected(ctx, relay), connected(ctx, relay)
	result := <-ping.Ping(ctx, a, relay.ID)
	must(result.RTT, result.Error)
	fmt.Println("ping")
	fmt.Println("connected at", a.Network().ConnsToPeer(relay.ID)[0].RemoteMultiaddr())
	fmt.Println("agent", must(a.Peerstore().Get(relay.ID, "AgentVersion")))

	b.SetStreamHandler(echo, func(stream network.Stream) {
		if _, err := io.Copy(stream, stream); err != nil {
			_ = stream.Reset()
			return
		}
		_ = stream.Close()
	})
	reservation := must(client.Reserve(ctx, b, relay))
	fmt.Println("reservation", len(reservation.Addrs), "addresses")

	circuit := must(multiaddr.NewMultiaddr(fmt.Sprintf("%s/p2p-circuit", os.Args[1])))
	if err := a.Connect(ctx, peer.AddrInfo{ID: b.ID(), Addrs: []multiaddr.Multiaddr{circuit}}); err != nil {
		log.Fatal(err)
	}
	stream := must(a.NewStream(network.WithAllowLimitedConn(ctx, "test"), b.ID(), echo))
	data := make([]byte, 1<<20)
	must(rand.Read(data))
	go func() {
		must(stream.Write(data))
		if err := stream.CloseWrite(); err != nil {
			log.Fatal(err)
		}
	}()
	if back := must(io.ReadAll(stream)); !bytes.Equal(back, data) {
		log.Fatalf("%d other bytes came back", len(back))
	}
	fmt.Println("echo")
}
