package takeover_test

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"

	"awala.network/gateway/internal/takeover"
)

// stores are the stores of another gateway, in memory. They count what is asked for.
type stores struct {
	mu       sync.Mutex
	current  string
	paths    []takeover.Document[takeover.Certificate]
	peerKeys []takeover.Document[takeover.PeerSessionKey]
	records  []takeover.Document[takeover.ParcelCollection]
	used     []takeover.Document[takeover.Fulfilment]
	objects  map[string][]byte
	channels map[string]*channel
	clients  []string
	// returning makes the nth look at the clients find a worker that came back.
	returning int
	// failovers is how many times another server has taken over.
	failovers int
	// behind has the next group be told by a server that is behind, and that loses its
	// place to another after it.
	behind bool
	// fail makes reading an object fail once it is read so often.
	fail func() error
}

// channel is a channel with one durable queue group.
type channel struct {
	messages [][]byte
	removed  uint64 // by the server's limits, from the first on
	sent     uint64
	pending  []uint64
	members  int
}

func (s *stores) CurrentID(context.Context) (string, error) { return s.current, nil }

func yielding[T any](all []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, one := range all {
			if !yield(one, nil) {
				return
			}
		}
	}
}

func (s *stores) Certificates(context.Context) iter.Seq2[takeover.Document[takeover.Certificate], error] {
	return yielding(s.paths)
}

func (s *stores) SessionKeys(context.Context) iter.Seq2[takeover.Document[takeover.PeerSessionKey], error] {
	return yielding(s.peerKeys)
}

func (s *stores) IdentityKeys(context.Context) iter.Seq2[takeover.Document[takeover.PeerIdentityKey], error] {
	return yielding[takeover.Document[takeover.PeerIdentityKey]](nil)
}

func (s *stores) Collections(context.Context) iter.Seq2[takeover.Document[takeover.ParcelCollection], error] {
	return yielding(s.records)
}

func (s *stores) Fulfilments(context.Context) iter.Seq2[takeover.Document[takeover.Fulfilment], error] {
	return yielding(s.used)
}

func (s *stores) List(_ context.Context, prefix string) iter.Seq2[takeover.Object, error] {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []takeover.Object
	for _, key := range slices.Sorted(maps.Keys(s.objects)) {
		if strings.HasPrefix(key, prefix) {
			all = append(all, takeover.Object{Key: key, Tag: string(s.objects[key])})
		}
	}
	return yielding(all)
}

func (s *stores) Get(_ context.Context, key string) ([]byte, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		if err := s.fail(); err != nil {
			return nil, false, err
		}
	}
	body, ok := s.objects[key]
	if !ok {
		return nil, false, takeover.ErrGone
	}
	return body, true, nil
}

func (s *stores) Serving(context.Context) (string, error) { return fmt.Sprint(s.failovers), nil }

func (s *stores) Group(_ context.Context, name, _, _ string) (takeover.Group, error) {
	if s.behind {
		s.behind = false
		s.failovers++
		return takeover.Group{First: 1, Last: 1, Sent: 1}, nil
	}
	c := s.channels[name]
	if c == nil || len(c.messages) == 0 {
		return takeover.Group{}, nil
	}
	return takeover.Group{
		First: c.removed + 1, Last: uint64(len(c.messages)), Sent: c.sent, Pending: len(c.pending), Members: c.members,
	}, nil
}

func (s *stores) Read(_ context.Context, name string, from, to uint64, yield func(takeover.Message) error) error {
	for n := max(from, 1); n <= to; n++ {
		if err := yield(takeover.Message{Sequence: n, Data: s.channels[name].messages[n-1]}); err != nil {
			return err
		}
	}
	return nil
}

func (s *stores) Pending(_ context.Context, name, _, _ string, _ takeover.Group) ([]takeover.Message, error) {
	var all []takeover.Message
	for _, n := range s.channels[name].pending {
		all = append(all, takeover.Message{Sequence: n, Data: s.channels[name].messages[n-1]})
	}
	return all, nil
}

func (s *stores) Clients(context.Context) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.returning--; s.returning == 0 {
		return []string{"worker"}, nil
	}
	return s.clients, nil
}
