package main

import (
	"strings"
	"testing"
	"time"

	"awala.network/gateway/internal/overview"
)

func TestStatusFitsAScreen(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	o := overview.Overview{
		At: at, InternetAddress: "gw.example.org", CertificateExpiresAt: at.AddDate(0, 6, 0),
		Channels: []overview.Channel{
			{Name: "gateway parcels", In: 1_234_567, Out: 1_234_000, Waiting: 567, OldestSince: at.Add(-50 * time.Hour), Parked: 1},
			{Name: "internet parcels"},
			{Name: "cargo"},
		},
		Consumers:   []overview.Consumer{{Name: "unwrap-cargo", Stream: "CRC_CARGO"}, {Name: "delete-blob", Stream: "PDC_PARCELS"}},
		Projections: []overview.Projection{{Name: "mailbox"}, {Name: "peers"}},
		Processes: []overview.Process{
			{Kind: "poweb", Version: "v1.2.0", Host: "a", Ready: true},
			{Kind: "poweb", Version: "v1.2.0", Host: "b", Ready: true},
			{Kind: "worker cargo", Version: "v1.2.0", Host: "c", Ready: true},
		},
	}
	status := func(width int) string {
		var b strings.Builder
		if err := writeStatus(&b, o, width); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	const healthy = `gw.example.org, certificate until 2026-09-01

CHANNEL           IN TODAY  OUT TODAY  WAITING  OLDEST  PARKED
gateway parcels   1234567   1234000    567      2d2h    1
internet parcels  0         0          0        -       0
cargo             0         0          0        -       0

2 workers and 2 projections have handled every event.

PROCESSES     READY   VERSION  PROBLEM
poweb         2 of 2  v1.2.0   -
worker cargo  1 of 1  v1.2.0   -
`
	if got := status(80); got != healthy {
		t.Errorf("got\n%s", got)
	}

	o.Consumers[0].Lag, o.Consumers[0].OldestSince = 12, at.Add(-90*time.Second)
	o.Projections[1].Lag = 3
	o.Processes[1].Ready, o.Processes[1].Problems = false, []string{"nats: no servers available for connection", "vault: sealed\x1b[2J"}
	const trouble = `
BEHIND                     EVENTS  OLDEST
unwrap-cargo of CRC_CARGO  12      1m30s
projection peers           3       -
2 of 2 workers and 2 projections have not handled every event yet.

PROCESSES     READY   VERSION
poweb         1 of 2  v1.2.0
    b: nats: no servers available for connection; vault: sealed\x1b[2J
worker cargo  1 of 1  v1.2.0
`
	if got := status(80); !strings.HasSuffix(got, trouble) {
		t.Errorf("got\n%s", got)
	}
	if got := status(0); !strings.Contains(got, "v1.2.0   b: nats: no servers") {
		t.Errorf("what is no terminal has a line for each process:\n%s", got)
	}
}
