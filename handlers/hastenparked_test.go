package handlers_test

import (
	"errors"
	"testing"
	"time"

	"awala.network/gateway/events"
	"awala.network/gateway/handlers"
	"awala.network/gateway/internal/blobs"
	"awala.network/gateway/internal/fault"
)

func TestHastenGatewayParcel(t *testing.T) {
	for name, broken := range faults {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			raw := parcel(t, "one")
			w.mustAccept(raw)
			h := &handlers.HastenGatewayParcel{Mailbox: w.reader, Blobs: w.blobs, Log: w.log, Now: func() time.Time { return w.now }}
			r, item := w.records(events.StreamGatewayParcels)[0], w.pending()[0]
			hastened := func() (n int) {
				for _, typ := range w.types(events.StreamGatewayParcels) {
					if typ == "gateway-parcel-hastened.v1" {
						n++
					}
				}
				return n
			}

			if err := w.blobs.Delete(t.Context(), item.BlobKey); err != nil {
				t.Fatal(err)
			}
			if err := h.Handle(t.Context(), r); !errors.Is(err, blobs.ErrNotFound) || hastened() != 0 {
				t.Errorf("without its octets: %v, %d events", err, hastened())
			}
			if err := w.blobs.Put(t.Context(), item.BlobKey, raw, blobMeta); err != nil {
				t.Fatal(err)
			}
			w.log.breaker = broken
			if err := h.Handle(t.Context(), r); !errors.Is(err, errBroken) {
				t.Errorf("broken: %v", err)
			}
			for range 2 {
				if err := h.Handle(t.Context(), r); err != nil {
					t.Error(err)
				}
			}
			if hastened() != 1 || len(w.pending()) != 1 {
				t.Errorf("%d events, pending %v", hastened(), w.pending())
			}

			if err := w.collect.Acknowledged(t.Context(), item, events.ViaPoWeb); err != nil {
				t.Fatal(err)
			}
			w.now = w.now.Add(time.Second)
			if err := h.Handle(t.Context(), r); err != nil || hastened() != 1 {
				t.Errorf("after its end: %v, %d events", err, hastened())
			}
			r.Data = events.IdentityCreated{}
			if err := h.Handle(t.Context(), r); !fault.IsPermanent(err) {
				t.Errorf("no parcel: %v", err)
			}
		})
	}
}
