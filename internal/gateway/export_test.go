package gateway

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"awala.network/gateway/events"
	"awala.network/gateway/handlers"
	"awala.network/gateway/internal/blobs"
	"awala.network/gateway/internal/jetstream"
	"awala.network/gateway/projections"
)

// ReadModels returns the names of the projections that Init makes.
func ReadModels() (names []string) {
	for _, m := range readModels() {
		names = append(names, strings.TrimSuffix(m.Name, "_v1"))
	}
	slices.Sort(names)
	return names
}

// KeptProjections returns the names of those that a running gateway keeps.
func KeptProjections(t *testing.T, g *Gateway) (names []string) {
	t.Helper()
	answer, err := http.Get("http://" + g.Info().Servers["admin"] + "/projections")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	defer http.DefaultClient.CloseIdleConnections()
	var all []projections.Status
	if err := json.NewDecoder(answer.Body).Decode(&all); err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		names = append(names, s.Name)
	}
	slices.Sort(names)
	return names
}

// Blobs returns the store of a running gateway's blobs, for tests that lose some or
// look for them.
func Blobs(g *Gateway) blobs.Store { return g.assembly.services.blobs }

// Newer is what a newer version of the gateway does to the same data: it records some
// events in words that this one does not know.
type Newer struct {
	Accept  handlers.AcceptParcel
	Collect handlers.CollectParcel
	Receive handlers.ReceiveCargo
	// Mailbox is what waits for private gateways, Log the history.
	Mailbox *projections.Reader
	Log     *jetstream.Log
}

// newerLog records what as makes of the data.
type newerLog struct {
	*jetstream.Log
	as func(events.Data) events.Data
}

// Append records the event in newer words.
func (l newerLog) Append(ctx context.Context, e events.Event) (events.Position, error) {
	e.Data = l.as(e.Data)
	return l.Log.Append(ctx, e)
}

// NewNewer returns the use cases of a running gateway as a newer version has them.
func NewNewer(g *Gateway, as func(events.Data) events.Data) *Newer {
	u, log := g.assembly.usecases, newerLog{g.assembly.services.log, as}
	n := &Newer{Accept: *u.accept, Collect: *u.collect, Receive: *u.receiveCargo, Mailbox: u.mailbox, Log: log.Log}
	n.Accept.Log, n.Collect.Log, n.Receive.Log = log, log, log
	return n
}
