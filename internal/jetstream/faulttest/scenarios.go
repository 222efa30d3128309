package faulttest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
)

// poisonMessage stores a message that no unmarshaller can read between two good
// ones. All three must reach the handler, whose business it is to set the bad
// one aside, and none may come for ever.
func poisonMessage(ctx context.Context, r *Rig) error {
	poison := &nats.Msg{Subject: "pdc-parcel.00", Data: []byte{0xff}}
	return surrounded(ctx, r, poison)
}

// repeatedHeader does the same with a message one header of which has two
// values, which NATS allows.
func repeatedHeader(ctx context.Context, r *Rig) error {
	repeated := messages(100, 1, 1)[0]
	repeated.Header.Add("tracestate", "a=1")
	repeated.Header.Add("tracestate", "b=2")
	return surrounded(ctx, r, repeated)
}

func surrounded(ctx context.Context, r *Rig, odd *nats.Msg) error {
	good := messages(0, 2, 1)
	if err := r.publish(ctx, good[0], odd, good[1]); err != nil {
		return err
	}
	s, err := r.subscribe(ctx)
	if err != nil {
		return err
	}
	for n := range 3 {
		msg, err := s.next(ctx)
		if err != nil {
			return errors.Join(fmt.Errorf("%d of 3 messages reached the handler: %w", n, err), s.close())
		}
		msg.Ack()
	}
	return errors.Join(r.settled(ctx), s.close())
}

// awayAndRestart has a subscriber leave for some time, while the server
// restarts. What it had acknowledged must not come again, the rest must come.
func awayAndRestart(away time.Duration) func(context.Context, *Rig) error {
	return func(ctx context.Context, r *Rig) error {
		if err := r.publish(ctx, messages(0, 10, 1)...); err != nil {
			return err
		}
		if err := expect(ctx, r, 0, 5); err != nil {
			return err
		}
		absence := time.NewTimer(away)
		defer absence.Stop()
		<-absence.C
		if err := r.restart(); err != nil {
			return err
		}
		if err := r.publish(ctx, messages(10, 5, 1)...); err != nil {
			return err
		}
		return expect(ctx, r, 5, 15)
	}
}

// expect takes the messages numbered from first until before end, each once.
func expect(ctx context.Context, r *Rig, first, end int) error {
	s, err := r.subscribe(ctx)
	if err != nil {
		return err
	}
	for i := first; i < end; i++ {
		msg, err := s.next(ctx)
		if err == nil && msg.UUID != strconv.Itoa(i) {
			err = fmt.Errorf("message %s came in its place", msg.UUID)
		}
		if err != nil {
			return errors.Join(fmt.Errorf("message %d: %w", i, err), s.close())
		}
		msg.Ack()
	}
	return s.close()
}

// cancelMidDelivery ends subscriptions in the middle of a stream of messages.
// The channel must be closed, nothing may panic, and every message must come to
// a later subscription at the latest.
func cancelMidDelivery(ctx context.Context, r *Rig) error {
	const total, rounds = 1000, 20
	if err := r.publish(ctx, messages(0, total, 8)...); err != nil {
		return err
	}
	seen := map[string]bool{}
	for round := range rounds {
		if err := cancelAfter(ctx, r, 1+round, seen); err != nil {
			return fmt.Errorf("round %d: %w", round, err)
		}
	}
	s, err := r.subscribe(ctx)
	if err != nil {
		return err
	}
	for len(seen) < total {
		msg, err := s.next(ctx)
		if err != nil {
			return errors.Join(fmt.Errorf("%d of %d messages came: %w", len(seen), total, err), s.close())
		}
		seen[msg.UUID] = true
		msg.Ack()
	}
	return errors.Join(r.settled(ctx), s.close())
}

// cancelAfter takes n messages, cancels, and takes what is still offered.
func cancelAfter(ctx context.Context, r *Rig, n int, seen map[string]bool) error {
	s, err := r.subscribe(ctx)
	if err != nil {
		return err
	}
	for range n {
		msg, err := s.next(ctx)
		if err != nil {
			return errors.Join(err, s.close())
		}
		seen[msg.UUID] = true
		msg.Ack()
	}
	s.cancel()
	deadline := time.NewTimer(10 * time.Second)
	defer deadline.Stop()
	for {
		select {
		case msg, ok := <-s.msgs:
			if !ok {
				return s.close()
			}
			msg.Nack()
		case <-deadline.C:
			return errors.New("the channel is not closed 10 s after the cancellation")
		}
	}
}

// orderPerKey handles 10,000 messages of 64 keys as Watermill's router does,
// in a goroutine each. Messages of one key must come in order, one at a time,
// and 32 keys at once.
func orderPerKey(ctx context.Context, r *Rig) error {
	const total, keys, inFlight = 10_000, 64, 32
	if err := r.publish(ctx, messages(0, total, keys)...); err != nil {
		return err
	}
	s, err := r.subscribe(ctx)
	if err != nil {
		return err
	}
	h := &orderHandler{last: map[int]int{}, keys: keys, full: make(chan struct{}), wanted: inFlight}
	var wg sync.WaitGroup
	for n := range total {
		msg, err := s.next(ctx)
		if err != nil {
			return errors.Join(fmt.Errorf("%d of %d messages came, at most %d in flight: %w", n, total, h.most, err), s.close())
		}
		wg.Go(func() { h.handle(msg) })
	}
	wg.Wait()
	return errors.Join(h.err, r.settled(ctx), s.close())
}

// orderHandler checks the order of each key, and holds the first messages until
// as many are in hand as are wanted.
type orderHandler struct {
	keys, wanted int

	mu   sync.Mutex
	last map[int]int
	now  int
	most int
	full chan struct{}
	err  error
}

func (h *orderHandler) handle(msg *message.Message) {
	defer msg.Ack()
	h.arrive(msg.UUID)
	timer := time.NewTimer(2 * time.Second)
	defer timer.Stop()
	select {
	case <-h.full:
	case <-timer.C:
		h.giveUpWaiting()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now--
}

func (h *orderHandler) arrive(uuid string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now++
	if h.most = max(h.most, h.now); h.most == h.wanted {
		h.open()
	}
	number, err := strconv.Atoi(uuid)
	if err != nil {
		h.fail(err)
		return
	}
	key := number % h.keys
	if last, ok := h.last[key]; ok && number != last+h.keys {
		h.fail(fmt.Errorf("message %d came after %d", number, last))
	}
	h.last[key] = number
}

func (h *orderHandler) giveUpWaiting() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fail(fmt.Errorf("at most %d messages were in flight, not %d", h.most, h.wanted))
	h.open()
}

func (h *orderHandler) open() {
	select {
	case <-h.full:
	default:
		close(h.full)
	}
}

// fail keeps the first error.
func (h *orderHandler) fail(err error) {
	if h.err == nil {
		h.err = err
	}
}
