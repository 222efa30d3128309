package poweb

import (
	"context"
	"sync"
)

// sessions keeps count of what outlives its HTTP request, and ends it.
type sessions struct {
	// draining ends when no more may begin, hard when all must be over.
	draining, hard context.Context
	drain, cut     context.CancelFunc

	mu      sync.Mutex // guards running against a late enter
	running sync.WaitGroup
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
	return true
}

func (s *sessions) leave() { s.running.Done() }

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
