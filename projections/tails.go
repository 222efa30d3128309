package projections

import (
	"container/list"
	"sync"
)

// maxTails bounds the gateways whose tails are kept between calls.
const maxTails = 1024

// tails keeps the tails of the gateways asked for most recently.
type tails struct {
	mu       sync.Mutex
	byID     map[string]*list.Element
	byRecent list.List // of *namedTail, the most recent first
}

type namedTail struct {
	id string
	tail
}

// get returns the tail of a gateway, an empty one if none is kept.
func (t *tails) get(gatewayID string) *tail {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.byID == nil {
		t.byID = map[string]*list.Element{}
	}
	if element := t.byID[gatewayID]; element != nil {
		t.byRecent.MoveToFront(element)
		return &element.Value.(*namedTail).tail
	}
	element := t.byRecent.PushFront(&namedTail{id: gatewayID, tail: tail{turn: make(chan struct{}, 1)}})
	t.byID[gatewayID] = element
	if t.byRecent.Len() > maxTails {
		last := t.byRecent.Back()
		delete(t.byID, t.byRecent.Remove(last).(*namedTail).id)
	}
	return &element.Value.(*namedTail).tail
}
