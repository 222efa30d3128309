package history

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/evidence"
	"awala.network/gateway/internal/fault"
)

// Proof proves one event to someone who has nothing but the gateway's public key.
type Proof struct {
	// Event is the event's line ([AppendLine]).
	Event json.RawMessage `json:"event"`
	evidence.Inclusion
}

// Prove returns the proof that the event is in the newest checkpoint, checked
// against the key.
func Prove(ctx context.Context, source Source, stream string, sequence uint64, key string) (Proof, error) {
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return Proof{}, fault.Permanent(fmt.Errorf("key %q: %w", key, err))
	}
	m, err := at(ctx, source, stream, sequence)
	if err != nil {
		return Proof{}, err
	}
	text, err := source.Checkpoint(ctx, stream, 0)
	if err != nil {
		return Proof{}, err
	}
	c, err := evidence.OpenCheckpoint(text, verifier)
	if err != nil {
		return Proof{}, err
	}
	tiles := func(ctx context.Context, t tlog.Tile) ([]byte, error) { return source.Tile(ctx, stream, t) }
	var p Proof
	if p.Inclusion, err = evidence.Include(ctx, c, tiles, sequence); err != nil {
		return Proof{}, err
	}
	m.StoredAt = time.Time{} // evidence does not cover it
	if p.Event, err = AppendLine(nil, m); err != nil {
		return Proof{}, err
	}
	_, err = p.Inclusion.Check(verifier, m)
	return p, err
}

// at returns the message at a position.
func at(ctx context.Context, source Source, stream string, sequence uint64) (events.Message, error) {
	q := Query{Filter: Filter{Streams: []string{stream}, From: sequence, To: sequence, Limit: 1}, Sealed: true}
	for m, err := range source.Messages(ctx, q) {
		return m, err
	}
	return events.Message{}, fmt.Errorf("%s: %w", position(stream, sequence), ErrNoEvent)
}

// ParseProof reads a proof, however its JSON is laid out.
func ParseProof(text []byte) (Proof, error) {
	var p Proof
	if err := json.Unmarshal(text, &p); err != nil {
		return Proof{}, fmt.Errorf("%w: %w", evidence.ErrProof, err)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, p.Event); err != nil {
		return Proof{}, fmt.Errorf("%w: %w", evidence.ErrProof, err)
	}
	p.Event = compact.Bytes()
	return p, nil
}

// Check verifies the proof against a public key, and returns what it proves.
func (p Proof) Check(key string) (events.Message, evidence.Checkpoint, error) {
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return events.Message{}, evidence.Checkpoint{}, fault.Permanent(fmt.Errorf("key %q: %w", key, err))
	}
	m, err := ParseLine(p.Event)
	if err != nil {
		return events.Message{}, evidence.Checkpoint{}, fmt.Errorf("%w: %w", evidence.ErrProof, err)
	}
	c, err := p.Inclusion.Check(verifier, m)
	return m, c, err
}
