// A go-libp2p node that listens at webrtc-direct (versions 1 and 2) and speaks the protocols of the tests. It prints its address and ends with its standard input.
package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/network"
	webrtc "github.com/libp2p/go-libp2p/p2p/transport/webrtc"
)

func main() {
	host, err := libp2p.New(
		libp2p.Transport(webrtc.New),
		libp2p.ListenAddrStrings("/ip4/127.0.0.1/udp/0/webrtc-direct"),
	)
	if err != nil {
		log.Fatal(err)
	}
	host.SetStreamHandler("/test/echo/1", serve(func(stream network.Stream) error {
		_, err := io.Copy(stream, stream)
		return err
	}))
	host.SetStreamHandler("/test/sink/1", serve(func(stream network.Stream) error {
		total, err := io.Copy(io.Discard, stream)
		if err != nil {
			return err
		}
		return binary.Write(stream, binary.BigEndian, uint64(total))
	}))
	fmt.Printf("listening at %s/p2p/%s\n", host.Addrs()[0], host.ID())
	io.Copy(io.Discard, os.Stdin)
	host.Close()
}

// serve closes a stream that was served, and resets one that was not.
func serve(handle func(network.Stream) error) network.StreamHandler {
	return func(stream network.Stream) {
		if err := handle(stream); err != nil {
			log.Print(err)
			stream.Reset()
			return
		}
		stream.Close()
	}
}
