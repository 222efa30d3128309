package takeover

import (
	"context"
	"strings"
	"sync"

	"awala.network/gateway/events"
	"awala.network/gateway/handlers"
)

// peerChannel is what the channel of a private gateway says of the objects that wait
// for it. The other gateway acknowledges the message that names an object, and then
// deletes the object.
type peerChannel struct {
	mu sync.Mutex
	// pass is the one in which it was read last, next the sequence to read next.
	pass int
	next uint64
	// last holds the last message that names each object.
	last map[string]uint64
	// sent is the last message that the private gateway was sent, pending are those up
	// to it that it has not acknowledged; if unsure, they may be any.
	sent    uint64
	pending map[uint64]bool
	unsure  bool
}

// takeGatewayParcels takes what waits for private gateways.
func (r *run) takeGatewayParcels(ctx context.Context) error {
	var channels sync.Mutex
	walk := &objects{
		run: r, kind: GatewayParcels, prefix: handlers.FormerGatewayBound, read: r.examine.GatewayParcel,
		queued: func(ctx context.Context, key string) (named, acknowledged bool, err error) {
			gatewayID, _, _ := strings.Cut(strings.TrimPrefix(key, handlers.FormerGatewayBound), "/")
			channels.Lock()
			c := r.channels[gatewayID]
			if c == nil {
				c = &peerChannel{last: map[string]uint64{}}
				r.channels[gatewayID] = c
			}
			channels.Unlock()
			if err := c.refresh(ctx, r, gatewayID); err != nil {
				return false, false, err
			}
			named, acknowledged = c.says(key)
			return named, acknowledged, nil
		},
	}
	listed, err := walk.walk(ctx)
	if err != nil {
		return err
	}
	now := r.Now()
	for _, item := range r.known.openParcels() {
		key := handlers.FormerKey(item.PrivateGatewayID, item.Key)
		if listed.has(key) || item.ExpiredAt(now) {
			continue
		}
		err := r.end(GatewayParcels, key, func() (events.Record, error) { return r.examine.Collected(ctx, item) })
		if err != nil {
			return err
		}
	}
	return nil
}

// refresh reads what is new in the channel, once in each pass.
func (c *peerChannel) refresh(ctx context.Context, r *run, gatewayID string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pass == r.passes {
		return nil
	}
	channel := peerChannels + gatewayID
	g, err := r.Source.Queues.Group(ctx, channel, peerQueue, gatewayID)
	if err != nil {
		return err
	}
	err = r.Source.Queues.Read(ctx, channel, max(c.next, g.First), g.Last, func(m Message) error {
		c.last[string(m.Data)] = m.Sequence
		return nil
	})
	if err != nil {
		return err
	}
	if err := c.refreshPending(ctx, r, gatewayID, g); err != nil {
		return err
	}
	c.pass, c.next = r.passes, max(c.next, g.Last+1)
	return nil
}

// refreshPending finds out which messages are pending.
func (c *peerChannel) refreshPending(ctx context.Context, r *run, gatewayID string, g Group) error {
	c.sent, c.pending, c.unsure = g.Sent, map[uint64]bool{}, false
	switch {
	case g.Pending == 0:
	case r.mode == predict:
		// They are the last ones: the other gateway sends one at a time.
		for sequence := g.Sent; sequence > g.Sent-min(g.Sent, uint64(g.Pending)); sequence-- {
			c.pending[sequence] = true
		}
	case g.Members > 0:
		c.unsure = true
	default:
		pending, err := r.Source.Queues.Pending(ctx, peerChannels+gatewayID, peerQueue, gatewayID, g)
		if err != nil {
			return err
		}
		for _, m := range pending {
			c.pending[m.Sequence] = true
		}
	}
	return nil
}

// says returns whether the channel names an object, and whether the last message that
// does so was acknowledged. When it is not sure, it was not.
func (c *peerChannel) says(key string) (named, acknowledged bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	sequence, named := c.last[key]
	return named, named && sequence <= c.sent && !c.unsure && !c.pending[sequence]
}
