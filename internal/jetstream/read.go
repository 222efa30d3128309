package jetstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"awala.network/gateway/events"
)

// Next returns the first record on exactly this subject whose sequence is at
// least from, or io.EOF when there is none. No consumer is involved: it is one
// request, answered by any replica. Before it says io.EOF it asks the stream's
// leader, so that a replica that lags cannot hide a record.
//
// A message that cannot be read yields [events.Unreadable] data, not an error, unless
// the names in it cannot be asked for at the moment.
func (l *Log) Next(ctx context.Context, stream, subject string, from uint64) (events.Record, error) {
	ctx, cancel := l.bounded(ctx)
	defer cancel()
	s, err := l.stream(ctx, stream)
	if err != nil {
		return events.Record{}, err
	}
	if subject, err = l.sealSubject(ctx, subject); err != nil {
		return events.Record{}, err
	}
	from = max(from, 1)
	msg, err := s.GetMsg(ctx, from, natsjs.WithGetMsgSubject(subject))
	if errors.Is(err, natsjs.ErrMsgNotFound) {
		return l.askRecord(ctx, stream, leaderQuery{Seq: from, NextBySubject: subject})
	}
	if err != nil {
		return events.Record{}, fmt.Errorf("jetstream: next of %s in %s: %w", subject, stream, err)
	}
	return l.openRecord(ctx, newRecord(stream, msg.Sequence, msg.Subject, msg.Header, msg.Data, msg.Time))
}

// At returns the record at this very sequence, or io.EOF if the stream holds
// none there.
func (l *Log) At(ctx context.Context, stream string, sequence uint64) (events.Record, error) {
	ctx, cancel := l.bounded(ctx)
	defer cancel()
	return l.askRecord(ctx, stream, leaderQuery{Seq: sequence})
}

// LastSequence returns the sequence of the last record on the subject, which
// may have wildcards, or 0 when there is none.
//
// The stream's leader answers. So a reader that watches first and asks then
// knows of every record: what is not in the answer reaches the watch.
func (l *Log) LastSequence(ctx context.Context, stream, subject string) (uint64, error) {
	ctx, cancel := l.bounded(ctx)
	defer cancel()
	subject, err := l.sealSubject(ctx, subject)
	if err != nil {
		return 0, err
	}
	record, err := l.askLeader(ctx, stream, leaderQuery{LastBySubject: subject})
	if errors.Is(err, io.EOF) {
		return 0, nil
	}
	return record.Sequence, err
}

// leaderQuery is the request of JetStream's STREAM.MSG.GET, which the stream's
// leader alone answers, unlike a direct get.
type leaderQuery struct {
	Seq           uint64 `json:"seq,omitempty"`
	LastBySubject string `json:"last_by_subj,omitempty"`
	NextBySubject string `json:"next_by_subj,omitempty"`
}

type leaderAnswer struct {
	Error   *natsjs.APIError `json:"error"`
	Message *struct {
		Subject  string    `json:"subject"`
		Sequence uint64    `json:"seq"`
		Header   []byte    `json:"hdrs"`
		Data     []byte    `json:"data"`
		Time     time.Time `json:"time"`
	} `json:"message"`
}

// askRecord is askLeader for those who want to know what the record says.
func (l *Log) askRecord(ctx context.Context, stream string, query leaderQuery) (events.Record, error) {
	r, err := l.askLeader(ctx, stream, query)
	if err != nil {
		return r, err
	}
	return l.openRecord(ctx, r)
}

func (l *Log) askLast(ctx context.Context, stream, subject string) (events.Record, error) {
	subject, err := l.sealSubject(ctx, subject)
	if err != nil {
		return events.Record{}, err
	}
	return l.askRecord(ctx, stream, leaderQuery{LastBySubject: subject})
}

// askLeader returns the record as it stands in the stream.
func (l *Log) askLeader(ctx context.Context, stream string, query leaderQuery) (events.Record, error) {
	fail := func(err error) (events.Record, error) {
		return events.Record{}, fmt.Errorf("jetstream: ask the leader of %s: %w", stream, err)
	}
	request, err := json.Marshal(query)
	if err != nil {
		return fail(err)
	}
	var reply *nats.Msg
	err = l.insist(ctx, func(ctx context.Context) (err error) {
		reply, err = l.nc.RequestWithContext(ctx, natsjs.DefaultAPIPrefix+"STREAM.MSG.GET."+stream, request)
		return err
	})
	if err != nil {
		return fail(err)
	}
	var answer leaderAnswer
	if err := json.Unmarshal(reply.Data, &answer); err != nil {
		return fail(err)
	}
	switch {
	case answer.Error != nil && answer.Error.ErrorCode == natsjs.JSErrCodeMessageNotFound:
		return events.Record{}, io.EOF
	case answer.Error != nil:
		return fail(answer.Error)
	case answer.Message == nil:
		return fail(natsjs.ErrInvalidJetStreamResponse)
	}
	m := answer.Message
	// Headers that cannot be parsed are as good as none: the record is then
	// unreadable.
	header, _ := nats.DecodeHeadersMsg(m.Header)
	return newRecord(stream, m.Sequence, m.Subject, header, m.Data, m.Time), nil
}

func newRecord(stream string, seq uint64, subject string, h nats.Header, body []byte, at time.Time) events.Record {
	r := events.Read(stream, seq, subject, h, body)
	r.StoredAt = at.UTC()
	return r
}
