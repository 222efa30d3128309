package workers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
)

// Config says how a [Router] treats messages. Zero values mean the defaults.
type Config struct {
	// Log takes what is parked. Required.
	Log Appender
	// Registerer takes the metrics; nil keeps none.
	Registerer prometheus.Registerer
	// Tracer makes a span for each message, and for each batch of which some are in a
	// trace; nil makes none.
	Tracer trace.Tracer
	// Logger is told of failures; nil discards.
	Logger *slog.Logger
	// Timeout bounds one try of a handler; 0 is 30 s.
	Timeout time.Duration
	// Tries is how often a handler is tried within one delivery; 0 is 3.
	Tries int
	// MaxAttempts is after how many deliveries a message is parked that always
	// fails; 0 is 100, which with the subscriber's delays is about six hours.
	MaxAttempts int
	// Replays is told of the handlers, so that what was parked can be handled
	// again; nil if nobody is to do that.
	Replays *Replays
	// CloseTimeout is how long the router waits for handlers when it stops;
	// 0 is 30 s.
	CloseTimeout time.Duration
}

func (c *Config) setDefaults() {
	if c.Registerer == nil {
		c.Registerer = prometheus.NewRegistry()
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Replays == nil {
		c.Replays = NewReplays()
	}
	if c.Timeout == 0 {
		c.Timeout = 30 * time.Second
	}
	if c.Tries == 0 {
		c.Tries = 3
	}
	if c.MaxAttempts == 0 {
		c.MaxAttempts = 100
	}
	if c.CloseTimeout == 0 {
		c.CloseTimeout = 30 * time.Second
	}
}

// Router is a Watermill router whose handlers stand behind the package's
// middleware. Add handlers, then Run it once.
type Router struct {
	router  *message.Router
	stopper *stopper
	parking *parking
	inner   []message.HandlerMiddleware
	replays *Replays
}

// NewRouter returns a router without handlers.
func NewRouter(config Config) (*Router, error) {
	if config.Log == nil {
		return nil, errors.New("workers: nothing to park on")
	}
	config.setDefaults()
	metrics, err := newMetrics(config.Registerer)
	if err != nil {
		return nil, fmt.Errorf("workers: metrics: %w", err)
	}
	router, err := message.NewRouter(
		message.RouterConfig{CloseTimeout: config.CloseTimeout},
		watermill.NewSlogLoggerWithLevelMapping(config.Logger, quieter))
	if err != nil {
		return nil, fmt.Errorf("workers: router: %w", err)
	}
	r := &Router{
		router:  router,
		stopper: newStopper(),
		replays: config.Replays,
		parking: &parking{
			parker: NewParker(config.Log), maxAttempts: config.MaxAttempts, metrics: metrics, logger: config.Logger,
		},
		// The first is outermost; these stand next to the handler.
		inner: []message.HandlerMiddleware{
			metrics.middleware, retry(config.Tries, metrics.retried), timeout(config.Timeout), recovery(config.Logger),
		},
	}
	router.AddMiddleware(r.stopper.middleware)
	if config.Tracer != nil {
		router.AddMiddleware(traced(config.Tracer))
	}
	return r, nil
}

// quieter maps Watermill's levels down: its infos are of interest to developers
// alone.
var quieter = map[slog.Level]slog.Level{slog.LevelInfo: slog.LevelDebug}

// Handle runs h over a durable consumer: sub is a [jetstream.Subscriber] and
// topic from [jetstream.Topic]. The name is unique in the router.
func (r *Router) Handle(name, topic string, sub message.Subscriber, h Handler) {
	handler := r.router.AddConsumerHandler(name, topic, sub, adapt(h))
	handler.AddMiddleware(r.parking.middleware)
	handler.AddMiddleware(r.inner...)
	if _, consumer, ok := strings.Cut(topic, "/"); ok {
		r.replays.add(topic, again(consumer, h, r.inner[1:])) // all but the metrics, which are of deliveries
	}
}

// HandleBatches runs h over a stream from its own checkpoint: sub is a
// [jetstream.BatchSubscriber]. Batches are not parked but tried until taken.
func (r *Router) HandleBatches(name, stream string, sub message.Subscriber, h BatchHandler) {
	handler := r.router.AddConsumerHandler(name, stream, sub, adaptBatch(h))
	handler.AddMiddleware(r.inner...)
}

// Running is closed when every handler has subscribed.
func (r *Router) Running() <-chan struct{} { return r.router.Running() }

var errStopped = errors.New("workers: every subscription ended by itself")

// Run handles messages until ctx ends, and then waits for the handlers. It
// returns nil then, and otherwise the fatal error that stopped it.
func (r *Router) Run(ctx context.Context) error {
	running, cancel := context.WithCancel(ctx)
	defer cancel()
	var watcher sync.WaitGroup
	defer watcher.Wait()
	watcher.Go(func() {
		select {
		case <-r.stopper.struck:
			cancel()
		case <-running.Done():
		}
	})
	err := r.router.Run(running)
	stopped := running.Err() != nil
	cancel()
	select {
	case <-r.stopper.struck:
		return r.stopper.err
	default:
	}
	if err == nil && !stopped {
		err = errStopped
	}
	return err
}
