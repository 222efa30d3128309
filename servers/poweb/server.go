package poweb

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/semaphore"

	"awala.network/gateway/internal/limits"
	"awala.network/gateway/internal/tracing"
	"awala.network/gateway/servers/internal/web"
)

const (
	defaultDeliveryMemory = 256 << 20
	// cutMargin is kept of the time to drain, to cut off what is left.
	cutMargin = 200 * time.Millisecond
)

// Config is what the server needs. Fields without a remark are required.
type Config struct {
	Identity    Identity
	SessionKeys SessionKeys
	Log         Log
	Acceptor    Acceptor
	Blobs       Blobs
	Mailboxes   Mailboxes
	Collector   Collector
	Reporter    Reporter
	Logger      *slog.Logger
	// Registerer gets the server's metrics.
	Registerer prometheus.Registerer
	// Entrance begins the traces of requests; by default there are none.
	Entrance tracing.Entrance
	// Guard holds clients to their limits.
	Guard *limits.Guard
	// Collections bounds the open collections of one private gateway: a further one
	// ends the oldest. 0 is no limit.
	Collections int
	// DeliveryMemory bounds the memory, in octets, of collected parcels over 64 KiB
	// that are being written; 256 MiB if 0.
	DeliveryMemory int64
	// Now is time.Now if nil.
	Now func() time.Time
}

// Server is the PoWeb server: an [http.Handler], and collections that net/http
// knows nothing of and that Drain ends. The caller's http.Server should set
// ReadHeaderTimeout and IdleTimeout; other deadlines are set for each request.
type Server struct {
	Config
	handler   http.Handler
	bodies    *web.Bodies
	metrics   *metrics
	sessions  *sessions
	damper    *damper
	crowding  *crowding
	large     *semaphore.Weighted
	largeSize int64
	// signatures bounds those that anybody may ask for.
	signatures *semaphore.Weighted
	timing     timing
	params     connectionParams
}

// New returns a server. The only errors are those of registering its metrics.
func New(config Config) (*Server, error) {
	requests, err := web.NewMetrics(config.Registerer, "poweb")
	if err != nil {
		return nil, fmt.Errorf("poweb: %w", err)
	}
	collections, err := newMetrics(config.Registerer)
	if err != nil {
		return nil, fmt.Errorf("poweb: %w", err)
	}
	s := &Server{
		Config:    config,
		bodies:    web.NewBodies(config.Guard),
		metrics:   collections,
		sessions:  newSessions(),
		damper:    newDamper(),
		crowding:  newCrowding(config.Collections),
		largeSize: orDefault(config.DeliveryMemory, defaultDeliveryMemory),
		timing:    defaultTiming(),

		signatures: newSigning(),
	}
	s.large = semaphore.NewWeighted(s.largeSize)
	s.handler = web.Observe(s.router(), config.Logger, requests, config.Guard, config.Entrance)
	return s, nil
}

func orDefault(value, otherwise int64) int64 {
	if value == 0 {
		return otherwise
	}
	return value
}

func (s *Server) router() http.Handler {
	return web.NewRouter(
		web.Route{Name: "root", Paths: []string{"/"}, Get: web.Alive},
		web.Route{Name: "connection-params", Paths: []string{"/connection-params.der"}, Get: s.getConnectionParams},
		web.Route{Name: "pre-registrations", Paths: preRegistrationPaths, Post: s.preRegister},
		web.Route{Name: "nodes", Paths: []string{"/v1/nodes"}, Post: s.register},
		web.Route{Name: "parcels", Paths: []string{"/v1/parcels"}, Post: s.takeParcel},
		web.Route{Name: "parcel-collection", Paths: []string{"/v1/parcel-collection"}, Get: s.collect, Upgrade: true},
	)
}

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Drain ends all collections: no more begin, the open ones are closed with code
// 4000 once what they are doing is done, a thousand a second, and those still there
// shortly before ctx ends are cut off. It returns when none is left; it never fails, because an
// interrupted collection loses nothing.
func (s *Server) Drain(ctx context.Context) error {
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline.Add(-cutMargin))
		defer cancel()
	}
	if !s.sessions.end(ctx) {
		s.Logger.InfoContext(ctx, "Collections were cut off, because their clients did not close in time")
	}
	return nil
}

func (s *Server) now() time.Time {
	if s.Now == nil {
		return time.Now()
	}
	return s.Now()
}
