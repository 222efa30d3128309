package handlers_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/courierclient"
)

// versionsOf returns parcels of one id, each made a second after the one before.
func versionsOf(t *testing.T, id string, n int) [][]byte {
	t.Helper()
	versions := make([][]byte, n)
	for i := range versions {
		m := message()
		m.ID, m.CreatedAt, m.Payload = id, m.CreatedAt.Add(time.Duration(i)*time.Second), []byte(id)
		versions[i] = sign(t, m, theCast().sender)
	}
	return versions
}

// aftermath is what is left once everything was handled.
type aftermath struct {
	Queued, Due, Blobs []string
	ToInternet         int
}

// inOrder receives cargoes one after the other, has them unwrapped in another order,
// and then the blobs deleted of what has ended, in some order again.
func inOrder(t *testing.T, before []byte, cargoes [][][]byte, unwrap []int, swap func(n int) []int) aftermath {
	t.Helper()
	w := newCargoWorld(t)
	w.mustAccept(before)
	w.now = w.now.Add(time.Minute)
	w.collected()
	received := make([]events.Record, len(cargoes))
	for i, items := range cargoes {
		w.now = w.now.Add(time.Minute)
		received[i] = w.received(w.cargo(items...))
	}
	w.now = w.now.Add(time.Minute)
	for _, i := range unwrap {
		if err := w.unwrap.Handle(t.Context(), received[i]); err != nil {
			t.Fatal(err)
		}
	}
	w.project()
	if _, err := w.replace.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	ends := slices.Concat(w.records(events.StreamGatewayParcels), w.records(events.StreamInternetParcels), w.records(events.StreamCargo))
	for _, i := range swap(len(ends)) {
		if err := w.del.Handle(t.Context(), ends[i].Event); err != nil {
			t.Fatal(err)
		}
	}
	left := aftermath{ToInternet: len(w.records(events.StreamInternetParcels)), Due: dueParcels(w.world)}
	for _, item := range w.pending() {
		left.Queued = append(left.Queued, item.Key.ParcelID+" "+item.SHA256)
	}
	for _, key := range w.keys() {
		left.Blobs = append(left.Blobs, strings.TrimPrefix(key, "parcels/"))
	}
	for _, list := range [][]string{left.Queued, left.Due, left.Blobs} {
		slices.Sort(list)
	}
	return left
}

func upTo(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

// TestOrderDoesNotMatter shows why nothing waits behind a cargo or an event that was
// parked (docs/adr/0013-nothing-waits-behind-parked-messages.md): whatever is in the
// cargoes, in whatever order they are unwrapped, and blobs deleted, the same is left.
func TestOrderDoesNotMatter(t *testing.T) {
	one, two := versionsOf(t, "one", 3), versionsOf(t, "two", 3)
	acknowledged, err := courierclient.Acknowledgement(one[0])
	if err != nil {
		t.Fatal(err)
	}
	items := slices.Concat(one, two, [][]byte{acknowledged, toInternet(t), []byte("nonsense")})
	for seed := range uint64(20) { // each takes a quarter of a second, mostly for the disk
		random := rand.New(rand.NewPCG(seed, 1))
		cargoes := make([][][]byte, 2+random.IntN(3))
		for i := range cargoes {
			for range 1 + random.IntN(4) {
				cargoes[i] = append(cargoes[i], items[random.IntN(len(items))])
			}
		}
		before := one[random.IntN(len(one))]
		want := inOrder(t, before, cargoes, upTo(len(cargoes)), upTo)
		got := inOrder(t, before, cargoes, random.Perm(len(cargoes)), random.Perm)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("seed %d: %s", seed, diff)
		}
		if len(want.Blobs) != len(want.Queued)+want.ToInternet {
			t.Errorf("seed %d: blobs for others than what is open: %+v", seed, want)
		}
	}
}
