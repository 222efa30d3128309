package limits

import (
	"net"
	"net/netip"
	"sync"
)

// connections counts the open connections of a server, and those of each client.
type connections struct {
	most, mostEach int

	mu   sync.Mutex
	all  int
	each map[netip.Prefix]int
}

// admit counts one more, or tells which limit keeps it out.
func (c *connections) admit(network netip.Prefix, exempt bool) (limit string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.most > 0 && c.all >= c.most:
		return limitConnections
	case !exempt && c.mostEach > 0 && c.each[network] >= c.mostEach:
		return limitAddressConnections
	}
	c.all++
	c.each[network]++
	return ""
}

func (c *connections) end(network netip.Prefix) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all--
	if c.each[network]--; c.each[network] == 0 {
		delete(c.each, network)
	}
}

// Listener returns l with a limit of connections: one too many is closed at once,
// which costs the least and which clients take for a network that fails, so that
// they come back. Proxies that are trusted have no limit of their own.
func (g *Guard) Listener(l net.Listener) net.Listener {
	return &listener{Listener: l, guard: g}
}

type listener struct {
	net.Listener
	guard *Guard
}

// Accept implements [net.Listener].
func (l *listener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		c := Client{Address: hostAddress(conn.RemoteAddr().String())}
		network := c.network()
		limit := l.guard.connections.admit(network, l.guard.proxies.trust(c.Address) || l.guard.Exempt(c))
		if limit == "" {
			return &counted{Conn: conn, end: sync.OnceFunc(func() { l.guard.connections.end(network) })}, nil
		}
		l.guard.refused.WithLabelValues(limit).Inc()
		_ = conn.Close() // nobody has written to it
	}
}

// counted is a connection that is no longer counted once it is closed.
type counted struct {
	net.Conn
	end func()
}

// Close implements [net.Conn].
func (c *counted) Close() error {
	c.end()
	return c.Conn.Close()
}

// NetConn returns the connection below, for whoever sets options of its socket.
func (c *counted) NetConn() net.Conn { return c.Conn }
