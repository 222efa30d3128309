package interop

import (
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
)

// balancer passes TCP connections on to one of several servers, at random, and to
// another if that one is not there. It is what an operator's load balancer is to the
// replicas of a role.
type balancer struct {
	net.Listener
	mu      sync.Mutex
	servers []string
	wg      sync.WaitGroup
}

func newBalancer(t testing.TB, servers int) *balancer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &balancer{Listener: listener, servers: make([]string, servers)}
	b.wg.Go(b.run)
	t.Cleanup(func() { _ = b.Close(); b.wg.Wait() })
	return b
}

// point says where a server is; nowhere if the address is empty.
func (b *balancer) point(server int, address string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.servers[server] = address
}

func (b *balancer) run() {
	for {
		client, err := b.Accept()
		if err != nil {
			return
		}
		b.wg.Go(func() {
			defer client.Close()
			if server := b.dial(); server != nil {
				defer server.Close()
				pipe(client.(*net.TCPConn), server.(*net.TCPConn))
			}
		})
	}
}

func (b *balancer) dial() net.Conn {
	b.mu.Lock()
	servers := append([]string(nil), b.servers...)
	b.mu.Unlock()
	for _, i := range rand.Perm(len(servers)) {
		if servers[i] == "" {
			continue
		}
		if server, err := net.Dial("tcp", servers[i]); err == nil {
			return server
		}
	}
	return nil
}

// pipe passes octets both ways until both ends have said that there are no more, or
// one is gone.
func pipe(client, server *net.TCPConn) {
	var both sync.WaitGroup
	pass := func(to, from *net.TCPConn) {
		if _, err := io.Copy(to, from); err != nil {
			_, _ = to.Close(), from.Close()
			return
		}
		_ = to.CloseWrite()
	}
	both.Go(func() { pass(server, client) })
	both.Go(func() { pass(client, server) })
	both.Wait()
}
