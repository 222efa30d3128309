package limits_test

import (
	"net/netip"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func network(text string) netip.Prefix { return netip.MustParsePrefix(text) }

var (
	alice = network("192.0.2.1/32")
	bob   = network("192.0.2.2/32")
	carol = network("2001:db8::/64")
)
