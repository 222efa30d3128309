package jetstream

import (
	"sync"
	"time"

	natsjs "github.com/nats-io/nats.go/jetstream"
)

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
