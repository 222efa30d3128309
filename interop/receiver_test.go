package interop

import (
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// receiver is another Internet node, or several, by path: it takes parcels by
// PoHTTP and answers as it is told.
type receiver struct {
	*httptest.Server
	// answer handles a request after it was noted; nil accepts.
	answer func(w http.ResponseWriter, r *http.Request, parcelID string)

	mu       sync.Mutex
	arrivals map[string][]time.Time // by parcel id
	accepted map[string]bool        // answered with 202
	arrived  chan struct{}          // yields after an arrival
}

func newReceiver(t testing.TB, answer func(http.ResponseWriter, *http.Request, string)) *receiver {
	r := &receiver{
		answer: answer, arrivals: map[string][]time.Time{}, accepted: map[string]bool{}, arrived: make(chan struct{}, 1),
	}
	r.Server = httptest.NewServer(r)
	t.Cleanup(func() {
		r.CloseClientConnections()
		r.Close()
	})
	return r
}

// override returns the flags that pin a name to the receiver.
func (r *receiver) override(name string) []string {
	return []string{"--pdc-override", name + "=" + r.URL + "/" + name}
}

// ServeHTTP takes a parcel.
func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return
	}
	id := parcelID(body)
	r.mu.Lock()
	r.arrivals[id] = append(r.arrivals[id], time.Now())
	r.mu.Unlock()
	select {
	case r.arrived <- struct{}{}:
	default:
	}
	if r.answer != nil {
		r.answer(w, request, id)
	} else {
		r.accept(w, id)
	}
}

func (r *receiver) accept(w http.ResponseWriter, id string) {
	r.mu.Lock()
	r.accepted[id] = true
	r.mu.Unlock()
	w.WriteHeader(http.StatusAccepted)
}

// times returns when a parcel arrived.
func (r *receiver) times(id string) []time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]time.Time(nil), r.arrivals[id]...)
}

// count returns how many requests arrived.
func (r *receiver) count() (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, times := range r.arrivals {
		n += len(times)
	}
	return n
}

// capricious answers as bad nodes do: the share of good answers is given. Nobody
// is kept waiting for longer than patience.
type capricious struct {
	mu       sync.Mutex
	random   *rand.Rand
	good     float64
	patience time.Duration
}

func (c *capricious) draw() (good bool, which int, wait time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.random.Float64() < c.good, c.random.IntN(4), time.Duration(c.random.Float64() * float64(c.patience))
}

func (c *capricious) improve() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.good = 1
}

// answer accepts, refuses for now, hangs until one of the two has enough, or breaks
// the connection.
func (c *capricious) answer(w http.ResponseWriter, request *http.Request, accept func()) {
	good, which, wait := c.draw()
	switch {
	case good:
		accept()
	case which == 0:
		w.WriteHeader(http.StatusServiceUnavailable)
	case which == 1:
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusTooManyRequests)
	case which == 2:
		hang(request, wait)
		accept()
	default:
		hang(request, wait/10)
		panic(http.ErrAbortHandler)
	}
}

func hang(request *http.Request, wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-request.Context().Done():
	}
}

// closedPort returns an address at which connections are refused.
func closedPort(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}
