package history

import (
	"iter"

	"awala.network/gateway/events"
)

// sequence is a run of messages.
type sequence = iter.Seq2[events.Message, error]

// merge yields what several sequences hold, the earliest first. What one of them
// holds stays in its order. The first error ends it.
func merge(sequences []sequence) sequence {
	if len(sequences) == 1 {
		return sequences[0]
	}
	return func(yield func(events.Message, error) bool) {
		heads := make([]*head, 0, len(sequences))
		for _, s := range sequences {
			next, stop := iter.Pull2(s)
			defer stop()
			heads = append(heads, &head{next: next})
		}
		for _, h := range heads {
			if err := h.advance(); err != nil {
				yield(events.Message{}, err)
				return
			}
		}
		for h := earliest(heads); h != nil; h = earliest(heads) {
			if !yield(h.message, nil) {
				return
			}
			if err := h.advance(); err != nil {
				yield(events.Message{}, err)
				return
			}
		}
	}
}

// head is the next message of a sequence.
type head struct {
	next    func() (events.Message, error, bool)
	message events.Message
	ok      bool
}

func (h *head) advance() error {
	var err error
	h.message, err, h.ok = h.next()
	return err
}

// earliest returns the head with the earliest message, or nil if all are at their
// end.
func earliest(heads []*head) *head {
	var first *head
	for _, h := range heads {
		if h.ok && (first == nil || Time(h.message).Before(Time(first.message))) {
			first = h
		}
	}
	return first
}

// limit yields at most n messages; 0 is all.
func limit(s sequence, n int) sequence {
	if n == 0 {
		return s
	}
	return func(yield func(events.Message, error) bool) {
		left := n
		for m, err := range s {
			left--
			if !yield(m, err) || left == 0 {
				return
			}
		}
	}
}

// filtered yields what fits.
func filtered(s sequence, f Filter) sequence {
	return func(yield func(events.Message, error) bool) {
		for m, err := range s {
			if (err != nil || f.Fits(m)) && !yield(m, err) {
				return
			}
		}
	}
}
