package jetstream

import (
	"context"
	"errors"
	"fmt"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/fault"
)

// seal returns the data as they are recorded.
func (l *Log) seal(ctx context.Context, data events.Data) (events.Data, error) {
	if l.opts.Names == nil || data == nil {
		return data, nil
	}
	sealed, err := events.Seal(ctx, l.opts.Names, data)
	var malformed *events.MalformedError
	if errors.As(err, &malformed) {
		return nil, fault.Permanent(err)
	}
	return sealed, err
}

// sealSubject returns the subject as it is recorded on.
func (l *Log) sealSubject(ctx context.Context, subject string) (string, error) {
	if l.opts.Names == nil {
		return subject, nil
	}
	sealed, err := events.SealSubject(ctx, l.opts.Names, subject)
	if err != nil {
		return "", fmt.Errorf("jetstream: %w", err)
	}
	return sealed, nil
}

// openRecord opens what a stream holds. It fails if a name cannot be asked for at the
// moment; what can never be opened becomes [events.Unreadable].
func (l *Log) openRecord(ctx context.Context, r events.Record) (events.Record, error) {
	if l.opts.Names == nil {
		return r, nil
	}
	opened, err := r.Open(ctx, l.opts.Names)
	if err != nil {
		return events.Record{}, fmt.Errorf("jetstream: %w", err)
	}
	return opened, nil
}

// Renew lets every watch listen where it has to, after something was forgotten.
func (l *Log) Renew() { l.watches.signalGap() }
