package jetstream

import (
	"context"
	"sync"
)

// lanes keeps the messages that wait for the one before them with the same
// key. A lane exists while somebody works on it.
type lanes struct {
	mu      sync.Mutex
	waiting map[string][]job
}

// join puts j behind the others of its lane. It returns false if there is no
// such lane: the caller works on j, and then calls next until there is no more.
func (l *lanes) join(key string, j job) bool {
	if key == "" {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	queue, busy := l.waiting[key]
	if !busy {
		l.waiting[key] = nil
		return false
	}
	l.waiting[key] = append(queue, j)
	return true
}

// next returns the first of the lane, or closes the lane if there is none.
func (l *lanes) next(key string) (job, bool) {
	if key == "" {
		return job{}, false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	queue := l.waiting[key]
	if len(queue) == 0 {
		delete(l.waiting, key)
		return job{}, false
	}
	l.waiting[key] = queue[1:]
	return queue[0], true
}

// room counts what a subscription holds. Lanes are bounded first, so that one
// long lane leaves room for the others.
type room struct {
	mu                    sync.Mutex
	messages, lanes       int
	maxMessages, maxLanes int
	freed                 chan struct{} // the counts have changed
}

func newRoom(maxLanes, maxMessages int) *room {
	return &room{maxLanes: maxLanes, maxMessages: maxMessages, freed: make(chan struct{}, 1)}
}

// wait returns how many messages there is room for, at least 1, or 0 if ctx
// ends before. One goroutine may wait.
func (r *room) wait(ctx context.Context) int {
	for {
		if n := r.left(); n > 0 {
			return n
		}
		select {
		case <-r.freed:
		case <-ctx.Done():
			return 0
		}
	}
}

func (r *room) left() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return min(r.maxLanes-r.lanes, r.maxMessages-r.messages)
}

// take counts messages and lanes in, or out if negative.
func (r *room) take(messages, lanes int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.messages += messages
	r.lanes += lanes
	select {
	case r.freed <- struct{}{}:
	default:
	}
}
