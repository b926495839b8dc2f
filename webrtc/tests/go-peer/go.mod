module webrtc-tests/go-peer

go 1.25

require github.com/libp2p/go-libp2p v0.49.0
