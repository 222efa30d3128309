package gateway_test

import (
	"testing"
	"time"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/config"
	"awala.network/gateway/internal/gateway"
)

// TestRetentionIsAsSet changes how long a stream is kept from one start to the next.
func TestRetentionIsAsSet(t *testing.T) {
	dir := t.TempDir()
	for _, text := range []string{"forever", "200d", "190d", "forever"} {
		c := settings(dir)
		if err := c.History.KeepGatewayParcels.Set(text); err != nil {
			t.Fatal(err)
		}
		g := start(t, c)
		for stream, want := range map[string]config.Retention{
			events.StreamGatewayParcels: c.History.KeepGatewayParcels, events.StreamGateway: 0, events.StreamCargo: 0,
		} {
			if kept := maxAge(t, g, stream); kept != time.Duration(want) {
				t.Errorf("%s: %s is kept for %v", text, stream, kept)
			}
		}
		stop(t, g)
	}
}

func maxAge(t *testing.T, g *gateway.Gateway, stream string) time.Duration {
	t.Helper()
	streams, err := historyClient(t, g).Streams(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range streams {
		if s.Name == stream {
			return s.MaxAge
		}
	}
	t.Fatalf("no stream %s", stream)
	return 0
}
