package handlers_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"awala.network/gateway/awala/pki"
	"awala.network/gateway/events"
	"awala.network/gateway/handlers"
	"awala.network/gateway/internal/durable/durabletest"
	"awala.network/gateway/internal/history"
	"awala.network/gateway/internal/jetstream"
	"awala.network/gateway/internal/jetstream/jetstreamtest"
	"awala.network/gateway/internal/keystore"
	"awala.network/gateway/internal/keystore/sealed"
	"awala.network/gateway/internal/names"
	"awala.network/gateway/projections"
)

// Two private gateways of the tests of forgetting.
const (
	toForget = "0f"
	toKeep   = "0b"
)

// killer ends a run at one of its writes: the one before which so many succeed. It has
// taken effect or not.
type killer struct {
	left   int
	effect bool
	killed bool
}

var errKilled = errors.New("killed")

func (k *killer) write(do func() error) error {
	if k.killed {
		return errKilled
	}
	if k.left < 0 {
		return do()
	}
	if k.left--; k.left >= 0 {
		return do()
	}
	k.killed = true
	if k.effect {
		_ = do()
	}
	return errKilled
}

// mortalSecrets, mortalLog and mortalBlobs die with their killer.
type mortalSecrets struct {
	keystore.Secrets
	*killer
}

func (s mortalSecrets) Put(ctx context.Context, path string, r keystore.Record) error {
	return s.write(func() error { return s.Secrets.Put(ctx, path, r) })
}

func (s mortalSecrets) Delete(ctx context.Context, path string) error {
	return s.write(func() error { return s.Secrets.Delete(ctx, path) })
}

type mortalLog struct {
	*jetstream.Log
	*killer
}

func (l mortalLog) Append(ctx context.Context, e events.Event) (p events.Position, err error) {
	err = l.write(func() error { p, err = l.Log.Append(names.Permit(ctx), e); return err })
	return p, err
}

type mortalBlobs struct {
	keys map[string]bool
	*killer
}

func (b mortalBlobs) Delete(_ context.Context, key string) error {
	return b.write(func() error { delete(b.keys, key); return nil })
}

// mortalModel counts how often it was rebuilt and swept to the end.
type mortalModel struct {
	*killer
	rebuilt, swept *int
}

func (mortalModel) Name() string { return "model" }

func (m mortalModel) Rebuild(_ context.Context, o projections.RebuildOptions, _ func(projections.Progress)) (projections.Rebuilt, error) {
	if !o.Fresh {
		return projections.Rebuilt{}, errors.New("it goes on with what may hold names")
	}
	return projections.Rebuilt{}, m.write(func() error { *m.rebuilt++; return nil })
}

func (m mortalModel) Sweep(context.Context, time.Duration) ([]string, error) {
	return nil, m.write(func() error { *m.swept++; return nil })
}

// forgettingWorld is a history with something of every kind that waits.
type forgettingWorld struct {
	killer         killer
	secrets        keystore.Secrets
	log            *jetstream.Log
	blobs          map[string]bool
	rebuilt, swept int
	pseudonym      string
}

func (w *forgettingWorld) keys() *keystore.Keys {
	return keystore.New(mortalSecrets{w.secrets, &w.killer})
}

// handler is that of a new process.
func (w *forgettingWorld) handler() *handlers.ForgetGateway {
	book := names.New(w.keys())
	return &handlers.ForgetGateway{
		Names: book, History: history.Naming{Log: w.log, Names: book}, Log: mortalLog{w.log, &w.killer},
		Blobs: mortalBlobs{w.blobs, &w.killer}, Identity: issuer{}, Keys: w.keys(),
		Models: []handlers.ReadModel{mortalModel{&w.killer, &w.rebuilt, &w.swept}},
		Pause:  func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
		Logger: slog.New(slog.DiscardHandler), Now: time.Now,
	}
}

// newForgettingWorld records, on a history that all worlds of a test share, what one
// gateway of this name and toKeep are to each other.
func newForgettingWorld(t *testing.T, secrets keystore.Secrets, log *jetstream.Log, gateway string) *forgettingWorld {
	t.Helper()
	w := &forgettingWorld{killer: killer{left: -1}, secrets: secrets, log: log, blobs: map[string]bool{}}
	parcel := func(n string, to, from string) events.GatewayParcelAccepted {
		w.blobs[gateway+n] = true
		return events.GatewayParcelAccepted{
			ParcelKey:        events.ParcelKey{SenderID: "0s", RecipientID: "0r", ParcelID: gateway + n},
			ParcelBlob:       events.ParcelBlob{BlobKey: gateway + n},
			PrivateGatewayID: to, SourceGatewayID: from,
		}
	}
	add := func(data events.Data) string {
		e := events.New("", "test", time.Now(), data)
		if _, err := log.Append(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		return e.ID
	}
	add(parcel("queued", gateway, ""))
	add(parcel("sent", toKeep, gateway))
	add(parcel("none of its", toKeep, "0c"))
	ended := add(parcel("ended", gateway, toKeep))
	add(events.GatewayParcelCollected{GatewayParcelEnd: events.GatewayParcelEnd{PrivateGatewayID: gateway, SourceGatewayID: toKeep, AcceptedID: ended}})
	w.blobs[gateway+"away"] = true
	away := add(events.InternetParcelAccepted{SourceGatewayID: gateway, Destination: "far.example", ParcelBlob: events.ParcelBlob{BlobKey: gateway + "away"}})
	w.blobs[gateway+"cargo"] = true
	add(events.CargoReceived{PrivateGatewayID: gateway, CargoID: "c", BlobKey: gateway + "cargo"})
	add(events.MessageParked{PrivateGatewayID: gateway, Consumer: "x", Stream: events.StreamInternetParcels, EventID: away, Reason: gateway})
	key, err := pki.GenerateSessionKey()
	if err != nil {
		t.Fatal(err)
	}
	if err := keystore.New(secrets).SaveSessionKey(t.Context(), issuer{}.NodeID(), gateway, key); err != nil {
		t.Fatal(err)
	}
	if w.pseudonym, err = names.New(keystore.New(secrets)).Known(t.Context(), gateway); err != nil {
		t.Fatal(err)
	}
	return w
}

// TestForgettingIsResumed kills a forgetting at each of its writes, whether it takes
// effect or not, and lets another process do it again: the result is always the same.
func TestForgettingIsResumed(t *testing.T) {
	secrets, err := sealed.Open("/keys", sealed.Options{FS: durabletest.NewDisk()})
	if err != nil {
		t.Fatal(err)
	}
	log := jetstreamtest.OpenNamed(t, names.New(keystore.New(secrets)))
	kills := 0
	for ; ; kills++ {
		survived := 0
		for _, effect := range []bool{false, true} {
			gateway := fmt.Sprintf("%s-%d-%t", toForget, kills, effect)
			w := newForgettingWorld(t, secrets, log, gateway)
			order := handlers.ForgetOrder{GatewayID: gateway, Operation: events.Operation{By: "anna"}}
			w.killer = killer{left: kills, effect: effect}
			_, err := w.handler().Run(t.Context(), order, func(string) {})
			if !w.killer.killed {
				survived++
			} else if !errors.Is(err, errKilled) {
				t.Fatalf("killed at write %d: %v", kills, err)
			}
			w.killer = killer{left: -1}
			if _, err := w.handler().Run(t.Context(), order, func(string) {}); err != nil && !errors.Is(err, names.ErrUnknown) {
				t.Fatalf("again after write %d: %v", kills, err)
			}
			w.check(t, gateway)
		}
		if survived == 2 {
			break
		}
	}
	if kills < 15 {
		t.Errorf("only %d writes", kills)
	}
}

// check holds what is left to what must be.
func (w *forgettingWorld) check(t *testing.T, gateway string) {
	t.Helper()
	if want := map[string]bool{gateway + "none of its": true, gateway + "ended": true}; len(w.blobs) != len(want) {
		t.Errorf("%s: blobs %v", gateway, w.blobs)
	}
	if w.rebuilt == 0 || w.swept == 0 {
		t.Errorf("%s: rebuilt %d times, swept %d times", gateway, w.rebuilt, w.swept)
	}
	paths, err := w.secrets.List(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		r, err := w.secrets.Get(t.Context(), path)
		for _, value := range r {
			if value == gateway || err != nil {
				t.Errorf("%s: the key store has it in %s, %v", gateway, path, err)
			}
		}
	}
	book := names.New(keystore.New(w.secrets))
	var types []string
	for _, stream := range events.Streams() {
		for r, err := range (history.Naming{Log: w.log, Names: book}).Naming(t.Context(), stream.Name, w.pseudonym) {
			if err != nil {
				t.Fatal(err)
			}
			if owner, source := events.GatewaysOf(r.Data); owner == gateway || source == gateway {
				t.Errorf("%s is named by %+v", gateway, r.Data)
			}
			types = append(types, string(r.Data.EventType()))
		}
	}
	slices.Sort(types)
	want := "cargo-received.v1 cargo-refused.v1 gateway-parcel-accepted.v1 gateway-parcel-accepted.v1 gateway-parcel-accepted.v1 " +
		"gateway-parcel-collected.v1 gateway-parcel-dropped.v1 gateway-parcel-dropped.v1 internet-parcel-accepted.v1 " +
		"internet-parcel-dropped.v1 message-parked.v1 parked-message-dropped.v1 " +
		"private-gateway-forgetting.v1 private-gateway-forgotten.v1"
	if got := strings.Join(types, " "); got != want {
		t.Errorf("%s: recorded\n%s\nwant\n%s", gateway, got, want)
	}
}

// TestForgettingAsksFirst: nothing is done on a dry run, while parcels are on their way
// that are to be kept, or to somebody of whom nothing is known.
func TestForgettingAsksFirst(t *testing.T) {
	secrets, err := sealed.Open("/keys", sealed.Options{FS: durabletest.NewDisk()})
	if err != nil {
		t.Fatal(err)
	}
	log := jetstreamtest.OpenNamed(t, names.New(keystore.New(secrets)))
	w := newForgettingWorld(t, secrets, log, toForget)
	w.killer = killer{left: 0} // any write is one too many
	would, err := w.handler().Run(t.Context(), handlers.ForgetOrder{GatewayID: toForget, DryRun: true}, func(string) {})
	if want := (handlers.Waiting{Queued: 1, Sent: 2, Cargoes: 1, Parked: 1}); err != nil || would.Waiting != want || !would.DryRun {
		t.Errorf("%+v, %v", would, err)
	}
	if _, err := w.handler().Run(t.Context(), handlers.ForgetOrder{GatewayID: toForget, KeepSent: true}, func(string) {}); !errors.Is(err, handlers.ErrStillSending) {
		t.Errorf("error %v", err)
	}
	if _, err := w.handler().Run(t.Context(), handlers.ForgetOrder{GatewayID: "0x"}, func(string) {}); !errors.Is(err, names.ErrUnknown) {
		t.Errorf("error %v", err)
	}
	if w.killer.killed {
		t.Error("something was done")
	}
	if _, err := log.Last(t.Context(), events.StreamGateway, events.ForgettingChannel); !errors.Is(err, io.EOF) {
		t.Errorf("recorded: %v", err)
	}
}

// TestForgottenStaysForgotten restores the key store from a backup that has the key of a
// private gateway which was forgotten since, and another from before it had a name.
func TestForgottenStaysForgotten(t *testing.T) {
	secrets, err := sealed.Open("/keys", sealed.Options{FS: durabletest.NewDisk()})
	if err != nil {
		t.Fatal(err)
	}
	log := jetstreamtest.OpenNamed(t, names.New(keystore.New(secrets)))
	w := newForgettingWorld(t, secrets, log, toForget)
	backup := map[string]keystore.Record{}
	paths, err := secrets.List(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		if backup[path], err = secrets.Get(t.Context(), path); err != nil {
			t.Fatal(err)
		}
	}
	order := handlers.ForgetOrder{GatewayID: toForget}
	if _, err := w.handler().Run(t.Context(), order, func(string) {}); err != nil {
		t.Fatal(err)
	}
	keys := keystore.New(secrets)
	keep := func() int {
		t.Helper()
		h := &handlers.KeepForgotten{Names: names.New(keys), Log: log, Logger: slog.New(slog.DiscardHandler)}
		n, err := h.Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := keep(); n != 0 {
		t.Errorf("%d keys were there", n)
	}
	for path, r := range backup {
		if strings.HasPrefix(path, "s-") {
			continue // session keys are of no use without a name
		}
		if err := secrets.Put(t.Context(), path, r); err != nil {
			t.Fatal(err)
		}
	}
	if n := keep(); n != 1 {
		t.Errorf("%d keys were there", n)
	}
	if left, err := keys.Forgettings(t.Context()); err != nil || len(left) != 1 {
		t.Errorf("%+v, %v", left, err)
	}
	if _, err := w.handler().Run(t.Context(), order, func(string) {}); err != nil {
		t.Fatal(err)
	}
	w.check(t, toForget)
	if err := secrets.Delete(t.Context(), "f-"+strings.TrimPrefix(w.pseudonym, "p-")); err != nil {
		t.Fatal(err)
	}
	keep()
	if n, err := names.New(keys).Named(t.Context(), w.pseudonym); err != nil || n.GatewayID != "" {
		t.Errorf("%+v, %v", n, err)
	}
}
