package jetstream

import (
	"context"
	"fmt"
	"time"
)

// StreamState is what a stream holds at the moment.
type StreamState struct {
	Name     string   `json:"stream"`
	Subjects []string `json:"subjects"`
	// First and Last are the sequences of the first and the last message; First is
	// one more than Last if there is none.
	First uint64 `json:"first"`
	Last  uint64 `json:"last"`
	// Messages and Bytes are how much it holds.
	Messages uint64 `json:"messages"`
	Bytes    uint64 `json:"bytes"`
	// FirstAt and LastAt are when the history took the first and the last one.
	FirstAt time.Time `json:"firstAt,omitzero"`
	LastAt  time.Time `json:"lastAt,omitzero"`
	// MaxAge is how long messages are kept; 0 is for ever.
	MaxAge time.Duration `json:"maxAge"`
}

// State returns what the stream holds.
func (l *Log) State(ctx context.Context, stream string) (StreamState, error) {
	ctx, cancel := l.bounded(ctx)
	defer cancel()
	s, err := l.js.Stream(ctx, stream)
	if err != nil {
		return StreamState{}, fmt.Errorf("jetstream: state of %s: %w", stream, err)
	}
	info := s.CachedInfo()
	state := StreamState{
		Name: stream, Subjects: info.Config.Subjects,
		First: max(info.State.FirstSeq, 1), Last: info.State.LastSeq,
		Messages: info.State.Msgs, Bytes: info.State.Bytes, MaxAge: info.Config.MaxAge,
	}
	if state.Messages > 0 {
		state.FirstAt, state.LastAt = info.State.FirstTime.UTC(), info.State.LastTime.UTC()
	}
	return state, nil
}
