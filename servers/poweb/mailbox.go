package poweb

import (
	"context"
	"io"

	"awala.network/gateway/projections"
)

// Projected returns the mailboxes of the mailbox projection.
func Projected(reader *projections.Reader) Mailboxes { return projected{reader} }

type projected struct{ reader *projections.Reader }

// Open implements [Mailboxes]. To find an empty mailbox empty, which is what
// most clients that poll find, takes no subscription.
func (p projected) Open(ctx context.Context, privateGatewayID string, follow bool) (Feed, error) {
	if !follow {
		items, err := p.reader.Pending(ctx, privateGatewayID, 0, 1)
		if err != nil {
			return nil, err
		}
		if len(items) == 0 {
			return emptyFeed{}, nil
		}
	}
	feed, err := p.reader.Follow(ctx, privateGatewayID)
	if err != nil {
		return nil, err
	}
	if follow {
		return feed, nil
	}
	return queuedFeed{feed}, nil
}

// emptyFeed yields nothing.
type emptyFeed struct{}

// Next implements [Feed].
func (emptyFeed) Next(context.Context) (projections.Item, error) {
	return projections.Item{}, io.EOF
}

// Close implements [Feed].
func (emptyFeed) Close() {}

// queuedFeed yields what was queued when it began.
type queuedFeed struct{ *projections.Feed }

// Next implements [Feed].
func (f queuedFeed) Next(ctx context.Context) (projections.Item, error) {
	item, ok, err := f.NextQueued(ctx)
	if err == nil && !ok {
		err = io.EOF
	}
	return item, err
}
