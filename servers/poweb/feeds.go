package poweb

import (
	"context"
	"errors"
	"io"
	"sync"

	"awala.network/gateway/projections"
)

// openFeed opens the feed of all the gateways that the client collects for.
func (c *collection) openFeed(ctx context.Context) (Feed, error) {
	feeds := make([]Feed, 0, len(c.gateways))
	for _, id := range c.gateways {
		feed, err := c.Mailboxes.Open(ctx, id, !c.uponCompletion)
		if err != nil {
			for _, opened := range feeds {
				opened.Close()
			}
			return nil, err
		}
		feeds = append(feeds, feed)
	}
	if len(feeds) == 1 {
		return feeds[0], nil
	}
	return newUnion(feeds), nil
}

// union yields what several feeds yield, as it comes.
type union struct {
	yields  chan yield
	over    chan struct{} // closed when every feed is over
	cancel  context.CancelFunc
	running sync.WaitGroup
}

// yield is what one call of a feed's Next returned.
type yield struct {
	item projections.Item
	err  error
}

func newUnion(feeds []Feed) *union {
	ctx, cancel := context.WithCancel(context.Background())
	u := &union{yields: make(chan yield), over: make(chan struct{}), cancel: cancel}
	for _, feed := range feeds {
		u.running.Go(func() { u.drain(ctx, feed) })
	}
	go func() {
		u.running.Wait()
		close(u.over)
	}()
	return u
}

// drain passes on what one feed yields.
func (u *union) drain(ctx context.Context, feed Feed) {
	defer feed.Close()
	for {
		item, err := feed.Next(ctx)
		if errors.Is(err, io.EOF) || ctx.Err() != nil {
			return
		}
		select {
		case u.yields <- yield{item, err}:
		case <-ctx.Done():
			return
		}
	}
}

// Next implements [Feed].
func (u *union) Next(ctx context.Context) (projections.Item, error) {
	select {
	case y := <-u.yields:
		return y.item, y.err
	case <-ctx.Done():
		return projections.Item{}, ctx.Err()
	case <-u.over:
		return projections.Item{}, io.EOF
	}
}

// Close implements [Feed].
func (u *union) Close() {
	u.cancel()
	<-u.over
}
