package history

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/evidence"
	"awala.network/gateway/internal/fault"
)

// Verdict is the outcome of verifying a source.
type Verdict struct {
	// Key is the public key that the checkpoints are signed with. Own tells that it
	// was taken from the source itself, so that whoever changed the source may have
	// made the key.
	Key string `json:"key"`
	Own bool   `json:"own"`
	// Damage says of each file of an archive that is not what its manifest says.
	Damage []string `json:"damage,omitempty"`
	// Streams are the outcomes of each stream.
	Streams []StreamVerdict `json:"streams"`
}

// StreamVerdict is the outcome of verifying a stream.
type StreamVerdict struct {
	evidence.Result
	// Problem is why the stream could not be compared event by event, or what
	// besides its events is wrong.
	Problem string `json:"problem,omitempty"`
}

// OK tells whether everything is as it was signed for.
func (v Verdict) OK() bool {
	return len(v.Damage) == 0 && !slices.ContainsFunc(v.Streams, func(s StreamVerdict) bool { return !s.OK() || s.Problem != "" })
}

// Verification says what to verify.
type Verification struct {
	Source Source
	// Key is the public key to trust; if empty, the source's own.
	Key string
	// Streams are what to verify; none is all.
	Streams []string
	// Older are signed checkpoints of before, which the source's must extend.
	Older [][]byte
}

// Run compares every event with the newest checkpoint of its stream, which it
// verifies, and that with older ones. The error is for what hinders that; what is
// found is in the verdict.
func (v Verification) Run(ctx context.Context) (Verdict, error) {
	claimed, err := v.Source.Key(ctx)
	if err != nil {
		return Verdict{}, err
	}
	verdict := Verdict{Key: strings.TrimSpace(v.Key)}
	if verdict.Key == "" {
		verdict.Key, verdict.Own = claimed, true
	}
	verifier, err := note.NewVerifier(verdict.Key)
	if err != nil {
		return verdict, fault.Permanent(fmt.Errorf("key %q: %w", verdict.Key, err))
	}
	streams, err := v.Source.Streams(ctx)
	if err != nil {
		return verdict, err
	}
	if a, ok := v.Source.(*Archive); ok {
		verdict.Damage = a.Damage()
	}
	wanted := Filter{Streams: v.Streams}
	for _, s := range streams {
		if !wanted.wants(s.Name) {
			continue
		}
		found, err := v.stream(ctx, s, verifier)
		if err != nil {
			return verdict, err
		}
		verdict.Streams = append(verdict.Streams, found)
	}
	return verdict, nil
}

// stream verifies one stream. Errors of reading a live stream end it; what cannot be
// read in an archive is a problem of that archive.
func (v Verification) stream(ctx context.Context, s Stream, verifier note.Verifier) (StreamVerdict, error) {
	found := StreamVerdict{Result: evidence.Result{Stream: s.Name}}
	text, err := v.Source.Checkpoint(ctx, s.Name, 0)
	if err != nil {
		found.Problem = err.Error()
		return found, transient(exceptNotFound(err))
	}
	c, err := evidence.OpenCheckpoint(text, verifier)
	if err == nil && c.Stream != s.Name {
		err = fmt.Errorf("%w: it is one of %s", evidence.ErrCheckpoint, c.Stream)
	}
	if err != nil {
		found.Problem = err.Error()
		return found, nil
	}
	if found.Result, err = evidence.Audit(v.subject(ctx, s, c.Checkpoint)); err != nil {
		found.Problem = err.Error()
		return found, transient(err)
	}
	if err := v.extends(ctx, c.Checkpoint, verifier); err != nil {
		found.Problem = err.Error()
		return found, transient(err)
	}
	return found, nil
}

// transient returns err if asking again may help.
func transient(err error) error {
	if fault.IsPermanent(err) {
		return nil
	}
	return err
}

// subject says how the events of a stream are compared with its checkpoint.
func (v Verification) subject(ctx context.Context, s Stream, c evidence.Checkpoint) evidence.Subject {
	if a, ok := v.Source.(*Archive); ok {
		return evidence.Subject{
			Checkpoint: c, Leaves: a.Leaves(s.Name), Messages: a.Audited(s.Name), Closed: true,
			Aged: func(sequence uint64) (bool, error) { return s.MaxAge > 0 && sequence < s.First, nil },
		}
	}
	return evidence.Subject{
		Checkpoint: c,
		Leaves:     v.tiles(s.Name).Leaves(ctx, c.Size),
		Messages:   v.messages(ctx, s.Name),
		Aged: func(sequence uint64) (bool, error) {
			if s.MaxAge > 0 && sequence < s.First {
				return true, nil
			}
			return v.aged(ctx, s.Name, sequence)
		},
	}
}

func (v Verification) messages(ctx context.Context, stream string) iter.Seq2[events.Message, error] {
	return v.Source.Messages(ctx, Query{Filter: Filter{Streams: []string{stream}}, Sealed: true})
}

// aged asks the stream itself, because retention goes on while we read.
func (v Verification) aged(ctx context.Context, stream string, sequence uint64) (bool, error) {
	streams, err := v.Source.Streams(ctx)
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(streams, func(s Stream) bool {
		return s.Name == stream && s.MaxAge > 0 && sequence < s.First
	}), nil
}

func (v Verification) tiles(stream string) evidence.Tiles {
	return func(ctx context.Context, t tlog.Tile) ([]byte, error) { return v.Source.Tile(ctx, stream, t) }
}

// extends holds the checkpoint against older ones of its stream.
func (v Verification) extends(ctx context.Context, c evidence.Checkpoint, verifier note.Verifier) error {
	for _, text := range v.Older {
		older, err := evidence.OpenCheckpoint(text, verifier)
		if err != nil {
			return err
		}
		if older.Stream != c.Stream {
			continue
		}
		if _, err := evidence.Extends(ctx, c, older.Checkpoint, v.tiles(c.Stream)); err != nil {
			return err
		}
	}
	return nil
}
