package postman

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"syscall"
)

// ErrForbiddenAddress says that a connection was not made because the address is
// not a public one.
var ErrForbiddenAddress = errors.New("pohttp: not a public address")

// special lists the networks that are not the public Internet, beyond those that
// package netip knows: from IANA's special-purpose registries (RFC 6890) and
// those of multicast and reserved addresses. Networks that carry IPv4 addresses
// within IPv6 ones are unwrapped by [embedded] instead.
var special = prefixes(
	"0.0.0.0/8",       // this network (RFC 791)
	"100.64.0.0/10",   // shared by carriers (RFC 6598)
	"192.0.0.0/24",    // protocol assignments (RFC 6890)
	"192.0.2.0/24",    // documentation (RFC 5737)
	"192.88.99.0/24",  // former 6to4 relays (RFC 7526)
	"198.18.0.0/15",   // benchmarks (RFC 2544)
	"198.51.100.0/24", // documentation (RFC 5737)
	"203.0.113.0/24",  // documentation (RFC 5737)
	"240.0.0.0/4",     // reserved and broadcast (RFC 1112)
	"2001::/23",       // protocol assignments, Teredo among them (RFC 2928)
	"2001:db8::/32",   // documentation (RFC 3849)
	"3fff::/20",       // documentation (RFC 9637)
)

// allocated is all that IANA has given to the public Internet of IPv6 so far. What is
// outside of it leads into networks of one's own, if anywhere: IPv4 in several
// disguises (::/96, ::ffff:0:0:0/96, 64:ff9b:1::/48), segment routing (5f00::/16),
// former site-local addresses (fec0::/10).
var allocated = netip.MustParsePrefix("2000::/3")

func prefixes(texts ...string) []netip.Prefix {
	list := make([]netip.Prefix, 0, len(texts))
	for _, text := range texts {
		list = append(list, netip.MustParsePrefix(text))
	}
	return list
}

// public tells whether an address is one that anybody on the Internet may be
// reached at.
func public(a netip.Addr) bool {
	a = a.WithZone("").Unmap()
	if inner, ok := embedded(a); ok {
		return public(inner)
	}
	if !a.IsGlobalUnicast() || a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() {
		return false
	}
	if a.Is6() && !allocated.Contains(a) {
		return false
	}
	for _, p := range special {
		if p.Contains(a) {
			return false
		}
	}
	return true
}

var (
	nat64     = netip.MustParsePrefix("64:ff9b::/96") // RFC 6052
	sixToFour = netip.MustParsePrefix("2002::/16")    // RFC 3056
)

// embedded returns the IPv4 address to which a translator or tunnel takes what
// is sent to an IPv6 address.
func embedded(a netip.Addr) (netip.Addr, bool) {
	octets := a.As16()
	switch {
	case nat64.Contains(a):
		return netip.AddrFrom4([4]byte(octets[12:16])), true
	case sixToFour.Contains(a):
		return netip.AddrFrom4([4]byte(octets[2:6])), true
	default:
		return netip.Addr{}, false
	}
}

// refuseSpecial is a net.Dialer's ControlContext: it sees the address that is
// about to be dialled, after all names are resolved.
func refuseSpecial(_ context.Context, _, address string, _ syscall.RawConn) error {
	a, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %s", ErrForbiddenAddress, address)
	}
	if !public(a.Addr()) {
		return fmt.Errorf("%w: %s", ErrForbiddenAddress, a.Addr())
	}
	return nil
}
