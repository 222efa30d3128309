package cogrpc

import (
	"context"
	"errors"
	"io"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"awala.network/gateway/handlers"
)

// maxUnacknowledged is how many cargoes may be on their way to the client.
const maxUnacknowledged = 5

// collecting is the exchange of a CollectCargo call once it is authenticated. Three
// goroutines take part: one sends cargo, one reads acknowledgements, and run, to
// which both tell what happens, decides.
type collecting struct {
	*Server
	ctx        context.Context
	stream     collectionStream
	collection *handlers.CargoCollection
	began      time.Time

	happenings chan happening
	// window has an entry for each cargo that is being sent or not acknowledged. The
	// next one is written while its predecessors are on their way.
	window chan struct{}
	done   chan struct{} // closed when run is over

	pending    map[string]struct{} // unacknowledged, by delivery id
	count      int
	sentAll    bool
	halfClosed bool  // there will be no more acknowledgements
	failure    error // what the call ends with
	fulfilled  bool
}

// happening is one thing that happened; one of the fields is set.
type happening struct {
	announced    string // a cargo is about to be sent under this delivery id
	sent         bool
	sendEnded    bool // with err
	acknowledged string
	readEnded    bool // with err
	err          error
}

func newCollecting(s *Server, stream collectionStream, collection *handlers.CargoCollection, began time.Time) *collecting {
	return &collecting{
		Server: s, ctx: stream.Context(), stream: stream, collection: collection, began: began,
		happenings: make(chan happening), window: make(chan struct{}, maxUnacknowledged),
		done: make(chan struct{}), pending: map[string]struct{}{},
	}
}

// run returns when all cargo was sent and acknowledged, which it records, or when
// that will not happen any more.
func (c *collecting) run() error {
	defer close(c.done)
	sending, stop := context.WithCancel(c.ctx)
	defer stop()
	c.start(sending)
	stalled := time.NewTimer(c.timing.progress)
	defer stalled.Stop()
	ending := c.farewellOver
	for !c.over() {
		select {
		case h := <-c.happenings:
			c.observe(h)
			stalled.Reset(c.timing.progress)
		case <-stalled.C:
			c.fail(status.Errorf(codes.Unavailable, "no progress in %v", c.timing.progress))
		case <-ending:
			ending = nil
			stop()
		case <-c.ctx.Done():
			c.fail(status.FromContextError(c.ctx.Err()).Err())
		}
	}
	if c.failure != nil || len(c.pending) > 0 {
		return c.failure
	}
	return c.fulfil()
}

// start starts the two other goroutines. They end with the call, because then its
// stream does.
func (c *collecting) start(sending context.Context) {
	c.readers.Go(func() {
		err := c.sendSafely(sending)
		c.tell(context.WithoutCancel(sending), happening{sendEnded: true, err: err})
	})
	c.readers.Go(func() {
		for {
			ack, err := c.stream.Recv()
			h := happening{acknowledged: ack.GetId()}
			if err != nil {
				h = happening{readEnded: true, err: err}
			}
			if !c.tell(c.ctx, h) || err != nil {
				return
			}
		}
	})
}

func (c *collecting) sendSafely(ctx context.Context) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = c.panicked(c.ctx, cause)
		}
	}()
	return c.send(ctx)
}

// tell tells run, unless ctx or run is over.
func (c *collecting) tell(ctx context.Context, h happening) bool {
	select {
	case c.happenings <- h:
		return true
	case <-ctx.Done():
		return false
	case <-c.done:
		return false
	}
}

// over tells whether nothing more is to be waited for.
func (c *collecting) over() bool {
	return c.failure != nil || c.sentAll && (len(c.pending) == 0 || c.halfClosed)
}

func (c *collecting) observe(h happening) {
	switch {
	case h.announced != "":
		c.pending[h.announced] = struct{}{}
	case h.sent:
		if c.count++; c.count == 1 {
			c.metrics.firstCargo.Observe(time.Since(c.began).Seconds())
		}
		if c.halfClosed {
			c.free() // nobody will
		}
	case h.sendEnded:
		c.sentAll = true
		c.sendEnded(h.err)
	case h.readEnded:
		c.readEnded(h.err)
	default:
		c.acknowledge(h.acknowledged)
	}
}

// sendEnded is a failure if cargo was left over because of an error or the server's
// end.
func (c *collecting) sendEnded(err error) {
	switch {
	case err == nil:
	case c.ctx.Err() == nil && errors.Is(err, context.Canceled):
		c.fail(status.Error(codes.Unavailable, "the server is stopping"))
	default:
		c.fail(refusal(c.ctx, err))
	}
}

// readEnded goes on without acknowledgements if the client closed its half: then
// it gets its cargo, and the CCA stays good.
func (c *collecting) readEnded(err error) {
	if !errors.Is(err, io.EOF) {
		c.fail(err)
		return
	}
	c.halfClosed = true
	for len(c.window) > 0 {
		c.free()
	}
}

// acknowledge notes an acknowledgement. One that is unknown or repeated means
// nothing.
func (c *collecting) acknowledge(id string) {
	if _, ok := c.pending[id]; !ok {
		return
	}
	delete(c.pending, id)
	c.metrics.acknowledged.Inc()
	c.free()
}

// free makes room in the window.
func (c *collecting) free() {
	select {
	case <-c.window:
	default:
	}
}

func (c *collecting) fail(err error) {
	if c.failure == nil {
		c.failure = err
	}
}

// fulfil records that the CCA is used up, also when the client has gone: it has got
// everything.
func (c *collecting) fulfil() error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.ctx), c.timing.recording)
	defer cancel()
	defer context.AfterFunc(c.life, cancel)()
	if err := c.collection.Fulfil(ctx); err != nil {
		return refusal(c.ctx, err)
	}
	c.fulfilled = true
	return nil
}
