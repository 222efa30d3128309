package interop

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/config"
	"awala.network/gateway/internal/servicestest"
	"awala.network/gateway/interop/process"
)

// books audits everything that was ever recorded, whoever caused it, and asks the
// gateway's own commands.
func (w *endToEnd) books(t *testing.T) {
	t.Run("blobs", w.auditBlobs)
	t.Run("history", func(t *testing.T) {
		w.command(t, "events", "checkpoint", "--admin", w.URL("admin"))
		t.Logf("%s", w.command(t, "events", "verify", "--admin", w.URL("admin")))
	})
	t.Run("projections", w.auditProjections)
	t.Run("doctor", func(t *testing.T) {
		t.Logf("%s", w.command(t, "doctor", "--remote", "--skip-dns", "--config", w.services.Config))
	})
}

// command runs one that must succeed.
func (w *endToEnd) command(t *testing.T, args ...string) string {
	t.Helper()
	out, err := process.Run(t, nil, args...)
	if err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return out
}

// auditProjections has every projection compared with the fold of the history.
func (w *endToEnd) auditProjections(t *testing.T) {
	list := w.command(t, "projections", "list", "--json", "--admin", w.URL("admin"))
	count := 0
	for line := range strings.Lines(list) {
		var p struct{ Name string }
		if err := json.Unmarshal([]byte(line), &p); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		w.command(t, "projections", "verify", p.Name, "--admin", w.URL("admin"))
		count++
	}
	t.Logf("%d projections are the fold of the history", count)
}

// parcelBooks are the versions of parcels in the history.
type parcelBooks struct {
	blobs map[string]string    // by the id of their acceptance
	ends  map[string][]string  // their ends, by type
	ended map[string]time.Time // when the last of those with a blob ended, by its key
	lives map[string][]string  // what was recorded of them, by their blob's key
}

func (w *endToEnd) readBooks(t *testing.T) parcelBooks {
	t.Helper()
	b := parcelBooks{blobs: map[string]string{}, ends: map[string][]string{}, ended: map[string]time.Time{}, lives: map[string][]string{}}
	for _, stream := range []string{events.StreamGatewayParcels, events.StreamInternetParcels} {
		for _, r := range recorded(t, w, stream) {
			b.enter(r)
		}
	}
	return b
}

func (b parcelBooks) enter(r events.Record) {
	tell := func(key string) {
		b.lives[key] = append(b.lives[key], fmt.Sprintf("%T %v", r.Data, r.StoredAt))
	}
	end := func(acceptedID string) {
		tell(b.blobs[acceptedID])
		b.ends[acceptedID] = append(b.ends[acceptedID], fmt.Sprintf("%T", r.Data))
		b.ended[b.blobs[acceptedID]] = r.StoredAt
	}
	switch data := r.Data.(type) {
	case events.GatewayParcelAccepted:
		b.blobs[r.ID] = data.BlobKey
		tell(data.BlobKey)
	case events.GatewayParcelCollected:
		end(data.AcceptedID)
	case events.GatewayParcelExpired:
		end(data.AcceptedID)
	case events.GatewayParcelReplaced:
		end(data.AcceptedID)
	case events.InternetParcelAccepted:
		b.blobs[r.ID] = data.BlobKey
	case events.InternetParcelDelivered:
		end(data.AcceptedID)
	case events.InternetParcelRefused:
		end(data.AcceptedID)
	case events.InternetParcelExpired:
		end(data.AcceptedID)
	}
}

// open are the keys of the blobs of what is queued.
func (b parcelBooks) open() map[string]bool {
	open := map[string]bool{}
	for id, key := range b.blobs {
		if len(b.ends[id]) == 0 {
			open[key] = true
		}
	}
	return open
}

// auditBlobs shows that each accepted parcel has one end and no blob, or a blob and no
// end.
func (w *endToEnd) auditBlobs(t *testing.T) {
	books := w.readBooks(t)
	for id, ends := range books.ends {
		if len(ends) > 1 {
			t.Errorf("the parcel of event %s has %d ends: %v", id, len(ends), ends)
		}
	}
	w.awaitDeletion(t, books)
	stored := w.blobs(t)
	open := w.readBooks(t).open() // some may have expired meanwhile
	for key := range open {
		if stored[key].IsZero() {
			t.Errorf("no blob %s, but its parcel is queued", key)
		}
		delete(stored, key)
	}
	t.Logf("%d parcels accepted, %d of them queued; %d blobs of requests that broke off wait for the sweep",
		len(books.blobs), len(open), len(stored))
}

// awaitDeletion waits until no blob is stored of what has ended. A blob that was stored
// after that is of a request that broke off before it knew: it waits for the sweep, or for
// the request to be tried again. The store's clock has whole seconds.
func (w *endToEnd) awaitDeletion(t *testing.T, books parcelBooks) {
	t.Helper()
	open := books.open()
	var left []string
	defer func() {
		if t.Failed() {
			t.Logf("%d are left: %v", len(left), left)
		}
	}()
	within(t, settledIn, "the blobs of parcels that have ended are deleted", func() bool {
		sleepFor(t.Context(), chaosPace)
		left = nil
		for key, at := range w.blobs(t) {
			if ended, ok := books.ended[key]; ok && !open[key] && at.Before(ended.Truncate(time.Second)) {
				left = append(left, fmt.Sprintf("%s stored %v: %v", key, at, books.lives[key]))
			}
		}
		return len(left) == 0
	})
}

// blobs lists the keys of the parcels that are stored, and since when.
func (w *endToEnd) blobs(t *testing.T) map[string]time.Time {
	t.Helper()
	c := servicestest.ObjectStore(t)
	c.Bucket = config.Text(w.services.Bucket)
	store := servicestest.Bucket(t, c)
	keys := map[string]time.Time{}
	for info, err := range store.List(t.Context(), "parcels/") {
		if err != nil {
			t.Fatal(err)
		}
		keys[info.Key] = info.StoredAt
	}
	return keys
}
