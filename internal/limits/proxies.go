package limits

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Client is who sends a request.
type Client struct {
	// Address is the client's own, or the zero Addr if it is unknown.
	Address netip.Addr
	// Proxied tells that a trusted proxy forwarded the request, so that what it
	// says of the client may be believed.
	Proxied bool
}

// network is what counts as one client: a customer has one address of IPv4, or a
// network of 64 bits of IPv6 (RFC 6177).
func (c Client) network() netip.Prefix {
	bits := 32
	if c.Address.Is6() {
		bits = 64
	}
	network, err := c.Address.Prefix(bits)
	if err != nil { // no address
		return netip.Prefix{}
	}
	return network
}

// Proxies are the networks of the proxies that the operator trusts.
type Proxies []netip.Prefix

// Client returns the client of a request that came from remote, HOST:PORT, with
// the given header fields.
//
// X-Forwarded-For and, if it is not there, Forwarded (RFC 7239) are lists to which
// each proxy appends whom it had the request from. They are read from the right,
// as long as the address there is a trusted proxy's: what stands further left was
// written by somebody who is not trusted. A field that cannot be read there makes
// the last trusted proxy the client.
//
// The order matters: hardly any proxy writes Forwarded, and those that do not pass on
// the one that a client wrote. A proxy that writes Forwarded alone has to remove
// X-Forwarded-For.
func (p Proxies) Client(remote string, header http.Header) Client {
	c := Client{Address: hostAddress(remote)}
	if !p.trust(c.Address) {
		return c
	}
	c.Proxied = true
	hops := forwardedFor(header)
	for _, hop := range slices.Backward(hops) {
		address := hostAddress(hop)
		if !address.IsValid() {
			return c
		}
		if c.Address = address; !p.trust(address) {
			return c
		}
	}
	return c
}

func (p Proxies) trust(a netip.Addr) bool { return within(p, a) }

func within(networks []netip.Prefix, a netip.Addr) bool {
	return slices.ContainsFunc(networks, func(n netip.Prefix) bool { return n.Contains(a) })
}

// forwardedFor returns the nodes of the header's lists, as they were written.
func forwardedFor(header http.Header) []string {
	fields := header.Values("X-Forwarded-For")
	if len(fields) == 0 {
		return forwardedNodes(strings.Join(header.Values("Forwarded"), ","))
	}
	var nodes []string
	for _, field := range fields {
		for node := range strings.SplitSeq(field, ",") {
			nodes = append(nodes, strings.TrimSpace(node))
		}
	}
	return nodes
}

// forwardedNodes returns the for= of each element of a Forwarded field, "" for one
// without. No address holds a comma or a semicolon, so quotes need no care: a
// quoted string that holds one only yields parts that are no address.
func forwardedNodes(field string) []string {
	var nodes []string
	for element := range strings.SplitSeq(field, ",") {
		node := ""
		for pair := range strings.SplitSeq(element, ";") {
			name, value, _ := strings.Cut(strings.TrimSpace(pair), "=")
			if strings.EqualFold(name, "for") {
				node = strings.Trim(value, `"`)
			}
		}
		nodes = append(nodes, node)
	}
	return nodes
}

// hostAddress returns the IP address in ADDRESS, ADDRESS:PORT, [ADDRESS] or
// [ADDRESS]:PORT, without a zone, and an IPv4 address in its own form.
func hostAddress(host string) netip.Addr {
	if withPort, err := netip.ParseAddrPort(host); err == nil {
		return withPort.Addr().Unmap().WithZone("")
	}
	bare, ok := strings.CutPrefix(host, "[")
	if ok {
		bare, ok = strings.CutSuffix(bare, "]")
		if !ok {
			return netip.Addr{}
		}
	}
	address, err := netip.ParseAddr(bare)
	if err != nil {
		return netip.Addr{}
	}
	return address.Unmap().WithZone("")
}
