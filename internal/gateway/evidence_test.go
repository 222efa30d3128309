package gateway_test

import (
	"net/http"
	"testing"
	"time"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/gateway"
	"awala.network/gateway/internal/history"
)

func historyClient(t *testing.T, g *gateway.Gateway) *history.Client {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	client, err := history.NewClient("http://"+g.Info().Servers["admin"], &http.Client{Transport: transport})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// TestHistoryIsSignedAcrossRestarts shows that a gateway signs its history by itself,
// with the same key after a restart, and extends what it signed before.
func TestHistoryIsSignedAcrossRestarts(t *testing.T) {
	dir := t.TempDir()
	first := start(t, settings(dir))
	client := historyClient(t, first)
	key, err := client.Key(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	before, err := client.Advance(t.Context(), events.StreamGateway)
	if err != nil {
		t.Fatal(err)
	}
	deliverOne(t, newClient(t, first))
	stop(t, first)

	second := start(t, settings(dir))
	defer stop(t, second)
	client = historyClient(t, second)
	if _, err := client.Advance(t.Context(), events.StreamGateway); err != nil {
		t.Fatal(err)
	}
	verdict, err := history.Verification{Source: client, Key: key, Older: [][]byte{before}}.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range verdict.Streams {
		if s.Stream == events.StreamGateway && (!s.OK() || s.Problem != "" || s.Verified < 3) {
			t.Errorf("%+v", s)
		}
	}
}

// TestStopEndsThoseWhoFollow shows that who follows the history does not hold a stop
// up.
func TestStopEndsThoseWhoFollow(t *testing.T) {
	g := start(t, settings(t.TempDir()))
	client := historyClient(t, g)
	seen, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		var last error
		for m, err := range client.Messages(t.Context(), history.Query{Follow: true}) {
			if last = err; err == nil && m.Stream == events.StreamGateway && m.Sequence == 1 {
				close(seen)
			}
		}
		ended <- last
	}()
	<-seen
	began := time.Now()
	stop(t, g)
	if err := <-ended; err == nil {
		t.Error("the follower was not told that there is no more")
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("the stop took %v", took)
	}
}
