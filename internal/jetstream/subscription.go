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

	room  *room
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
		room:  newRoom(config.Prefetch, config.Hold),
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

// pullWait is how long a request for messages stands unless a test says
// otherwise. It must run out before a subscription can end, because the library
// drops what arrives for a request that is cancelled, and the server would then
// wait for it in vain.
const pullWait = time.Second

// fetch makes one request, for as many messages as there is room for.
func (s *subscription) fetch(ctx, abandoned context.Context) error {
	n := s.room.wait(ctx)
	if n == 0 {
		return ctx.Err()
	}
	waiting, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.config.pullWait)
	defer cancel()
	batch, err := s.consumer.Fetch(n, natsjs.FetchContext(waiting))
	if err != nil {
		return err
	}
	for msg := range batch.Messages() {
		s.accept(ctx, abandoned, msg)
	}
	if err := batch.Error(); !errors.Is(err, natsjs.ErrNoHeartbeat) {
		return err
	}
	return nil // the next request will show
}

// accept puts a message into its lane, and opens the lane if there is none.
func (s *subscription) accept(ctx, abandoned context.Context, msg natsjs.Msg) {
	delivery, err := s.log.newDelivery(abandoned, msg)
	if err != nil && delivery.Attempt > 0 {
		// The key store does not answer; the message comes again.
		s.log.opts.Logger.LogAttrs(ctx, slog.LevelWarn, "a message cannot be read for the moment", slog.Any("error", err))
		s.answered(ctx, job{msg, delivery}, msg.NakWithDelay(s.config.NakDelay(delivery.Attempt)))
		return
	}
	if err != nil {
		s.log.opts.Logger.LogAttrs(ctx, slog.LevelWarn, "not a message of a consumer", slog.Any("error", err))
		return
	}
	j := job{msg, delivery}
	key := s.config.Key(delivery.Record)
	s.held.add(msg)
	s.room.take(1, 0)
	if s.lanes.join(key, j) {
		return
	}
	s.room.take(0, 1)
	s.wg.Go(func() {
		defer s.room.take(0, -1)
		for more := true; more; j, more = s.lanes.next(key) {
			s.handle(ctx, abandoned, j)
			s.held.remove(j.msg)
			s.room.take(-1, 0)
		}
	})
}

// handle hands a message to the handler and tells the server what came of it.
// Once ctx has ended, it gives back what the handler has not yet got.
func (s *subscription) handle(ctx, abandoned context.Context, j job) {
	msgCtx, cancel := context.WithCancel(abandoned)
	defer cancel()
	msg := newMessage(msgCtx, j.delivery, j.msg)
	if !s.hand(ctx, msg) {
		s.answered(ctx, j, s.giveBack(j))
		return
	}
	defer func() { <-s.hands }()
	select {
	case <-msg.Acked():
		s.answered(ctx, j, j.msg.Ack())
	case <-msg.Nacked():
		s.answered(ctx, j, j.msg.NakWithDelay(s.config.NakDelay(j.delivery.Attempt)))
	case <-abandoned.Done():
		s.answered(ctx, j, s.giveBack(j))
	}
}

// giveBack returns a message at the end of the subscription. It stays away until
// the last request, which could take it again, has run out.
func (s *subscription) giveBack(j job) error { return j.msg.NakWithDelay(s.config.pullWait) }

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
