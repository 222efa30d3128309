package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"awala.network/gateway/internal/config"
	"awala.network/gateway/internal/gateway"
	"awala.network/gateway/internal/powebclient"
	"awala.network/gateway/internal/queueadmin"
)

// queueWorld is a running gateway with three parcels for a destination that wants
// them later, and one for another.
type queueWorld struct {
	t     *testing.T
	admin string
}

func newQueueWorld(t *testing.T) *queueWorld {
	t.Helper()
	busy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	t.Cleanup(busy.Close)
	c := config.Default()
	c.Standalone.DataDir = config.Path(t.TempDir())
	for _, l := range []*config.Listen{&c.PoWeb.Listen, &c.PoHTTP.Listen, &c.CogRPC.Listen, &c.Admin.Listen} {
		*l = "127.0.0.1:0"
	}
	if err := c.PDC.Overrides.Set(fmt.Sprintf("busy.test=%s,other.test=%s", busy.URL, busy.URL)); err != nil {
		t.Fatal(err)
	}
	g, err := gateway.Start(t.Context(), gateway.Options{
		Kind: gateway.Standalone(), Config: c, Logger: slog.New(slog.DiscardHandler), Level: new(slog.LevelVar),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.Stop(context.Background()) })
	servers := g.Info().Servers
	sendParcels(t, "http://"+servers["poweb"], "busy.test", "busy.test", "busy.test", "other.test")
	return &queueWorld{t: t, admin: "http://" + servers["admin"]}
}

func sendParcels(t *testing.T, server string, destinations ...string) {
	t.Helper()
	client, err := powebclient.New(server, &http.Client{Transport: &http.Transport{DisableKeepAlives: true}})
	if err != nil {
		t.Fatal(err)
	}
	source, err := client.NewPrivateGateway(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	endpoint, err := source.NewEndpoint()
	if err != nil {
		t.Fatal(err)
	}
	for n, destination := range destinations {
		parcel, err := endpoint.Write(powebclient.Parcel{To: endpoint, ID: fmt.Sprint("parcel-", n), InternetAddress: destination, TTL: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		if err := source.Deliver(t.Context(), parcel); err != nil {
			t.Fatal(err)
		}
	}
}

// queue runs a queue command, which must succeed.
func (w *queueWorld) queue(args ...string) string {
	w.t.Helper()
	var out, errs bytes.Buffer
	if code := run(append(append([]string{"queue"}, args...), "--admin", w.admin), nil, &out, &errs); code != exitOK {
		w.t.Fatalf("queue %v: %d: %s", args, code, &errs)
	}
	return out.String()
}

// await waits until a filter matches so many parcels.
func (w *queueWorld) await(want int, args ...string) queueadmin.Page {
	w.t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		var page queueadmin.Page
		if err := json.Unmarshal([]byte(w.queue(append([]string{"list", "--json"}, args...)...)), &page); err != nil {
			w.t.Fatal(err)
		}
		if got := max(page.Matched, len(page.Parcels)); got == want {
			return page
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("list %v: %+v, want %d", args, page, want)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func TestQueueCommands(t *testing.T) {
	w := newQueueWorld(t)
	page := w.await(4, "--state", "deferred")
	if p := page.Parcels[0]; p.ParcelID != "parcel-0" || p.LastStatus != 503 || p.Attempts < 1 {
		t.Errorf("%+v", p)
	}
	list := w.queue("list", "--destination", "BUSY.test.")
	if !strings.Contains(list, "3 parcels") || !strings.Contains(list, "HTTP status 503") {
		t.Error(list)
	}
	if stats := w.queue("stats"); !strings.Contains(stats, "deferred 4") || !strings.Contains(stats, "busy.test") {
		t.Error(stats)
	}
	if dry := w.queue("hold", "--to", "busy.test", "--dry-run"); !strings.Contains(dry, "would hold") {
		t.Error(dry)
	}
	w.await(0, "--state", "held")
	w.queue("hold", "--to", "busy.test", "--reason", "asked to wait", "--by", "me")
	w.await(3, "--state", "held")
	if stats := w.queue("stats"); !strings.Contains(stats, "asked to wait") {
		t.Error(stats)
	}
	w.queue("release", "--to", "busy.test")
	w.await(0, "--state", "held")
	w.queue("hold", "--parcel", "parcel-3", "--reason", "this one")
	held := w.await(1, "--state", "held").Parcels[0]
	if show := w.queue("show", held.ID); !strings.Contains(show, "this one") || !strings.Contains(show, "other.test") {
		t.Error(show)
	}
	w.queue("drop", "--state", "held", "--reason", "no more")
	w.await(3)
	if dropped := w.await(1, "--state", "dropped").Parcels[0]; dropped.ID != held.ID || dropped.Reason != "no more" {
		t.Errorf("%+v", dropped)
	}
	if show := w.queue("show", held.ID); !strings.Contains(show, "no more") {
		t.Error(show)
	}
}

// TestQueueAttemptsAtOnce hastens one parcel, and flushes a destination.
func TestQueueAttemptsAtOnce(t *testing.T) {
	w := newQueueWorld(t)
	w.await(4, "--state", "deferred")
	attempts := func() int { return w.await(1, "--parcel", "parcel-3").Parcels[0].Attempts }
	for _, command := range [][]string{{"retry", "--parcel", "parcel-3"}, {"flush", "other.test"}} {
		before := attempts()
		w.queue(command...)
		for deadline := time.Now().Add(10 * time.Second); attempts() == before; time.Sleep(20 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%v: no attempt", command)
			}
		}
	}
}

func TestQueueMistakes(t *testing.T) {
	tests := map[string]struct {
		args []string
		want string
	}{
		"drop everything":    {[]string{"drop"}, "say which"},
		"drop a destination": {[]string{"drop", "--to", "a.test"}, "unknown flag: --to"},
		"flush nothing":      {[]string{"flush"}, "queue flush DESTINATION"},
		"nobody there":       {[]string{"stats", "--admin", "http://127.0.0.1:1"}, "connection refused"},
	}
	for name, tt := range tests {
		var out, errs bytes.Buffer
		if code := run(append([]string{"queue"}, tt.args...), nil, &out, &errs); code == exitOK || !strings.Contains(errs.String(), tt.want) {
			t.Errorf("%s: %d: %s", name, code, &errs)
		}
	}
}

func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 59 * time.Second: "59s", 192 * time.Second: "3m12s", 125 * time.Minute: "2h5m", 99 * time.Hour: "4d3h",
	} {
		if got := span(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
}
