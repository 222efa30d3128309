// Package overview tells at a glance whether parcels move: what came in and went
// out, what waits and since when, what operators have to look at, and which
// processes there are. The admin server shows it at /status, the status command
// prints it, and metrics carry the parts of it that alerts need.
//
// Guarantees: it changes nothing. It reads the projections and asks the history, so
// what it says may be seconds old. What it costs does not grow with the number of
// parcels or private gateways.
package overview

import (
	"context"
	"errors"
	"io"
	"time"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/documents"
	"awala.network/gateway/internal/jetstream"
	"awala.network/gateway/projections"
)

// Overview is the state of a gateway.
type Overview struct {
	At              time.Time `json:"at"`
	InternetAddress string    `json:"internetAddress"`
	NodeID          string    `json:"nodeId"`
	// CertificateExpiresAt is the end of the gateway's own certificate.
	CertificateExpiresAt time.Time    `json:"certificateExpiresAt"`
	Channels             []Channel    `json:"channels"`
	Consumers            []Consumer   `json:"consumers"`
	Projections          []Projection `json:"projections"`
	Processes            []Process    `json:"processes"`
}

// Channel is what came through a channel.
type Channel struct {
	Name string `json:"name"`
	// In and Out count what was accepted and what came to its end on this day, in
	// UTC.
	In  uint64 `json:"in"`
	Out uint64 `json:"out"`
	// Waiting is what has been accepted at any time and has no end yet, OldestSince
	// when the first of it was; zero if there is none.
	Waiting     uint64    `json:"waiting"`
	OldestSince time.Time `json:"oldestSince,omitzero"`
	// Parked is what an operator has to look at.
	Parked int `json:"parked"`
}

// Consumer is a durable consumer that workers share.
type Consumer struct {
	Stream string `json:"stream"`
	Name   string `json:"name"`
	// Lag is how many messages wait for their acknowledgement, OldestSince when the
	// first of them was recorded; zero if there is none.
	Lag         uint64    `json:"lag"`
	OldestSince time.Time `json:"oldestSince,omitzero"`
}

// Projection is a read model.
type Projection struct {
	Name string `json:"name"`
	// Lag is how many records of its stream it does not hold yet.
	Lag uint64 `json:"lag"`
}

// Process is one process of the gateway.
type Process struct {
	Kind    string `json:"kind"`
	Version string `json:"version"`
	Host    string `json:"host"`
	Ready   bool   `json:"ready"`
	// Problems say what is missing, unless Ready.
	Problems []string `json:"problems,omitempty"`
}

// History is what this package needs of the event history.
type History interface {
	State(ctx context.Context, stream string) (jetstream.StreamState, error)
	InspectConsumer(ctx context.Context, spec jetstream.ConsumerSpec) (jetstream.ConsumerState, error)
	Next(ctx context.Context, stream, subject string, from uint64) (events.Record, error)
}

// Model is an open projection.
type Model struct {
	Name, Stream string
	Collection   documents.Collection
}

// Sources are where an overview comes from.
type Sources struct {
	History    History
	Consumers  []jetstream.ConsumerSpec
	Models     []Model
	Mailbox    projections.OpenParcels
	Deliveries projections.DeliveryReader
	Parked     projections.ParkedReader
	// Totals are the daily totals.
	Totals projections.TotalsReader
	Now    func() time.Time
}

// consumers tells where each consumer stands.
func (s *Sources) consumers(ctx context.Context) ([]Consumer, error) {
	all := make([]Consumer, 0, len(s.Consumers))
	for _, spec := range s.Consumers {
		state, err := s.History.InspectConsumer(ctx, spec)
		if err != nil {
			return nil, err
		}
		c := Consumer{Stream: spec.Stream, Name: spec.Name, Lag: state.Lag()}
		if c.Lag > 0 {
			if c.OldestSince, err = s.oldest(ctx, spec, state.Floor+1); err != nil {
				return nil, err
			}
		}
		all = append(all, c)
	}
	return all, nil
}

// oldest returns when the first message for the consumer from a sequence on was
// recorded; zero if it is handled by now.
func (s *Sources) oldest(ctx context.Context, spec jetstream.ConsumerSpec, from uint64) (first time.Time, err error) {
	for _, subject := range spec.Filter {
		record, err := s.History.Next(ctx, spec.Stream, subject, from)
		if errors.Is(err, io.EOF) {
			continue
		}
		if err != nil {
			return time.Time{}, err
		}
		first = earlier(first, record.StoredAt)
	}
	return first, nil
}

// earlier returns the earlier of two instants, of which a zero one is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// projections tells how far behind each projection is.
func (s *Sources) projections(ctx context.Context) ([]Projection, error) {
	last := make(map[string]uint64)
	for _, m := range s.Models {
		if _, known := last[m.Stream]; known {
			continue
		}
		state, err := s.History.State(ctx, m.Stream)
		if err != nil {
			return nil, err
		}
		last[m.Stream] = state.Last
	}
	all := make([]Projection, 0, len(s.Models))
	for _, m := range s.Models {
		checkpoint, err := m.Collection.Checkpoint(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, Projection{Name: m.Name, Lag: last[m.Stream] - min(checkpoint, last[m.Stream])})
	}
	return all, nil
}
