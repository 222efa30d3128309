package cargo_test

import (
	"errors"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"awala.network/gateway/awala/cargo"
	"awala.network/gateway/awala/ramf"
)

var epoch = time.Date(2026, time.November, 15, 0, 0, 0, 0, time.UTC)

// item has a body of the given length and expires some hours after the epoch.
func item(ref string, length, hours int) cargo.Item {
	return cargo.Item{Ref: ref, Body: make([]byte, length), ExpiresAt: epoch.Add(time.Duration(hours) * time.Hour)}
}

func sequence(items ...cargo.Item) iter.Seq2[cargo.Item, error] {
	return func(yield func(cargo.Item, error) bool) {
		for _, item := range items {
			if !yield(item, nil) {
				return
			}
		}
	}
}

// collect drains the batches into the refs of their items.
func collect(t *testing.T, items iter.Seq2[cargo.Item, error]) (batches []string, expiries []time.Duration, oversize []string) {
	t.Helper()
	for batch, err := range cargo.Batches(items, func(i cargo.Item) { oversize = append(oversize, i.Ref) }) {
		if err != nil {
			t.Fatal(err)
		}
		set, err := batch.MessageSet()
		if err != nil {
			t.Fatalf("batch does not fit: %v", err)
		}
		if len(set) > ramf.MaxPlaintextLen {
			t.Errorf("set of %d octets", len(set))
		}
		var refs []string
		for _, item := range batch.Items {
			refs = append(refs, item.Ref)
		}
		batches = append(batches, strings.Join(refs, " "))
		expiries = append(expiries, batch.ExpiresAt.Sub(epoch))
	}
	return batches, expiries, oversize
}

func TestBatches(t *testing.T) {
	const half = ramf.MaxPlaintextLen / 2
	for name, test := range map[string]struct {
		items    []cargo.Item
		batches  []string
		expiries []time.Duration
		oversize []string
	}{
		"nothing": {},
		"one":     {items: []cargo.Item{item("a", 1, 1)}, batches: []string{"a"}, expiries: []time.Duration{time.Hour}},
		"latest expiry counts": {
			items:    []cargo.Item{item("a", 1, 2), item("b", 1, 3), item("c", 1, 1)},
			batches:  []string{"a b c"},
			expiries: []time.Duration{3 * time.Hour},
		},
		"expiry in the past counts": {
			items:    []cargo.Item{item("a", 1, -5)},
			batches:  []string{"a"},
			expiries: []time.Duration{-5 * time.Hour},
		},
		"exactly full": {
			items:    []cargo.Item{item("a", half-5, 1), item("b", half-10, 1)},
			batches:  []string{"a b"},
			expiries: []time.Duration{time.Hour},
		},
		"one octet too many": {
			items:    []cargo.Item{item("a", half-5, 1), item("b", half-9, 2)},
			batches:  []string{"a", "b"},
			expiries: []time.Duration{time.Hour, 2 * time.Hour},
		},
		"order is kept even where a later item would fit": {
			items:    []cargo.Item{item("a", half, 1), item("b", half, 1), item("c", 1, 1)},
			batches:  []string{"a", "b c"},
			expiries: []time.Duration{time.Hour, time.Hour},
		},
		"largest item": {
			items:    []cargo.Item{item("a", cargo.MaxWrittenItemLen, 1)},
			batches:  []string{"a"},
			expiries: []time.Duration{time.Hour},
		},
		"oversize items do not hold up the others": {
			items:    []cargo.Item{item("a", 1, 1), item("huge", cargo.MaxWrittenItemLen+1, 9), item("b", 1, 1)},
			batches:  []string{"a b"},
			expiries: []time.Duration{time.Hour},
			oversize: []string{"huge"},
		},
		"nothing but oversize": {
			items:    []cargo.Item{item("huge", cargo.MaxWrittenItemLen+1, 9)},
			oversize: []string{"huge"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			batches, expiries, oversize := collect(t, sequence(test.items...))
			if diff := cmp.Diff(test.batches, batches); diff != "" {
				t.Errorf("batches (-want +got)\n%s", diff)
			}
			if diff := cmp.Diff(test.expiries, expiries); diff != "" {
				t.Errorf("expiries (-want +got)\n%s", diff)
			}
			if diff := cmp.Diff(test.oversize, oversize); diff != "" {
				t.Errorf("oversize (-want +got)\n%s", diff)
			}
		})
	}
}

func TestBatchesPassErrorOnAfterWhatWasRead(t *testing.T) {
	outage := errors.New("outage")
	items := func(yield func(cargo.Item, error) bool) {
		if yield(item("a", 1, 1), nil) && yield(cargo.Item{}, outage) {
			t.Error("reads on after an error")
		}
	}
	var log []string
	for batch, err := range cargo.Batches(items, refuseOversize(t)) {
		if err != nil {
			log = append(log, err.Error())
			continue
		}
		log = append(log, batch.Items[0].Ref)
	}
	if diff := cmp.Diff([]string{"a", "outage"}, log); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestBatchesReadNoFurtherThanAsked(t *testing.T) {
	read := 0
	items := func(yield func(cargo.Item, error) bool) {
		for yield(item("a", ramf.MaxPlaintextLen/2, 1), nil) {
			read++
		}
	}
	for range cargo.Batches(items, refuseOversize(t)) {
		break
	}
	// The first batch is complete when the second item turns out not to fit.
	if read != 1 {
		t.Errorf("went on after %d items", read)
	}
}

func TestBatchesStopWhenConsumerStopsBeforeError(t *testing.T) {
	items := func(yield func(cargo.Item, error) bool) {
		_ = yield(item("a", 1, 1), nil) && yield(cargo.Item{}, errors.New("outage"))
	}
	for _, err := range cargo.Batches(items, refuseOversize(t)) {
		if err != nil {
			t.Fatal(err)
		}
		break
	}
}

func TestBatchesKeepEveryItemInOrder(t *testing.T) {
	length := rapid.OneOf(rapid.IntRange(0, 1000), rapid.IntRange(ramf.MaxPlaintextLen/4, ramf.MaxPlaintextLen+1000))
	// The bodies share memory: only their lengths matter.
	room := make([]byte, ramf.MaxPlaintextLen+1000)
	rapid.Check(t, func(t *rapid.T) {
		var items []cargo.Item
		var want, got []int
		for _, n := range rapid.SliceOfN(length, 0, 12).Draw(t, "lengths") {
			items = append(items, cargo.Item{Body: room[:n]})
			want = append(want, n)
		}
		skipped := 0
		for batch, err := range cargo.Batches(sequence(items...), func(i cargo.Item) { skipped++ }) {
			if err != nil || len(batch.Items) == 0 {
				t.Fatalf("batch of %d items, error %v", len(batch.Items), err)
			}
			size := 5
			for _, item := range batch.Items {
				size += 5 + len(item.Body)
				got = append(got, len(item.Body))
			}
			if size > ramf.MaxPlaintextLen+5 {
				t.Fatalf("batch of %d octets", size)
			}
		}
		want = fitting(want)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("(-want +got)\n%s", diff)
		}
		if skipped != len(items)-len(want) {
			t.Fatalf("%d items skipped", skipped)
		}
	})
}

// fitting leaves out the lengths of items that no cargo can carry.
func fitting(lengths []int) []int {
	var fit []int
	for _, n := range lengths {
		if n <= cargo.MaxWrittenItemLen {
			fit = append(fit, n)
		}
	}
	return fit
}

func refuseOversize(t *testing.T) func(cargo.Item) {
	return func(i cargo.Item) { t.Errorf("item %q reported as oversize", i.Ref) }
}
