package jetstream

import (
	"sync"
	"time"

	natsjs "github.com/nats-io/nats.go/jetstream"
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

// heldSet is the messages that the process holds.
type heldSet struct {
	mu   sync.Mutex
	msgs map[natsjs.Msg]struct{}
}

func (h *heldSet) add(msg natsjs.Msg) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.msgs[msg] = struct{}{}
}

func (h *heldSet) remove(msg natsjs.Msg) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.msgs, msg)
}

// keepAlive tells the server of every held message, at each interval, that it
// is being worked on, until done.
func (h *heldSet) keepAlive(done <-chan struct{}, interval time.Duration) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			h.signal()
		case <-done:
			return
		}
	}
}

func (h *heldSet) signal() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for msg := range h.msgs {
		// An error says that the message was answered meanwhile, or that the
		// connection is down; then it comes again.
		_ = msg.InProgress()
	}
}
