package gateway_test

import (
	"bufio"
	"net/http"
	"strings"
	"testing"
	"time"

	"awala.network/gateway/internal/gateway"
	"awala.network/gateway/internal/overview"
)

// TestOverview sends a parcel, and looks before and after its collection.
func TestOverview(t *testing.T) {
	g := start(t, settings(t.TempDir()))
	defer stop(t, g)
	defer http.DefaultClient.CloseIdleConnections()
	recipient, _ := deliverOne(t, newClient(t, g))
	// The counts and the age come from two projections, each in its own time.
	waiting := look(t, g, func(o overview.Overview) bool {
		c := o.Channels[0]
		return c.Waiting == 1 && c.In == 1 && !c.OldestSince.IsZero()
	})
	if c := waiting.Channels[0]; c.Name != "gateway parcels" || time.Since(c.OldestSince) > time.Hour {
		t.Errorf("%+v", c)
	}
	collectAll(t, recipient)
	ended := look(t, g, func(o overview.Overview) bool { return o.Channels[0].Waiting == 0 && o.Channels[0].Out == 1 })
	if len(ended.Processes) != 1 || !ended.Processes[0].Ready || ended.Processes[0].Kind != "standalone" {
		t.Errorf("processes %+v", ended.Processes)
	}
	if ended.NodeID != g.Info().NodeID || ended.CertificateExpiresAt.Before(time.Now()) {
		t.Errorf("%+v", ended)
	}
	if len(ended.Consumers) != 4 || len(ended.Projections) != 10 {
		t.Errorf("%d consumers and %d projections", len(ended.Consumers), len(ended.Projections))
	}
}

// look asks until what it sees is as wanted: the projections follow by themselves.
func look(t *testing.T, g *gateway.Gateway, wanted func(overview.Overview) bool) (o overview.Overview) {
	t.Helper()
	within(t, 10*time.Second, func() bool {
		var err error
		o, err = overview.Fetch(t.Context(), http.DefaultClient, "http://"+g.Info().Servers["admin"])
		if err != nil {
			t.Fatal(err)
		}
		return wanted(o)
	})
	return o
}

// TestOverviewMetrics wants every metric of the overview in what a process exports.
func TestOverviewMetrics(t *testing.T) {
	g := start(t, settings(t.TempDir()))
	defer stop(t, g)
	defer http.DefaultClient.CloseIdleConnections()
	want := []string{
		"awala_ready 1", `awala_consumer_lag_messages{consumer="unwrap-cargo",stream="CRC_CARGO"}`,
		`awala_consumer_oldest_seconds{consumer="delete-blob",stream="PDC_PARCELS"}`, `awala_stream_bytes{stream="GATEWAY"}`,
		`awala_channel_waiting{channel="cargo"}`, `awala_channel_oldest_seconds{channel="internet parcels"}`,
		`awala_projection_lag_events{projection="mailbox"}`, "awala_own_certificate_expiry_timestamp_seconds",
		`awala_history_append_duration_seconds_count{outcome="ok"}`, `awala_store_request_duration_seconds_count{operation="put"`,
	}
	within(t, 10*time.Second, func() bool {
		exported := metrics(t, g)
		for _, w := range want {
			if !strings.Contains(exported, "\n"+w) {
				t.Logf("not yet: %s", w)
				return false
			}
		}
		return true
	})
}

func metrics(t *testing.T, g *gateway.Gateway) string {
	t.Helper()
	answer, err := http.Get("http://" + g.Info().Servers["admin"] + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var all strings.Builder
	for scanner := bufio.NewScanner(answer.Body); scanner.Scan(); {
		all.WriteString("\n" + scanner.Text())
	}
	return all.String()
}
