package evidence_test

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/evidence"
)

// history is a stream with its evidence.
type history struct {
	messages []events.Message
	leaves   []tlog.Hash
}

func message(sequence uint64, body string) events.Message {
	return events.Message{
		Stream: "S", Sequence: sequence, Subject: "s",
		Header: map[string][]string{"Nats-Msg-Id": {fmt.Sprint("id-", body)}}, Body: []byte(body),
	}
}

// newHistory returns n events, with gaps at some sequences.
func newHistory(n int, gaps ...uint64) history {
	var h history
	for sequence := uint64(1); sequence <= uint64(n); sequence++ {
		if slices.Contains(gaps, sequence) {
			h.leaves = append(h.leaves, evidence.GapHash(sequence))
			continue
		}
		m := message(sequence, fmt.Sprint(sequence))
		h.messages = append(h.messages, m)
		h.leaves = append(h.leaves, evidence.LeafHash(m))
	}
	return h
}

func (h history) checkpoint() evidence.Checkpoint {
	var edge evidence.Edge
	for _, leaf := range h.leaves {
		edge.Add(leaf)
	}
	return evidence.Checkpoint{Gateway: "g", Stream: "S", Size: edge.Size(), Root: edge.Root()}
}

func (h history) audit(messages []events.Message, adjust ...func(*evidence.Subject)) (evidence.Result, error) {
	s := evidence.Subject{Checkpoint: h.checkpoint(), Leaves: each(h.leaves), Messages: each(messages), Closed: true}
	for _, f := range adjust {
		f(&s)
	}
	return evidence.Audit(s)
}

func each[T any](s []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, v := range s {
			if !yield(v, nil) {
				return
			}
		}
	}
}

// renumbered closes the gaps in a slice of messages.
func renumbered(messages []events.Message) []events.Message {
	messages = slices.Clone(messages)
	for i := range messages {
		messages[i].Sequence = uint64(i) + 1
	}
	return messages
}

func TestAuditNamesTheFirstDifference(t *testing.T) {
	h := newHistory(300)
	m := h.messages
	at := func(i uint64) int { return int(i) - 1 }
	altered := slices.Clone(m)
	altered[at(7)].Body = []byte("other")
	subject := slices.Clone(m)
	subject[at(300)].Subject = "t"
	for name, tt := range map[string]struct {
		messages []events.Message
		want     evidence.Difference
	}{
		"body altered":        {altered, evidence.Difference{Sequence: 7, Kind: evidence.Altered, EventID: "id-7"}},
		"last subject":        {subject, evidence.Difference{Sequence: 300, Kind: evidence.Altered, EventID: "id-300"}},
		"removed":             {slices.Delete(slices.Clone(m), at(9), at(10)), evidence.Difference{Sequence: 9, Kind: evidence.Removed}},
		"first removed":       {m[1:], evidence.Difference{Sequence: 1, Kind: evidence.Removed}},
		"end removed":         {m[:298], evidence.Difference{Sequence: 299, Kind: evidence.Removed}},
		"all removed":         {nil, evidence.Difference{Sequence: 1, Kind: evidence.Removed}},
		"removed, renumbered": {renumbered(slices.Delete(slices.Clone(m), at(9), at(10))), evidence.Difference{Sequence: 9, Kind: evidence.Removed, Shifted: true}},
		"inserted, renumbered": {
			renumbered(slices.Insert(slices.Clone(m), at(20), message(0, "new"))),
			evidence.Difference{Sequence: 20, Kind: evidence.Inserted, EventID: "id-new", Shifted: true},
		},
		"inserted, same sequence": {
			slices.Insert(slices.Clone(m), at(20), message(19, "new")),
			evidence.Difference{Sequence: 19, Kind: evidence.Inserted, EventID: "id-new"},
		},
		"inserted at the end": {append(slices.Clone(m), message(301, "new")), evidence.Difference{Sequence: 301, Kind: evidence.Inserted, EventID: "id-new"}},
	} {
		t.Run(name, func(t *testing.T) {
			tt.want.Stream = "S"
			result, err := h.audit(tt.messages)
			if err != nil || result.OK() || result.First == nil || *result.First != tt.want {
				t.Errorf("got %v, %v; want %v", result.First, err, tt.want)
			}
		})
	}
}

func TestAuditOfWhatIsThere(t *testing.T) {
	h := newHistory(600, 1, 5, 6, 600)
	result, err := h.audit(h.messages)
	if err != nil || !result.OK() || result.Verified != 596 {
		t.Errorf("%+v, %v", result, err)
	}
	inGap := slices.Insert(slices.Clone(h.messages), 3, message(5, "new"))
	if result, err := h.audit(inGap); err != nil || result.First == nil || result.First.Kind != evidence.Inserted || result.First.Sequence != 5 {
		t.Errorf("in a gap: %+v, %v", result, err)
	}
	aged, err := h.audit(h.messages[100:], func(s *evidence.Subject) {
		s.Aged = func(sequence uint64) (bool, error) { return sequence < h.messages[100].Sequence, nil }
	})
	if err != nil || !aged.OK() || aged.Aged != 100 || aged.Verified != 496 {
		t.Errorf("after retention: %+v, %v", aged, err)
	}
	beyond, err := h.audit(append(slices.Clone(h.messages), message(601, "x")), func(s *evidence.Subject) { s.Closed = false })
	if err != nil || !beyond.OK() || beyond.Beyond != 1 {
		t.Errorf("a stream that grew: %+v, %v", beyond, err)
	}
}

func TestAuditOfDamagedHashes(t *testing.T) {
	h := newHistory(30)
	damaged := slices.Clone(h.leaves)
	damaged[3][0] ^= 1
	_, err := h.audit(h.messages, func(s *evidence.Subject) { s.Leaves = each(damaged) })
	if !errors.Is(err, evidence.ErrLeaves) || err.Error() == evidence.ErrLeaves.Error() {
		t.Errorf("hashes changed, events not: %v", err)
	}
	if _, err := h.audit(h.messages, func(s *evidence.Subject) { s.Leaves = each(h.leaves[:29]) }); !errors.Is(err, evidence.ErrLeaves) {
		t.Errorf("hash missing: %v", err)
	}
	broken := errors.New("broken")
	failing := func(yield func(events.Message, error) bool) { yield(events.Message{}, broken) }
	if _, err := h.audit(nil, func(s *evidence.Subject) { s.Messages = failing }); !errors.Is(err, broken) {
		t.Errorf("unreadable: %v", err)
	}
}

// TestAuditFindsEveryChange changes a random history anywhere, and the audit names
// the place.
func TestAuditFindsEveryChange(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(2, 600).Draw(rt, "events")
		h := newHistory(n)
		i := rapid.IntRange(0, n-1).Draw(rt, "index")
		renumber := rapid.Bool().Draw(rt, "renumber")
		changed := slices.Clone(h.messages)
		kind := rapid.SampledFrom([]evidence.Kind{evidence.Altered, evidence.Removed, evidence.Inserted}).Draw(rt, "kind")
		want := uint64(i) + 1
		switch kind {
		case evidence.Altered:
			changed[i].Body = append([]byte("x"), changed[i].Body...)
		case evidence.Removed:
			changed = slices.Delete(changed, i, i+1)
		case evidence.Inserted:
			// Without renumbering, the second of two at a sequence is the one inserted.
			changed = slices.Insert(changed, i+1, message(want, "new"))
			if renumber {
				want++
			}
		}
		if renumber {
			changed = renumbered(changed)
		}
		result, err := h.audit(changed)
		if err != nil || result.First == nil || result.First.Sequence != want || result.First.Kind != kind {
			rt.Fatalf("%s at %d: got %v, %v", kind, want, result.First, err)
		}
	})
}
