package handlers_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"awala.network/gateway/events"
	"awala.network/gateway/handlers"
	"awala.network/gateway/internal/pohttp"
	"awala.network/gateway/projections"
)

// comesAgain returns a parcel to another Internet node that was accepted, and what
// delivers it.
func comesAgain(t *testing.T) (w *world, again func() (handlers.Accepted, error), deliver func()) {
	t.Helper()
	w = newWorld(t)
	h, a := delivering(t, w, &answers{results: []pohttp.Result{done}})
	raw, _, err := w.blobs.Get(t.Context(), a.Ref.BlobKey)
	if err != nil {
		t.Fatal(err)
	}
	again = func() (handlers.Accepted, error) {
		return w.accept.FromPrivateGateway(t.Context(), raw, theCast().private.id(), events.ViaCargo, nil)
	}
	return w, again, func() {
		if _, err := h.Handle(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		w.effects()
		w.projectDeliveries()
	}
}

// wantDelivered wants one life of the parcel in the history, and no octets left.
func wantDelivered(t *testing.T, w *world) {
	t.Helper()
	want := []string{"internet-parcel-accepted.v1", "internet-parcel-delivered.v1"}
	if diff := cmp.Diff(want, w.types(events.StreamInternetParcels)); diff != "" {
		t.Error(diff)
	}
	if keys := w.keys(); keys != nil {
		t.Errorf("left: %v", keys)
	}
}

// TestDeliveredParcelComesAgain long after the stream would recognise it: a private
// gateway sends it by courier until it hears that it arrived.
func TestDeliveredParcelComesAgain(t *testing.T) {
	w, again, deliver := comesAgain(t)
	deliver()
	w.log.armed = true // as good as the end of the deduplication window: nothing is appended
	if a, err := again(); err != nil || !a.Duplicate {
		t.Errorf("%+v, %v", a, err)
	}
	w.log.armed = false
	wantDelivered(t, w)
}

// meanwhile knows of no delivery when it is asked first, and then something happens.
type meanwhile struct {
	handlers.KnownDeliveries
	happens func()
}

func (m *meanwhile) Get(ctx context.Context, ids []string) (map[string]projections.Stored[projections.Delivery], error) {
	if m.happens == nil {
		return m.KnownDeliveries.Get(ctx, ids)
	}
	m.happens()
	m.happens = nil
	return nil, nil
}

// TestParcelIsDeliveredWhileItComesAgain has its end, and the deletion of its octets,
// come before they are stored again.
func TestParcelIsDeliveredWhileItComesAgain(t *testing.T) {
	w, again, deliver := comesAgain(t)
	w.accept.Deliveries = &meanwhile{w.accept.Deliveries, deliver}
	if a, err := again(); err != nil || !a.Duplicate {
		t.Errorf("%+v, %v", a, err)
	}
	wantDelivered(t, w)
}

// noDeliveries is an outage, in which nothing answers.
type noDeliveries struct{}

func (noDeliveries) Get(ctx context.Context, _ []string) (map[string]projections.Stored[projections.Delivery], error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// TestParcelsAreAcceptedWithoutTheProjection: what it would tell, the stream and the
// delivery queue tell as well.
func TestParcelsAreAcceptedWithoutTheProjection(t *testing.T) {
	w, again, _ := comesAgain(t)
	w.accept.Deliveries = noDeliveries{}
	if a, err := again(); err != nil || !a.Duplicate {
		t.Errorf("%+v, %v", a, err)
	}
	if got := w.types(events.StreamInternetParcels); len(got) != 1 {
		t.Error(got)
	}
}
