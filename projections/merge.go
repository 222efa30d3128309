package projections

import (
	"context"
	"errors"
	"io"

	"awala.network/gateway/events"
)

// merge reads the two subjects of a gateway in the order of their sequences.
type merge struct{ work, outcome cursor }

// next returns at most limit records; fewer when both subjects are read.
func (m *merge) next(ctx context.Context, limit int) ([]events.Record, error) {
	var batch []events.Record
	for len(batch) < limit {
		if err := m.work.peek(ctx); err != nil {
			return nil, err
		}
		if err := m.outcome.peek(ctx); err != nil {
			return nil, err
		}
		first := &m.work
		if m.work.head == nil || (m.outcome.head != nil && m.outcome.head.Sequence < m.work.head.Sequence) {
			first = &m.outcome
		}
		if first.head == nil {
			return batch, nil
		}
		batch = append(batch, first.take())
	}
	return batch, nil
}

// cursor reads a subject from after *read up to last.
type cursor struct {
	log     Log
	subject string
	read    *uint64
	last    uint64
	head    *events.Record
}

// peek sees to it that head is the next record, or nil at the end.
func (c *cursor) peek(ctx context.Context) error {
	if c.head != nil || *c.read >= c.last {
		return nil
	}
	record, err := c.log.Next(ctx, events.StreamGatewayParcels, c.subject, *c.read+1)
	if errors.Is(err, io.EOF) {
		*c.read = c.last // the last record was deleted meanwhile
		return nil
	}
	if err != nil {
		return err
	}
	c.head = &record
	return nil
}

// take returns the head and moves on.
func (c *cursor) take() events.Record {
	record := *c.head
	*c.read, c.head = record.Sequence, nil
	return record
}
