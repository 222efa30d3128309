package poweb_test

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"awala.network/gateway/internal/limits"
	"awala.network/gateway/internal/powebclient"
	"awala.network/gateway/servers/internal/servertest"
	"awala.network/gateway/servers/poweb"
)

var loopback = limits.Proxies{netip.MustParsePrefix("127.0.0.0/8")}

// awaitCount waits for n records of a message.
func (l *logs) awaitCount(t testing.TB, message string, n int) {
	t.Helper()
	for {
		written := l.written()
		if strings.Count(l.String(), message) >= n {
			return
		}
		select {
		case <-written:
		case <-time.After(patience):
			t.Fatalf("no %d records of %q", n, message)
		}
	}
}

// TestOneCollectionTooMany opens one more than a private gateway may have: its oldest
// ends with the code upon which clients come back, the others go on, and so do those
// of another.
func TestOneCollectionTooMany(t *testing.T) {
	g := newGateway(t, func(c *poweb.Config) { c.Collections = 2 })
	p, other := newPair(t, g), newPair(t, g)
	elsewhere := other.collect(t, powebclient.KeepAlive)
	defer elsewhere.Close()
	oldest := p.collect(t, powebclient.KeepAlive)
	defer oldest.Close()
	g.logs.awaitCount(t, "Collection started", 2)
	var kept []*powebclient.Collection
	for i := range 2 {
		c := p.collect(t, powebclient.KeepAlive)
		defer c.Close()
		kept = append(kept, c)
		g.logs.awaitCount(t, "Collection started", 3+i)
	}
	if code := powebclient.CloseCode(end(t, oldest)); code != 4000 {
		t.Errorf("the oldest ended with code %d", code)
	}
	deliver(t, p.PrivateGateway, write(t, p.from, powebclient.Parcel{To: p.to}))
	deliver(t, other.PrivateGateway, write(t, other.from, powebclient.Parcel{To: other.to}))
	take(t, elsewhere)
	for _, c := range kept {
		next(t, c)
	}
}

// TestTooManyRegistrations has one address register more than it may: it is told to
// come back, and another one can register.
func TestTooManyRegistrations(t *testing.T) {
	g := newGateway(t, func(c *poweb.Config) {
		c.Guard = servertest.NewGuard(t, limits.Options{AddressRegistrations: limits.Rate{Events: 2, Per: time.Hour}, Proxies: loopback})
	})
	const digest = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	preRegister := func(address string) int {
		status, _ := g.post(t, "/v1/pre-registrations", "text/plain", http.Header{"X-Forwarded-For": {address}}, []byte(digest))
		return status
	}
	for i, want := range []int{http.StatusOK, http.StatusOK, http.StatusServiceUnavailable} {
		if got := preRegister("2001:db8::1"); got != want {
			t.Errorf("step %d: status %d, want %d", i, got, want)
		}
	}
	if got := preRegister("2001:db8::ffff"); got != http.StatusServiceUnavailable {
		t.Errorf("from the same network: status %d", got)
	}
	if got := preRegister("2001:db8:0:1::1"); got != http.StatusOK {
		t.Errorf("from another network: status %d", got)
	}
}
