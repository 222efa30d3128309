package limits

import (
	"container/list"
	"context"
	"net/netip"
	"sync"
)

// Gate shares a capacity among clients. Those who do not find room wait, and get
// it in turn by client; no client gets more than its share while it holds some.
type Gate struct {
	capacity, share int64
	// queue is how many requests of one client may wait.
	queue int

	mu      sync.Mutex
	free    int64
	clients map[netip.Prefix]*holder // those who hold or wait
	turns   list.List                // of *holder: those who wait, the next one first
}

// holder is a client that holds a part of the capacity, or waits for one.
type holder struct {
	network netip.Prefix
	share   int64
	held    int64
	waiting list.List // of *waiter, the oldest first
	turn    *list.Element
}

type waiter struct {
	n       int64
	granted chan struct{}
}

// NewGate returns a gate of the given capacity, of which a client gets at most
// share, and has at most queue requests waiting for more.
func NewGate(capacity, share int64, queue int) *Gate {
	return &Gate{
		capacity: capacity, share: min(share, capacity), queue: queue, free: capacity,
		clients: make(map[netip.Prefix]*holder),
	}
}

// Enter takes n of the capacity for a client, or waits for it until ctx ends. More
// than a client can ever have is granted alone. An exempt client's share is all.
// release gives it back and is called once. The error is [ErrBusy], or the end of
// ctx together with it.
func (g *Gate) Enter(ctx context.Context, client netip.Prefix, exempt bool, n int64) (release func(), err error) {
	n = min(n, g.capacity)
	g.mu.Lock()
	h := g.holder(client, exempt)
	if h.waiting.Len() == 0 && g.turns.Len() == 0 && g.fits(h, n) {
		g.take(h, n)
		g.mu.Unlock()
		return func() { g.release(h, n) }, nil
	}
	if h.waiting.Len() >= g.queue {
		g.forget(h)
		g.mu.Unlock()
		return nil, ErrBusy
	}
	w := &waiter{n: n, granted: make(chan struct{})}
	place := h.waiting.PushBack(w)
	if h.turn == nil {
		h.turn = g.turns.PushBack(h)
	}
	g.grant() // what waits may be waiting for its own share only
	g.mu.Unlock()
	select {
	case <-w.granted:
		return func() { g.release(h, n) }, nil
	case <-ctx.Done():
		return g.leave(ctx, h, w, place)
	}
}

// leave takes a waiter out of the queue, unless it was granted at this moment.
func (g *Gate) leave(ctx context.Context, h *holder, w *waiter, place *list.Element) (func(), error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case <-w.granted:
		return func() { g.release(h, w.n) }, nil
	default:
	}
	h.waiting.Remove(place)
	if h.waiting.Len() == 0 {
		g.turns.Remove(h.turn)
		h.turn = nil
	}
	g.forget(h)
	g.grant() // the next one may want less
	return nil, busyBecause(ctx)
}

func (g *Gate) release(h *holder, n int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.free += n
	h.held -= n
	g.grant()
	g.forget(h)
}

// grant gives what is free to those whose turn it is. One for whom there is not
// enough holds up the others, or it would starve; one who has its share does not.
func (g *Gate) grant() {
	for turn := g.turns.Front(); turn != nil; {
		h, next := turn.Value.(*holder), turn.Next()
		w := h.waiting.Front().Value.(*waiter)
		switch {
		case !h.mayHold(w.n):
			turn = next
		case w.n > g.free:
			return
		default:
			h.waiting.Remove(h.waiting.Front())
			g.take(h, w.n)
			close(w.granted)
			if h.waiting.Len() == 0 {
				g.turns.Remove(turn)
				h.turn = nil
			} else {
				g.turns.MoveToBack(turn)
			}
			turn = g.turns.Front()
		}
	}
}

func (g *Gate) take(h *holder, n int64) {
	g.free -= n
	h.held += n
}

func (g *Gate) fits(h *holder, n int64) bool { return n <= g.free && h.mayHold(n) }

func (h *holder) mayHold(n int64) bool { return h.held == 0 || h.held+n <= h.share }

// holder returns what is known of a client. g.mu is held.
func (g *Gate) holder(client netip.Prefix, exempt bool) *holder {
	h := g.clients[client]
	if h == nil {
		h = &holder{network: client, share: g.share}
		if exempt {
			h.share = g.capacity
		}
		g.clients[client] = h
	}
	return h
}

// forget drops a client that neither holds nor waits. g.mu is held.
func (g *Gate) forget(h *holder) {
	if h.held == 0 && h.waiting.Len() == 0 {
		delete(g.clients, h.network)
	}
}

// Held returns how much of the capacity is taken; nothing of no gate.
func (g *Gate) Held() int64 {
	if g == nil {
		return 0
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.capacity - g.free
}
