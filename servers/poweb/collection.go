package poweb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/coder/websocket"
	"go.opentelemetry.io/otel/trace"

	"awala.network/gateway/servers/internal/web"
)

// statusTryAgain is the close code of RS-016 for a server that stops: it tells
// the client to come back. 1000 would tell it that all is collected, and send a
// desktop client into a tight loop; released clients treat all others alike.
const statusTryAgain websocket.StatusCode = 4000

// timing holds the periods of a collection, and one of a registration; tests
// shorten them.
type timing struct {
	// ping is the time between two pings. Clients give up after 7 seconds
	// without one.
	ping time.Duration
	// silence is for how long a client may show no sign of life. RS-016 asks for
	// 9 seconds at least; seen at pings, it comes to 10 to 15.
	silence time.Duration
	// handshake is how long the client may take to answer the challenge.
	handshake time.Duration
	// refusal is how long a client whose handshake failed is kept waiting for the
	// end, because released ones come back at once.
	refusal time.Duration
	// collect bounds the recording of one acknowledgement.
	collect time.Duration
	// reopen is how long the connection goes on after a parcel was passed over
	// because storage failed; then the client must come back for it.
	reopen time.Duration
	// turn is how long a registration waits for its turn to be signed; clients wait
	// for five seconds in all.
	turn time.Duration
	// retries are the pauses before further attempts to use storage.
	retries []time.Duration
}

func defaultTiming() timing {
	return timing{
		ping: 5 * time.Second, silence: 10 * time.Second, handshake: 15 * time.Second,
		refusal: time.Second, collect: 10 * time.Second, reopen: 15 * time.Second, turn: 3 * time.Second,
		retries: []time.Duration{100 * time.Millisecond, 400 * time.Millisecond, 1500 * time.Millisecond},
	}
}

// collection is one private gateway, or several, collecting parcels.
type collection struct {
	*Server
	link *link
	log  *slog.Logger
	// uponCompletion tells that the connection closes when all is collected.
	uponCompletion bool
	// gateways are the ids whose parcels are collected.
	gateways []string
	// reopenAt is when the connection must end so that the client comes back for
	// what was passed over; zero when nothing was.
	reopenAt time.Time
	// upgrade is the trace context of the request, span the one of the parcel that is
	// being delivered.
	upgrade trace.SpanContext
	span    trace.Span
	// validAt is when the first of the parcels becomes valid that were dated ahead
	// of our clock; zero if there is none.
	validAt time.Time
	// delivered and acknowledged count parcels.
	delivered, acknowledged int
}

// collect upgrades to the WebSocket of RS-016 §Parcel collection. The collection
// goes on in a goroutine of its own, so that nothing of the request stays in
// memory; Drain waits for it.
func (s *Server) collect(w http.ResponseWriter, r *http.Request) error {
	if !s.sessions.enter() {
		return web.NewProblem(http.StatusServiceUnavailable, "the server is stopping")
	}
	l, err := newLink(s.sessions.hard, w, r, s.timing)
	if err != nil {
		s.sessions.leave()
		return err
	}
	c := &collection{
		Server: s, link: l, log: web.Logger(r.Context()), uponCompletion: closesUponCompletion(r.Header),
		upgrade: trace.SpanContextFromContext(r.Context()),
	}
	origin := r.Header.Get("Origin")
	go func() {
		defer s.sessions.leave()
		c.run(origin)
	}()
	return nil
}

// run serves the collection, ends the connection, and says how it was.
func (c *collection) run(origin string) {
	defer context.AfterFunc(c.sessions.draining, func() {
		c.sessions.part(c.link.ctx)
		c.link.cancel(errDraining)
	})()
	c.metrics.collectors.Inc()
	defer c.metrics.collectors.Dec()
	began := time.Now()
	e := endingOf(c.survive(func() error { return c.serve(origin) }))
	c.link.close(e.code, e.reason)
	c.metrics.ended.WithLabelValues(e.label()).Inc()
	attrs := []slog.Attr{
		slog.Int("close_code", int(e.code)), slog.String("close_reason", e.reason),
		slog.Int("delivered", c.delivered), slog.Int("acknowledged", c.acknowledged),
		slog.Float64("duration_s", time.Since(began).Seconds()),
	}
	if e.err != nil {
		attrs = append(attrs, slog.Any("error", e.err))
	}
	c.log.LogAttrs(c.link.hard, e.level(), "Collection ended", attrs...)
}

// survive turns a panic into an error, so that one collection cannot end others.
func (c *collection) survive(serve func() error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = c.failure(fmt.Errorf("panic: %v\n%s", cause, debug.Stack()))
		}
	}()
	return serve()
}

// serve does everything between the upgrade and the end. It returns the reason
// of the end, nil when all that was asked for is done.
func (c *collection) serve(origin string) error {
	err := c.open(origin)
	var refused *ending
	if errors.As(err, &refused) && refused.slow {
		c.pause(c.timing.refusal)
	}
	if err != nil {
		return err
	}
	c.log = c.log.With(slog.Any("private_gateway_id", c.gateways))
	for _, tooMany := range c.crowding.enter(c.gateways, c.link) {
		c.Guard.TooManyCollections()
		tooMany.cancel(errCrowded)
	}
	defer c.crowding.leave(c.gateways, c.link)
	c.log.InfoContext(c.link.ctx, "Collection started", slog.Bool("upon_completion", c.uponCompletion))
	c.pause(c.damper.delay(c.gateways))
	feed, err := c.openFeed(c.link.ctx)
	if err != nil {
		return c.failure(err)
	}
	return c.stream(feed)
}

// pause waits, unless the link ends.
func (c *collection) pause(d time.Duration) {
	if d <= 0 {
		return
	}
	select {
	case <-time.After(d):
	case <-c.link.ctx.Done():
	}
}

// stream delivers what the feed yields, and closes it. When parcels that were too
// early become valid, it looks at all that is queued anew.
func (c *collection) stream(feed Feed) error {
	for {
		err := c.drain(feed)
		if !errors.Is(err, errValidNow) {
			return err
		}
		c.validAt = time.Time{}
		if feed, err = c.openFeed(c.link.ctx); err != nil {
			return c.failure(err)
		}
	}
}

// drain delivers what the feed yields, until it yields no more or parcels become
// valid that it has yielded before.
func (c *collection) drain(feed Feed) error {
	defer feed.Close()
	for {
		item, err := c.next(feed)
		if errors.Is(err, io.EOF) && c.reopenAt.IsZero() {
			return nil
		}
		if errors.Is(err, errValidNow) {
			return err
		}
		if err != nil {
			return c.failure(err)
		}
		if c.early(item) {
			continue
		}
		if err := c.deliver(item); err != nil {
			return err
		}
	}
}

// failure says why the collection cannot go on: because the link ended, or else
// because of err.
func (c *collection) failure(err error) error {
	if cause := context.Cause(c.link.ctx); cause != nil {
		return cause
	}
	return &ending{code: websocket.StatusInternalError, reason: "internal error; try again", err: err}
}
