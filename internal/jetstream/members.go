package jetstream

import (
	"context"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
)

// Members are the processes of a group that divide keys among themselves: each
// key is one member's, by rendezvous hashing, so that a member who comes or goes
// moves only the keys that become, or were, its own.
//
// They find each other by announcements over core NATS and keep nothing. For some
// seconds after a member died its keys are nobody's; while one joins, or while the
// network is torn, two may have the same key. What they do must stand that.
type Members struct {
	nc       *nats.Conn
	subject  string
	id       string
	interval time.Duration

	mu    sync.Mutex // guards what follows
	ready bool       // the others had time to announce themselves
	heard map[string]time.Time
}

// Announcements are one of these, and then the member's id.
const (
	announceJoin  = '?' // tell me who you are
	announceAlive = '+'
	announceLeave = '-'
)

// missed is after how many intervals of silence a member is taken for dead.
const missed = 3

// Members returns this process as a member of the group, which Run makes it. The
// others hear of it at each interval; 0 is 2 s.
func (l *Log) Members(group string, interval time.Duration) *Members {
	if interval == 0 {
		interval = 2 * time.Second
	}
	return &Members{
		nc: l.nc, subject: "members." + group, id: uuid.NewString(), interval: interval,
		heard: make(map[string]time.Time),
	}
}

// Owns tells whether the key is this member's. Until Run has met the others, none
// is.
func (m *Members) Owns(key string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.ready {
		return false
	}
	mine := weight(m.id, key)
	for other := range m.heard {
		if w := weight(other, key); w > mine || w == mine && other > m.id {
			return false
		}
	}
	return true
}

func weight(member, key string) uint64 {
	h := fnv.New64a()
	// A hash takes everything.
	_, _ = h.Write([]byte(key))
	_, _ = h.Write([]byte{0})
	_, _ = h.Write([]byte(member))
	// FNV's last octets hardly reach its first bits; spread them.
	x := h.Sum64()
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}

// Run takes part until ctx ends, and calls changed whenever other keys may be
// this member's than before.
func (m *Members) Run(ctx context.Context, changed func()) error {
	announcements := make(chan *nats.Msg, 256)
	subscription, err := m.nc.ChanSubscribe(m.subject, announcements)
	if err != nil {
		return fmt.Errorf("jetstream: join %s: %w", m.subject, err)
	}
	defer func() {
		m.announce(announceLeave)
		_ = m.nc.FlushTimeout(time.Second)
		_ = subscription.Unsubscribe()
	}()
	m.announce(announceJoin)
	ticker := time.NewTicker(m.interval)
	defer ticker.Stop()
	for {
		var different bool
		select {
		case <-ctx.Done():
			return nil
		case msg := <-announcements:
			different = m.hear(string(msg.Data), time.Now())
		case at := <-ticker.C:
			m.announce(announceAlive)
			different = m.bury(at)
		}
		if different {
			changed()
		}
	}
}

// announce says something to the others. What gets lost is said again.
func (m *Members) announce(what byte) { _ = m.nc.Publish(m.subject, append([]byte{what}, m.id...)) }

// hear tells whether an announcement changes the group.
func (m *Members) hear(announcement string, now time.Time) bool {
	if len(announcement) < 2 || announcement[1:] == m.id {
		return false
	}
	what, other := announcement[0], announcement[1:]
	if what == announceJoin {
		m.announce(announceAlive)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	_, known := m.heard[other]
	if what == announceLeave {
		delete(m.heard, other)
		return known
	}
	m.heard[other] = now
	return !known
}

// bury forgets the members that have been silent for too long, and tells whether
// the group has changed.
func (m *Members) bury(now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	different := !m.ready
	m.ready = true
	for _, other := range slices.Collect(maps.Keys(m.heard)) {
		if now.Sub(m.heard[other]) > missed*m.interval {
			delete(m.heard, other)
			different = true
		}
	}
	return different
}
