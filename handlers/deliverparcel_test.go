package handlers_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"awala.network/gateway/awala/pki"
	"awala.network/gateway/events"
	"awala.network/gateway/handlers"
	"awala.network/gateway/internal/pohttp"
	"awala.network/gateway/projections"
)

// answers is a destination: it gives each result once, the last for ever.
type answers struct {
	results []pohttp.Result
	got     [][]byte
}

// Deliver gives the next result.
func (a *answers) Deliver(_ context.Context, _ string, parcel []byte) pohttp.Result {
	a.got = append(a.got, parcel)
	result := a.results[0]
	if len(a.results) > 1 {
		a.results = a.results[1:]
	}
	return result
}

var (
	done    = pohttp.Result{Verdict: pohttp.Done, Stage: pohttp.StageAnswer, Status: 202}
	refused = pohttp.Result{Verdict: pohttp.Refused, Stage: pohttp.StageAnswer, Status: 403, Cause: "HTTP status 403 (Forbidden)"}
	notNow  = pohttp.Result{Verdict: pohttp.Later, Stage: pohttp.StageConnect, Cause: "connection refused"}
)

// delivering returns the use case, and the assignment of a parcel just accepted.
func delivering(t *testing.T, w *world, to *answers) (*handlers.DeliverParcel, handlers.Assignment) {
	t.Helper()
	m := message()
	m.Recipient.InternetAddress = "example.org"
	_, err := w.accept.FromPrivateGateway(t.Context(), sign(t, m, theCast().sender), theCast().private.id(), events.ViaPoWeb, nil)
	if err != nil {
		t.Fatal(err)
	}
	h := &handlers.DeliverParcel{
		Blobs: w.blobs, Postman: to, Log: w.log, Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return w.now },
		Retry: handlers.RetryPolicy{Initial: time.Minute, Max: time.Hour, Horizon: 24 * time.Hour, Random: func() float64 { return 0.5 }},
	}
	return h, assignment(w, h)
}

// assignment is what the queue would hand out.
func assignment(w *world, h *handlers.DeliverParcel) handlers.Assignment {
	var d projections.Delivery
	for _, r := range w.records(events.StreamInternetParcels) {
		projections.Deliveries{}.Fold(&d, r)
	}
	open := func() bool { return true }
	reached := func(context.Context, uint64) error { return nil }
	return handlers.Assignment{Delivery: d, Deadline: h.Retry.Deadline(&d, &projections.Destination{}), Open: open, Reached: reached}
}

func TestDeliveryOutcomes(t *testing.T) {
	tests := map[string]struct {
		result pohttp.Result
		change func(w *world, a *handlers.Assignment)
		state  projections.DeliveryState
		reason string
		posted int
	}{
		"accepted":     {result: done, state: projections.DeliveryDelivered, posted: 1},
		"refused":      {result: refused, state: projections.DeliveryRefused, reason: "403", posted: 1},
		"not now":      {result: notNow, state: projections.DeliveryDeferred, posted: 1},
		"time is up":   {result: done, change: func(w *world, _ *handlers.Assignment) { w.now = w.now.Add(25 * time.Hour) }, state: projections.DeliveryExpired, reason: "the parcel expired"},
		"horizon":      {result: done, change: func(w *world, a *handlers.Assignment) { a.Deadline = w.now }, state: projections.DeliveryExpired, reason: "the time for retries is over"},
		"last attempt": {result: notNow, change: func(w *world, a *handlers.Assignment) { a.Deadline = w.now.Add(30 * time.Second) }, state: projections.DeliveryExpired, reason: "connection refused", posted: 1},
		"blob is gone": {result: done, change: func(w *world, a *handlers.Assignment) { _ = w.blobs.Delete(t.Context(), a.Ref.BlobKey) }, state: projections.DeliveryDeferred},
		"blob is gone to the end": {result: done, change: func(w *world, a *handlers.Assignment) {
			_ = w.blobs.Delete(t.Context(), a.Ref.BlobKey)
			a.Deadline = w.now.Add(30 * time.Second)
		}, state: projections.DeliveryExpired, reason: "the stored parcel is missing"},
		"blob is spoilt": {result: done, change: func(w *world, a *handlers.Assignment) {
			_ = w.blobs.Put(t.Context(), a.Ref.BlobKey, []byte("garbage"), blobMeta)
		}, state: projections.DeliveryDeferred},
		"expired before its deadline": {result: done, change: func(w *world, a *handlers.Assignment) {
			w.now, a.Deadline = w.now.Add(2*time.Hour), w.now.Add(9*time.Hour)
		}, state: projections.DeliveryExpired, reason: "the parcel expired"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w, to := newWorld(t), &answers{results: []pohttp.Result{tt.result}}
			h, a := delivering(t, w, to)
			if tt.change != nil {
				tt.change(w, &a)
			}
			if _, err := h.Handle(t.Context(), a); err != nil {
				t.Fatal(err)
			}
			got := assignment(w, h).Delivery
			if got.State != tt.state || !strings.Contains(got.Reason, tt.reason) || len(to.got) != tt.posted {
				t.Errorf("%s (%s) after %d posts, want %s (%s) after %d", got.State, got.Reason, len(to.got), tt.state, tt.reason, tt.posted)
			}
		})
	}
}

// TestLostParcelIsBroughtBack has an operator restore what the object store lost.
func TestLostParcelIsBroughtBack(t *testing.T) {
	for name, spoil := range map[string]func(w *world, key string) error{
		"missing": func(w *world, key string) error { return w.blobs.Delete(t.Context(), key) },
		"damaged": func(w *world, key string) error { return w.blobs.Put(t.Context(), key, []byte("garbage"), blobMeta) },
	} {
		t.Run(name, func(t *testing.T) {
			w, to := newWorld(t), &answers{results: []pohttp.Result{done}}
			h, a := delivering(t, w, to)
			stored, meta, err := w.blobs.Get(t.Context(), a.Ref.BlobKey)
			if err != nil {
				t.Fatal(err)
			}
			if err := spoil(w, a.Ref.BlobKey); err != nil {
				t.Fatal(err)
			}
			if out, err := h.Handle(t.Context(), a); err != nil || out.Attempted {
				t.Fatalf("%+v, %v", out, err)
			}
			a = assignment(w, h)
			if !strings.Contains(a.LastAttempt.Cause, name) {
				t.Errorf("cause %q", a.LastAttempt.Cause)
			}
			if err := w.blobs.Put(t.Context(), a.Ref.BlobKey, stored, meta); err != nil {
				t.Fatal(err)
			}
			w.now = a.NextAttemptAt
			if _, err := h.Handle(t.Context(), a); err != nil {
				t.Fatal(err)
			}
			if got := assignment(w, h).Delivery; got.State != projections.DeliveryDelivered || got.Attempts != 2 {
				t.Errorf("%s after %d attempts", got.State, got.Attempts)
			}
		})
	}
}

// TestDeliveryOfExpiredSender has the sender's certificate expire in the queue.
func TestDeliveryOfExpiredSender(t *testing.T) {
	w, to := newWorld(t), &answers{results: []pohttp.Result{done}}
	c := theCast()
	short, err := pki.IssueDeliveryAuthorization(pki.IssueRequest{
		Subject: &c.sender.key.PublicKey, IssuerKey: c.endpoint.key, Issuer: c.endpoint.certificate,
		NotBefore: today.AddDate(0, 0, -2), NotAfter: today.Add(5 * time.Minute),
	})
	if err != nil {
		t.Fatal(err)
	}
	m := message()
	m.Recipient.InternetAddress, m.Sender = "example.org", short
	if _, err := w.accept.FromPrivateGateway(t.Context(), sign(t, m, c.sender), c.private.id(), events.ViaPoWeb, nil); err != nil {
		t.Fatal(err)
	}
	h := &handlers.DeliverParcel{
		Blobs: w.blobs, Postman: to, Log: w.log, Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return w.now },
		Retry: handlers.RetryPolicy{Initial: time.Minute, Max: time.Hour, Horizon: 24 * time.Hour, Random: func() float64 { return 0.5 }},
	}
	w.now = w.now.Add(10 * time.Minute)
	if _, err := h.Handle(t.Context(), assignment(w, h)); err != nil {
		t.Fatal(err)
	}
	if got := assignment(w, h).Delivery; got.State != projections.DeliveryRefused || !strings.HasPrefix(got.Reason, "invalid: ") || len(to.got) != 0 {
		t.Errorf("%s: %s", got.State, got.Reason)
	}
}

// TestDeliveryEndedElsewhere has another process deliver the parcel, which deletes its
// blob, before this one has read of it: nothing is recorded.
func TestDeliveryEndedElsewhere(t *testing.T) {
	w, to := newWorld(t), &answers{results: []pohttp.Result{done}}
	h, a := delivering(t, w, to)
	elsewhere, err := h.Handle(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.blobs.Delete(t.Context(), a.Ref.BlobKey); err != nil {
		t.Fatal(err)
	}
	reached := uint64(0)
	a.Open = func() bool { return reached == 0 }
	a.Reached = func(_ context.Context, sequence uint64) error { reached = sequence; return nil }
	out, err := h.Handle(t.Context(), a)
	if err != nil || out.Recorded.Sequence != 0 {
		t.Errorf("%+v, %v", out, err)
	}
	if reached != elsewhere.Recorded.Sequence || len(w.records(events.StreamInternetParcels)) != 2 {
		t.Errorf("waited for %d, want %d", reached, elsewhere.Recorded.Sequence)
	}
	a.Reached = func(context.Context, uint64) error { return context.DeadlineExceeded }
	if _, err := h.Handle(t.Context(), a); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v, want DeadlineExceeded", err)
	}
}

// TestDeliveryRecordsEachAttempt goes through the pauses, and RetryAfter.
func TestDeliveryRecordsEachAttempt(t *testing.T) {
	busy := pohttp.Result{Stage: pohttp.StageAnswer, Status: 429, Cause: "busy", RetryAfter: 7 * time.Minute}
	w, to := newWorld(t), &answers{results: []pohttp.Result{notNow, notNow, notNow, busy, done}}
	h, a := delivering(t, w, to)
	var pauses []time.Duration
	for a.State.Open() {
		if _, err := h.Handle(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		if a = assignment(w, h); a.State.Open() {
			pauses = append(pauses, a.NextAttemptAt.Sub(w.now))
			w.now = a.NextAttemptAt
		}
	}
	if diff := cmp.Diff([]time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute}, pauses); diff != "" {
		t.Error(diff)
	}
	if a.State != projections.DeliveryDelivered || a.Attempts != 5 {
		t.Errorf("%s after %d attempts", a.State, a.Attempts)
	}
}

// TestDeliveryFaults has the append fail in both ways: the outcome is recorded all
// the same, once, and nothing is posted twice.
func TestDeliveryFaults(t *testing.T) {
	for name, fault := range faults {
		for _, result := range []pohttp.Result{done, refused, notNow} {
			w, to := newWorld(t), &answers{results: []pohttp.Result{result}}
			h, a := delivering(t, w, to)
			w.log.breaker = fault
			out, err := h.Handle(t.Context(), a)
			if err != nil {
				t.Fatal(err)
			}
			if types := w.types(events.StreamInternetParcels); len(types) != 2 || len(to.got) != 1 || out.Recorded.Sequence != 2 {
				t.Errorf("%s, %s: %v after %d posts, at %d", name, result.Verdict, types, len(to.got), out.Recorded.Sequence)
			}
		}
	}
}

// TestOneEndWhateverItIs ends a delivery in four ways at once.
func TestOneEndWhateverItIs(t *testing.T) {
	w, to := newWorld(t), &answers{results: []pohttp.Result{done, refused}}
	h, a := delivering(t, w, to)
	operate := &handlers.OperateQueue{Log: w.log, Now: func() time.Time { return w.now }}
	for range 2 {
		if _, err := h.Handle(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		if _, err := h.Expire(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		if err := operate.Drop(t.Context(), a.Delivery, events.Operation{By: "me", Reason: "no more"}); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"internet-parcel-accepted.v1", "internet-parcel-delivered.v1"}
	if diff := cmp.Diff(want, w.types(events.StreamInternetParcels)); diff != "" {
		t.Error(diff)
	}
}

// TestNothingIsRecordedAfterTheEnd has another end the delivery during the
// attempt.
func TestNothingIsRecordedAfterTheEnd(t *testing.T) {
	w, to := newWorld(t), &answers{results: []pohttp.Result{notNow}}
	h, a := delivering(t, w, to)
	a.Open = func() bool { return false }
	out, err := h.Handle(t.Context(), a)
	if err != nil || out.Recorded.Sequence != 0 || len(w.types(events.StreamInternetParcels)) != 1 {
		t.Errorf("%+v, %v", out, err)
	}
}
