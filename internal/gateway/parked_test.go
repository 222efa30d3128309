package gateway

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/config"
	"awala.network/gateway/internal/fault"
	"awala.network/gateway/internal/jetstream"
	"awala.network/gateway/internal/upkeep"
	"awala.network/gateway/projections"
)

// fussy is a role with a consumer of every channel, which cannot handle poison
// until it is mended.
type fussy struct {
	mended  atomic.Bool
	mu      sync.Mutex
	handled map[string]int
}

func (f *fussy) handle(_ context.Context, r events.Record) error {
	if strings.HasPrefix(r.ID, "poison") && !f.mended.Load() {
		return fault.Permanent(errors.New("not to my taste"))
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.handled[r.ID]++
	return nil
}

func (f *fussy) count(id string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.handled[id]
}

func (f *fussy) role() role {
	return role{name: "fussy", start: func(ctx context.Context, a *assembly) error {
		router, err := a.newRouter("fussy")
		if err != nil {
			return err
		}
		for _, s := range events.Streams() {
			if s.Name == events.StreamParked {
				continue
			}
			c := jetstream.ConsumerSpec{Stream: s.Name, Name: "fussy"}
			if err := a.services.log.ProvisionConsumers(ctx, []jetstream.ConsumerSpec{c}); err != nil {
				return err
			}
			subscriber := a.services.log.Subscriber(jetstream.SubscriberConfig{Concurrency: 1, Drain: drain})
			router.Handle("fussy "+s.Name, jetstream.Topic(s.Name, "fussy"), subscriber, f.handle)
		}
		a.life.run(stageWorkers, "fussy", router.Run)
		return a.await(ctx, router.Running())
	}}
}

// inEveryChannel returns an event of each channel.
func inEveryChannel(name string) []events.Event {
	at := time.Now()
	key := events.ParcelKey{SenderID: "0a", RecipientID: "0b", ParcelID: name}
	return []events.Event{
		events.New(name+"-cargo", "test", at, events.CargoReceived{CargoID: name, PrivateGatewayID: "0a"}),
		events.New(name+"-internet", "test", at, events.InternetParcelAccepted{ParcelKey: key, Destination: "example.com"}),
		events.New(name+"-pdc", "test", at, events.GatewayParcelAccepted{ParcelKey: key, PrivateGatewayID: "0a"}),
		events.New(name+"-gateway", "test", at, events.PrivateGatewayRegistered{PrivateGatewayID: "0a"}),
	}
}

// TestPoisonInEveryChannel shows that a message that cannot be handled is parked
// and listed, that its channel goes on, that replaying it before the cause is
// mended leaves it parked, that it is handled afterwards, and that it can be
// dropped.
func TestPoisonInEveryChannel(t *testing.T) {
	f := &fussy{handled: map[string]int{}}
	c := config.Default()
	c.Standalone.DataDir, c.Admin.Listen = config.Path(t.TempDir()), "127.0.0.1:0"
	g, err := Start(t.Context(), Options{
		Kind:   Kind{Name: "test", open: openEmbedded, roles: []role{projectionsRole(), f.role()}},
		Config: c, Logger: slog.New(slog.DiscardHandler), Level: new(slog.LevelVar),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := g.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	for _, e := range append(inEveryChannel("poison"), inEveryChannel("good")...) {
		if _, err := g.assembly.services.log.Append(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	for _, e := range inEveryChannel("good") {
		eventually(t, e.ID+" is handled", func() bool { return f.count(e.ID) == 1 })
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	client, err := upkeep.NewClient("http://"+g.Info().Servers["admin"], &http.Client{Transport: transport})
	if err != nil {
		t.Fatal(err)
	}
	checkResolved(t, client, f)
}

func parkedNow(t *testing.T, client *upkeep.Client, state projections.ParkedState) []projections.ParkedMessage {
	t.Helper()
	all, err := client.Parked(t.Context(), state)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func checkResolved(t *testing.T, client *upkeep.Client, f *fussy) {
	t.Helper()
	channels := len(inEveryChannel(""))
	eventually(t, "all poison is listed", func() bool { return len(parkedNow(t, client, projections.ParkedOpen)) == channels })
	messages := parkedNow(t, client, projections.ParkedOpen)
	for _, m := range messages {
		shown, err := client.ShowParked(t.Context(), m.ID)
		if err != nil || m.Reason != "not to my taste" || m.Consumer != "fussy" || shown.Type == "" {
			t.Errorf("%+v, %v", shown, err)
		}
		if err := client.ReplayParked(t.Context(), m.ID, events.Operation{By: "ada"}); err == nil || !strings.Contains(err.Error(), "not to my taste") {
			t.Errorf("replayed too early: %v", err)
		}
	}
	f.mended.Store(true)
	for _, m := range messages[1:] {
		if err := client.ReplayParked(t.Context(), m.ID, events.Operation{By: "ada"}); err != nil {
			t.Error(err)
		}
		if f.count(m.EventID) != 1 {
			t.Errorf("%s was handled %d times", m.EventID, f.count(m.EventID))
		}
	}
	if err := client.DropParked(t.Context(), messages[0].ID, events.Operation{By: "ada", Reason: "no use"}); err != nil {
		t.Error(err)
	}
	eventually(t, "nothing is parked", func() bool { return len(parkedNow(t, client, projections.ParkedOpen)) == 0 })
	if n := len(parkedNow(t, client, projections.ParkedReplayed)); n != channels-1 {
		t.Errorf("%d are replayed", n)
	}
	if d := parkedNow(t, client, projections.ParkedDropped); len(d) != 1 || d[0].Resolution == nil || *d[0].Resolution != (events.Operation{By: "ada", Reason: "no use"}) {
		t.Errorf("dropped: %+v", d)
	}
	if err := client.ReplayParked(t.Context(), messages[0].ID, events.Operation{}); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("replayed what was dropped: %v", err)
	}
}

// eventually waits for what the gateway does by itself.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline := time.After(15 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not within 15 s: %s", what)
		}
	}
}
