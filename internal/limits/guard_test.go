package limits_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"awala.network/gateway/internal/limits"
)

type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

func newGuard(t *testing.T, o limits.Options) (*limits.Guard, *prometheus.Registry) {
	t.Helper()
	registry := prometheus.NewRegistry()
	g, err := limits.New(o, registry, "test")
	if err != nil {
		t.Fatal(err)
	}
	return g, registry
}

func at(address string) limits.Client { return limits.Client{Address: netip.MustParseAddr(address)} }

// count calls do n times and returns how often it succeeded; all errors must be
// ErrBusy.
func count(t *testing.T, n int, do func() error) (done int) {
	t.Helper()
	for range n {
		switch err := do(); {
		case err == nil:
			done++
		case !errors.Is(err, limits.ErrBusy):
			t.Errorf("error %v", err)
		}
	}
	return done
}

func TestAddressRate(t *testing.T) {
	c := &clock{time.Unix(1e9, 0)}
	g, _ := newGuard(t, limits.Options{
		AddressRate: limits.Rate{Events: 10, Per: time.Second}, Now: c.Now,
		Exempt: []netip.Prefix{network("10.0.0.0/8")},
	})
	request := func(address string) func() error { return func() error { return g.Request(at(address)) } }
	if n := count(t, 100, request("192.0.2.1")); n != 10 {
		t.Errorf("%d of 100 requests at once", n)
	}
	if n := count(t, 100, request("192.0.2.2")); n != 10 {
		t.Errorf("%d of 100 requests of another address", n)
	}
	if n := count(t, 50, request("2001:db8::1")) + count(t, 50, request("2001:db8::2")); n != 10 {
		t.Errorf("%d of 100 requests of one IPv6 network", n)
	}
	if n := count(t, 100, request("10.0.0.1")); n != 100 {
		t.Errorf("%d of 100 requests of an exempt address", n)
	}
	c.now = c.now.Add(500 * time.Millisecond)
	if n := count(t, 100, request("192.0.2.1")); n != 5 {
		t.Errorf("%d of 100 requests half a second later", n)
	}
}

func TestVolume(t *testing.T) {
	c := &clock{time.Unix(1e9, 0)}
	g, registry := newGuard(t, limits.Options{
		AddressVolume: limits.Rate{Events: 1000, Per: time.Hour}, Exempt: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, Now: c.Now,
	})
	body := func(address string, octets int64) func() error {
		return func() error { return g.Body(at(address), octets) }
	}
	if n := count(t, 10, body("192.0.2.1", 300)); n != 3 {
		t.Errorf("%d of 10 bodies", n)
	}
	if n := count(t, 10, body("192.0.2.1", 50)); n != 2 {
		t.Errorf("%d small bodies in what is left", n)
	}
	if n := count(t, 3, body("192.0.2.2", 300)) + count(t, 10, body("10.0.0.1", 300)); n != 13 {
		t.Errorf("%d of 13 bodies of others", n)
	}
	c.now = c.now.Add(30 * time.Minute)
	if n := count(t, 10, body("192.0.2.1", 300)); n != 1 {
		t.Errorf("%d bodies half an hour later", n)
	}
	if n := refusals(t, registry); n["address-volume"] != 7+8+9 {
		t.Errorf("counted: %v", n)
	}
}

func TestRegistrations(t *testing.T) {
	c := &clock{time.Unix(1e9, 0)}
	g, registry := newGuard(t, limits.Options{
		Registrations: limits.Rate{Events: 6, Per: time.Minute}, AddressRegistrations: limits.Rate{Events: 4, Per: time.Minute},
		Now: c.Now,
	})
	for i, want := range []int{4, 2, 0} {
		address := fmt.Sprintf("192.0.2.%d", i)
		if n := count(t, 5, func() error { return g.Register(at(address)) }); n != want {
			t.Errorf("%d of 5 steps of client %d", n, i)
		}
	}
	if n := refusals(t, registry); n["address-registrations"] != 3 || n["registrations"] != 6 {
		t.Errorf("counted: %v", n)
	}
}

// refusals returns the counted refusals by limit.
func refusals(t *testing.T, registry *prometheus.Registry) map[string]int {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	for _, family := range families {
		if family.GetName() != "awala_limits_refused_total" {
			continue
		}
		for _, m := range family.GetMetric() {
			for _, label := range m.GetLabel() {
				if n := int(m.GetCounter().GetValue()); label.GetName() == "limit" && n > 0 {
					counts[label.GetValue()] = n
				}
			}
		}
	}
	return counts
}

// TestForgottenClients has more clients come than a table holds: it stays bounded,
// and whoever was seen last is remembered.
func TestForgottenClients(t *testing.T) {
	r := limits.NewRates(limits.Rate{Events: 1, Per: time.Hour}, limits.Rate{})
	now := time.Unix(1e9, 0)
	address := func(i int) netip.Prefix {
		return netip.PrefixFrom(netip.AddrFrom4([4]byte{192, byte(i >> 16), byte(i >> 8), byte(i)}), 32)
	}
	for i := range limits.ClientsKnown + 1 {
		if own, all := r.Take(address(i), false, now); !own || !all {
			t.Fatalf("client %d is refused at once", i)
		}
	}
	if n := r.Known(); n != limits.ClientsKnown {
		t.Errorf("%d clients known", n)
	}
	if own, _ := r.Take(address(1), false, now); own {
		t.Error("a client that is known was granted more than its rate")
	}
	if own, _ := r.Take(address(0), false, now); !own {
		t.Error("a client that was forgotten does not begin anew")
	}
}

func TestConnections(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g, registry := newGuard(t, limits.Options{Connections: 3, AddressConnections: 2})
	l := g.Listener(inner)
	defer l.Close()
	accepted := make(chan net.Conn, 10)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			accepted <- conn
		}
	}()
	dial := func() net.Conn {
		conn, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return conn
	}
	dial()
	dial()
	first := <-accepted
	defer (<-accepted).Close()
	// The third is closed at once, and makes no difference to those before.
	if _, err := io.ReadAll(dial()); err != nil && !errors.Is(err, net.ErrClosed) {
		t.Logf("the third connection: %v", err) // reset or closed, as the system likes
	}
	if n := refusals(t, registry)["address-connections"]; n != 1 {
		t.Errorf("%d refusals counted", n)
	}
	first.Close()
	first.Close() // counts once
	dial()
	(<-accepted).Close()
	select {
	case <-accepted:
		t.Error("the refused connection was accepted")
	default:
	}
}
