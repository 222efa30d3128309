package postman_test

import (
	"io"
	"log"
	"net/netip"
	"testing"

	"awala.network/gateway/internal/pohttp/postman"
)

var discardLog = log.New(io.Discard, "", 0)

func TestPublic(t *testing.T) {
	tests := map[string]bool{
		"1.1.1.1": true, "8.8.8.8": true, "172.32.0.1": true, "100.128.0.1": true, "2606:4700::1111": true,
		"64:ff9b::808:808": true, "2002:808:808::1": true, "::ffff:8.8.8.8": true,
		"0.0.0.0": false, "127.0.0.1": false, "127.255.255.254": false, "10.1.2.3": false, "172.16.0.1": false,
		"192.168.0.1": false, "169.254.169.254": false, "100.64.0.1": false, "192.0.0.1": false, "192.0.2.1": false,
		"198.18.0.1": false, "198.51.100.1": false, "203.0.113.1": false, "224.0.0.1": false, "239.1.1.1": false,
		"240.0.0.1": false, "255.255.255.255": false, "192.88.99.1": false,
		"::": false, "::1": false, "::7f00:1": false, "::ffff:10.0.0.1": false, "::ffff:127.0.0.1": false, "fe80::1": false, "fe80::1%eth0": false,
		"fc00::1": false, "fd12::1": false, "ff02::1": false, "fec0::1": false, "2001:db8::1": false, "3fff::1": false,
		"2001::1": false, "2001:10::1": false, "100::1": false, "64:ff9b:1::1": false,
		"64:ff9b::a00:1": false, "64:ff9b::7f00:1": false, "2002:7f00:1::": false, "2002:c0a8:1::": false, "5f00::1": false,
		"::ffff:0:7f00:1": false, "::ffff:0:a00:1": false, // IPv4 translated (RFC 2765)
		"4000::1": false, "e000::1": false, "fe00::1": false, "100:0:0:1::1": false, "::8.8.8.8": false,
	}
	for text, want := range tests {
		if got := postman.Public(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: public %v", text, got)
		}
	}
}
