package evidence

import (
	"errors"
	"fmt"
	"iter"

	"golang.org/x/mod/sumdb/tlog"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/fault"
)

// Kind is what happened to an event since it was signed for.
type Kind string

// The kinds of differences.
const (
	Altered  Kind = "altered"
	Removed  Kind = "removed"
	Inserted Kind = "inserted"
)

// Difference is the first place where a history is not what was signed.
type Difference struct {
	Stream   string `json:"stream"`
	Sequence uint64 `json:"sequence"`
	Kind     Kind   `json:"kind"`
	// EventID is the id of the event that stands there, if one does.
	EventID string `json:"eventId,omitempty"`
	// Shifted tells that what follows was moved up or down to hide it.
	Shifted bool `json:"shifted,omitempty"`
}

func (d *Difference) String() string {
	s := fmt.Sprintf("%s %d was %s", d.Stream, d.Sequence, d.Kind)
	if d.EventID != "" {
		s += " (event " + d.EventID + " stands there)"
	}
	if d.Shifted {
		s += ", and what follows was renumbered"
	}
	return s
}

// Result is the outcome of an audit of one stream.
type Result struct {
	Stream string `json:"stream"`
	// Size and Root are those of the checkpoint.
	Size int64     `json:"size"`
	Root tlog.Hash `json:"root"`
	// Verified counts the events that are as they were signed for.
	Verified int64 `json:"verified"`
	// Aged counts those that retention removed, all of them before Verified; that
	// they were there is proven by their hashes.
	Aged int64 `json:"aged,omitempty"`
	// Beyond counts the events after the checkpoint, of which nothing is known.
	Beyond int64 `json:"beyond,omitempty"`
	// Differences counts what is not as it was signed for, First is the first.
	Differences int64       `json:"differences,omitempty"`
	First       *Difference `json:"first,omitempty"`
}

// OK tells whether everything up to the checkpoint is as it was signed for.
func (r Result) OK() bool { return r.Differences == 0 }

// ErrLeaves says that the hashes are not those of the checkpoint, so that an audit
// cannot tell which event differs.
var ErrLeaves = fault.Permanent(errors.New("evidence: the hashes of the events are not those of the checkpoint"))

// Subject is what an audit compares.
type Subject struct {
	Checkpoint Checkpoint
	// Leaves yields the hashes of the events, from the first on, as they were
	// recorded; those beyond the checkpoint are not read.
	Leaves iter.Seq2[tlog.Hash, error]
	// Messages yields the stream, in order.
	Messages iter.Seq2[events.Message, error]
	// Aged tells whether retention removed the event at a sequence that holds none;
	// nil is never.
	Aged func(sequence uint64) (bool, error)
	// Closed tells that Messages ends with the checkpoint, so that what follows was
	// inserted.
	Closed bool
}

// Audit reads the whole stream and compares each event with the hash that was
// recorded when it was new, and all the hashes with the root that was signed. If
// the hashes do not make the root, the error is [ErrLeaves], unless the events
// themselves do: then only the hashes are wrong, and that is the error's text.
func Audit(s Subject) (Result, error) {
	messages, stop := iter.Pull2(s.Messages)
	defer stop()
	leaves, stopLeaves := iter.Pull2(s.Leaves)
	defer stopLeaves()
	a := &audit{
		subject: s, nextMessage: messages, nextLeaf: leaves,
		result: Result{Stream: s.Checkpoint.Stream, Size: s.Checkpoint.Size, Root: s.Checkpoint.Root},
	}
	return a.run()
}

type audit struct {
	subject     Subject
	nextMessage func() (events.Message, error, bool)
	nextLeaf    func() (tlog.Hash, error, bool)
	result      Result

	message     *events.Message // the next; nil after the last
	ahead       *events.Message // the one after message, if it was looked at
	leaf        *tlog.Hash      // the one after the present, if it was looked at
	left        int64           // leaves to read
	signed, own Edge            // of the leaves, and of the messages
}

func (a *audit) run() (Result, error) {
	a.left = a.subject.Checkpoint.Size
	if err := a.advance(); err != nil {
		return a.result, err
	}
	for sequence := uint64(1); ; sequence++ {
		leaf, err := a.takeLeaf()
		if err != nil {
			return a.result, err
		}
		if leaf == nil {
			break
		}
		a.signed.Add(*leaf)
		if err := a.compare(sequence, *leaf); err != nil {
			return a.result, err
		}
	}
	if err := a.rest(); err != nil {
		return a.result, err
	}
	return a.result, a.checkRoot()
}

// compare holds what stands at a sequence against its leaf.
func (a *audit) compare(sequence uint64, leaf tlog.Hash) error {
	for a.message != nil && a.message.Sequence < sequence { // twice, or out of order
		a.differ(a.message.Sequence, Inserted, a.message, false)
		if err := a.advance(); err != nil {
			return err
		}
	}
	if a.message == nil || a.message.Sequence > sequence {
		return a.absent(sequence, leaf)
	}
	own := LeafHash(*a.message)
	a.own.Add(own)
	switch {
	case own == leaf:
		a.result.Verified++
	case leaf == GapHash(sequence):
		a.differ(sequence, Inserted, a.message, false)
	default:
		if err := a.changed(sequence, leaf); err != nil {
			return err
		}
	}
	return a.advance()
}

// absent judges that nothing stands at a sequence.
func (a *audit) absent(sequence uint64, leaf tlog.Hash) error {
	gap := GapHash(sequence)
	if leaf == gap {
		a.own.Add(gap)
		return nil
	}
	if a.subject.Aged != nil {
		aged, err := a.subject.Aged(sequence)
		if err != nil {
			return err
		}
		if aged {
			a.own.Add(leaf)
			a.result.Aged++
			return nil
		}
	}
	a.own.Add(gap)
	a.differ(sequence, Removed, nil, false)
	return nil
}

// changed tells an altered event from one that was removed or inserted by
// renumbering what follows: the neighbours then fit when numbered as they were.
func (a *audit) changed(sequence uint64, leaf tlog.Hash) error {
	if a.result.First != nil { // only the first is told apart
		a.differ(sequence, Altered, a.message, false)
		return nil
	}
	next, err := a.peekMessage()
	if err != nil {
		return err
	}
	if next != nil && hashAt(*next, sequence) == leaf {
		a.differ(sequence, Inserted, a.message, true)
		return nil
	}
	following, err := a.peekLeaf()
	if err != nil {
		return err
	}
	if following != nil && hashAt(*a.message, sequence+1) == *following {
		a.differ(sequence, Removed, nil, true)
		return nil
	}
	a.differ(sequence, Altered, a.message, false)
	return nil
}

func hashAt(m events.Message, sequence uint64) tlog.Hash {
	m.Sequence = sequence
	return LeafHash(m)
}

func (a *audit) differ(sequence uint64, kind Kind, m *events.Message, shifted bool) {
	a.result.Differences++
	if a.result.First != nil {
		return
	}
	a.result.First = &Difference{Stream: a.result.Stream, Sequence: sequence, Kind: kind, Shifted: shifted}
	if m != nil {
		a.result.First.EventID = m.Record().ID
	}
}

// rest counts what stands after the checkpoint.
func (a *audit) rest() error {
	for a.message != nil {
		if a.subject.Closed || a.message.Sequence <= uint64(a.subject.Checkpoint.Size) {
			a.differ(a.message.Sequence, Inserted, a.message, false)
		} else {
			a.result.Beyond++
		}
		if err := a.advance(); err != nil {
			return err
		}
	}
	return nil
}

func (a *audit) checkRoot() error {
	root := a.subject.Checkpoint.Root
	switch {
	case a.signed.Size() == a.subject.Checkpoint.Size && a.signed.Root() == root:
		return nil
	case a.own.Size() == a.subject.Checkpoint.Size && a.own.Root() == root:
		return fmt.Errorf("%w; the events themselves are, so only the hashes were changed", ErrLeaves)
	default:
		return ErrLeaves
	}
}

// advance goes on to the next message.
func (a *audit) advance() error {
	if a.ahead != nil {
		a.message, a.ahead = a.ahead, nil
		return nil
	}
	m, err, ok := a.nextMessage()
	a.message = nil
	if ok && err == nil {
		a.message = &m
	}
	return err
}

func (a *audit) peekMessage() (*events.Message, error) {
	if a.ahead == nil {
		m, err, ok := a.nextMessage()
		if err != nil || !ok {
			return nil, err
		}
		a.ahead = &m
	}
	return a.ahead, nil
}

// takeLeaf returns the next leaf, or nil after the last.
func (a *audit) takeLeaf() (*tlog.Hash, error) {
	leaf, err := a.peekLeaf()
	a.leaf = nil
	return leaf, err
}

func (a *audit) peekLeaf() (*tlog.Hash, error) {
	if a.leaf != nil || a.left == 0 {
		return a.leaf, nil
	}
	h, err, ok := a.nextLeaf()
	if err != nil || !ok {
		return nil, err
	}
	a.left--
	a.leaf = &h
	return a.leaf, nil
}
