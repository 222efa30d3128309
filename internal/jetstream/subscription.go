package jetstream

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	natsjs "github.com/nats-io/nats.go/jetstream"
)

// subscription is one Subscribe: a goroutine that fetches, one for each lane in
// use, and one that keeps held messages alive.
type subscription struct {
	log      *Log
	config   SubscriberConfig
	consumer natsjs.Consumer
	out      chan *message.Message

	room  chan struct{} // a token for each message that may be held
	hands chan struct{} // a token for each message that handlers may have
	lanes lanes
	held  heldSet
	wg    sync.WaitGroup // lanes at work
}

// job is a message on its way to a handler.
type job struct {
	msg      natsjs.Msg
	delivery Delivery
}

func newSubscription(l *Log, config SubscriberConfig, consumer natsjs.Consumer) *subscription {
	return &subscription{
		log: l, config: config, consumer: consumer,
		out:   make(chan *message.Message),
		room:  make(chan struct{}, config.Prefetch),
		hands: make(chan struct{}, config.Concurrency),
		lanes: lanes{waiting: map[string][]job{}},
		held:  heldSet{msgs: map[natsjs.Msg]struct{}{}},
	}
}

// run owns the subscription's goroutines and ends after all of them.
func (s *subscription) run(ctx context.Context) {
	defer close(s.out)
	alive := make(chan struct{})
	var keeper sync.WaitGroup
	keeper.Go(func() { s.held.keepAlive(alive, patience(s.consumer.CachedInfo().Config)/3) })
	defer keeper.Wait()
	defer close(alive)

	abandoned, abandon := context.WithCancel(context.WithoutCancel(ctx))
	defer abandon()
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(s.config.Drain, abandon) })
	defer stop()
	s.fetchAll(ctx, abandoned)
	s.wg.Wait()
}

// fetchAll hands messages to lanes until ctx ends. Nothing that a server does
// or fails to do ends it.
func (s *subscription) fetchAll(ctx, abandoned context.Context) {
	for failures := 0; ctx.Err() == nil; {
		err := s.fetch(ctx, abandoned)
		if err == nil || ctx.Err() != nil {
			failures = 0
			continue
		}
		wait := min(50*time.Millisecond<<min(failures, 20), 5*time.Second)
		failures++
		s.log.opts.Logger.LogAttrs(ctx, slog.LevelWarn, "fetching failed",
			slog.String("consumer", s.consumer.CachedInfo().Name), slog.Int("failures", failures), slog.Any("error", err))
		sleep(ctx, wait)
	}
}

// fetch makes one request, for as many messages as there is room for. An
// unanswered request ends by itself.
func (s *subscription) fetch(ctx, abandoned context.Context) error {
	n := s.reserve(ctx)
	defer func() { s.release(n) }()
	if n == 0 {
		return ctx.Err()
	}
	waiting, cancel := context.WithTimeout(ctx, idle)
	defer cancel()
	batch, err := s.consumer.Fetch(n, natsjs.FetchContext(waiting))
	if err != nil {
		return err
	}
	for msg := range batch.Messages() {
		if s.accept(ctx, abandoned, msg) {
			n--
		}
	}
	if err := batch.Error(); !errors.Is(err, natsjs.ErrNoHeartbeat) {
		return err
	}
	return nil // the next request will show
}

// reserve waits for room for one message and takes all there is.
func (s *subscription) reserve(ctx context.Context) int {
	select {
	case s.room <- struct{}{}:
	case <-ctx.Done():
		return 0
	}
	for n := 1; ; n++ {
		select {
		case s.room <- struct{}{}:
		default:
			return n
		}
	}
}

func (s *subscription) release(n int) {
	for range n {
		<-s.room
	}
}

// accept takes a message into the room reserved for it.
func (s *subscription) accept(ctx, abandoned context.Context, msg natsjs.Msg) bool {
	delivery, err := newDelivery(msg)
	if err != nil {
		s.log.opts.Logger.LogAttrs(ctx, slog.LevelWarn, "not a message of a consumer", slog.Any("error", err))
		return false
	}
	j := job{msg, delivery}
	key := s.config.Key(delivery.Record)
	s.held.add(msg)
	if s.lanes.join(key, j) {
		return true
	}
	s.wg.Go(func() {
		for more := true; more; j, more = s.lanes.next(key) {
			s.handle(ctx, abandoned, j)
			s.held.remove(j.msg)
			s.release(1)
		}
	})
	return true
}

// handle hands a message to the handler and tells the server what came of it.
// Once ctx has ended, it gives back what the handler has not yet got.
func (s *subscription) handle(ctx, abandoned context.Context, j job) {
	msgCtx, cancel := context.WithCancel(abandoned)
	defer cancel()
	msg := newMessage(msgCtx, j.delivery, j.msg)
	if !s.hand(ctx, msg) {
		s.answered(ctx, j, j.msg.Nak())
		return
	}
	defer func() { <-s.hands }()
	select {
	case <-msg.Acked():
		s.answered(ctx, j, j.msg.Ack())
	case <-msg.Nacked():
		s.answered(ctx, j, j.msg.NakWithDelay(s.config.NakDelay(j.delivery.Attempt)))
	case <-abandoned.Done():
		s.answered(ctx, j, j.msg.Nak())
	}
}

// hand gives msg to a handler that is free.
func (s *subscription) hand(ctx context.Context, msg *message.Message) bool {
	select {
	case s.hands <- struct{}{}:
	case <-ctx.Done():
		return false
	}
	select {
	case s.out <- msg:
		return true
	case <-ctx.Done():
		<-s.hands
		return false
	}
}

// answered logs that the server may not know the outcome, in which case the
// message comes again.
func (s *subscription) answered(ctx context.Context, j job, err error) {
	if err != nil {
		s.log.opts.Logger.LogAttrs(ctx, slog.LevelWarn, "outcome not sent",
			slog.String("event_id", j.delivery.ID), slog.Any("error", err))
	}
}
