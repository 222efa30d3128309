package gateway_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"awala.network/gateway/internal/config"
	"awala.network/gateway/internal/gateway"
	"awala.network/gateway/internal/powebclient"
)

// receiver is another Internet node: it answers with one status after the other,
// and with 202 after the last.
type receiver struct {
	*httptest.Server
	bodies chan []byte

	mu       sync.Mutex
	statuses []int
}

func newReceiver(t *testing.T, statuses ...int) *receiver {
	r := &receiver{bodies: make(chan []byte, 100), statuses: statuses}
	r.Server = httptest.NewServer(http.HandlerFunc(r.serve))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) serve(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	status := http.StatusAccepted
	if len(r.statuses) > 0 {
		status, r.statuses = r.statuses[0], r.statuses[1:]
	}
	w.WriteHeader(status)
	r.bodies <- body
}

// next waits for a request.
func (r *receiver) next(t *testing.T) []byte {
	t.Helper()
	select {
	case body := <-r.bodies:
		return body
	case <-time.After(10 * time.Second):
		t.Fatal("no request")
		return nil
	}
}

// deliveringTo returns settings under which example.org is at the receiver.
func deliveringTo(t *testing.T, dir string, r *receiver) *config.Config {
	t.Helper()
	c := settings(dir)
	c.Delivery.RetryInitial = config.Duration(100 * time.Millisecond)
	if err := c.PDC.Overrides.Set("example.org=" + r.URL); err != nil {
		t.Fatal(err)
	}
	return c
}

// sendAway hands in a parcel for example.org.
func sendAway(t *testing.T, g *gateway.Gateway) []byte {
	t.Helper()
	client := newClient(t, g)
	source, err := client.NewPrivateGateway(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	from, err := source.NewEndpoint()
	if err != nil {
		t.Fatal(err)
	}
	parcel, err := from.Write(powebclient.Parcel{To: from, InternetAddress: "Example.ORG.", Payload: []byte("hello")})
	if err != nil {
		t.Fatal(err)
	}
	if err := source.Deliver(t.Context(), parcel); err != nil {
		t.Fatal(err)
	}
	return parcel
}

// TestDeliveryToTheInternet delivers a parcel at the third attempt.
func TestDeliveryToTheInternet(t *testing.T) {
	r := newReceiver(t, http.StatusServiceUnavailable, http.StatusTooManyRequests)
	g := start(t, deliveringTo(t, t.TempDir(), r))
	defer stop(t, g)
	parcel := sendAway(t, g)
	for range 3 {
		if diff := cmp.Diff(parcel, r.next(t)); diff != "" {
			t.Fatal(diff)
		}
	}
}

// TestDeliveryGoesOnAfterRestart stops the gateway while a parcel waits for its
// next attempt.
func TestDeliveryGoesOnAfterRestart(t *testing.T) {
	r := newReceiver(t, http.StatusInternalServerError)
	dir := t.TempDir()
	c := deliveringTo(t, dir, r)
	c.Delivery.RetryInitial = config.Duration(3 * time.Second)
	first := start(t, c)
	parcel := sendAway(t, first)
	r.next(t)
	stop(t, first)
	second := start(t, deliveringTo(t, dir, r))
	defer stop(t, second)
	if diff := cmp.Diff(parcel, r.next(t)); diff != "" {
		t.Fatal(diff)
	}
}
