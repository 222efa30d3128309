package poweb

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// The clients of a server that stops come back to the others at once. So that these have
// to shake a thousand hands a second and not all at the same moment, they are sent away
// over a time that grows with their number, within what a stop may take.
const (
	partingEach = time.Millisecond
	partingMost = 1500 * time.Millisecond
)

// sessions keeps count of what outlives its HTTP request, and ends it.
type sessions struct {
	// draining ends when no more may begin, hard when all must be over.
	draining, hard context.Context
	drain, cut     context.CancelFunc

	mu      sync.Mutex // guards running against a late enter, and count
	running sync.WaitGroup
	count   int
}

func newSessions() *sessions {
	s := &sessions{}
	s.draining, s.drain = context.WithCancel(context.Background())
	s.hard, s.cut = context.WithCancel(context.Background())
	return s
}

// enter notes one more, unless the server is stopping.
func (s *sessions) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining.Err() != nil {
		return false
	}
	s.running.Add(1)
	s.count++
	return true
}

func (s *sessions) leave() {
	s.mu.Lock()
	s.count--
	s.mu.Unlock()
	s.running.Done()
}

// part waits until it is the turn of one of those that are to leave, or until ctx ends.
func (s *sessions) part(ctx context.Context) {
	s.mu.Lock()
	within := min(time.Duration(s.count)*partingEach, partingMost)
	s.mu.Unlock()
	timer := time.NewTimer(rand.N(within + 1))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// end asks all to end, and cuts those off that have not when ctx ends. It tells
// whether none had to be.
func (s *sessions) end(ctx context.Context) bool {
	s.mu.Lock()
	s.drain()
	s.mu.Unlock()
	over := make(chan struct{})
	go func() {
		defer close(over)
		s.running.Wait()
	}()
	defer s.cut()
	select {
	case <-over:
		return true
	case <-ctx.Done():
		s.cut()
		<-over
		return false
	}
}
