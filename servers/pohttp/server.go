// Package pohttp is the gateway's PoHTTP server (RS-007): other Internet nodes
// hand in parcels for endpoints behind our private gateways.
//
//	GET  /  200, for load balancers
//	POST /  a parcel: 202 once it is durable
//
// What will never be accepted is answered with 400 (malformed) or 403 (invalid),
// and senders give such parcels up; failures of ours are 503, or 507 when storage
// is full, and senders try again. A parcel whose key is queued already takes the
// place of the queued one; the very same parcel is accepted once.
//
// Clients are not authenticated: a parcel carries its sender's authorisation.
package pohttp

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"awala.network/gateway/awala/ramf"
	"awala.network/gateway/handlers"
	"awala.network/gateway/internal/limits"
	"awala.network/gateway/internal/tracing"
	"awala.network/gateway/servers/internal/web"
)

const typeParcel = "application/vnd.awala.parcel"

// Acceptor takes parcels in (see [handlers.AcceptParcel]).
type Acceptor interface {
	// FromInternet validates and stores a parcel for an endpoint behind one of
	// our private gateways. When it returns nil the parcel is durable, or was
	// before.
	FromInternet(ctx context.Context, parcel []byte) (handlers.Accepted, error)
}

// Config is what the server needs. Fields without a remark are required.
type Config struct {
	Acceptor Acceptor
	Logger   *slog.Logger
	// Registerer gets the server's metrics.
	Registerer prometheus.Registerer
	// Guard holds clients to their limits.
	Guard *limits.Guard
	// Entrance begins the traces of requests; by default there are none.
	Entrance tracing.Entrance
}

type server struct {
	Config
	bodies *web.Bodies
}

// New returns the server's handler. Its http.Server should set ReadHeaderTimeout
// and IdleTimeout; other deadlines are set for each request. The only errors are
// those of registering metrics.
func New(config Config) (http.Handler, error) {
	metrics, err := web.NewMetrics(config.Registerer, "pohttp")
	if err != nil {
		return nil, fmt.Errorf("pohttp: %w", err)
	}
	s := &server{Config: config, bodies: web.NewBodies(config.Guard)}
	router := web.NewRouter(web.Route{Name: "root", Paths: []string{"/"}, Get: web.Alive, Post: s.takeParcel})
	return web.Observe(router, config.Logger, metrics, config.Guard, config.Entrance), nil
}

func (s *server) takeParcel(w http.ResponseWriter, r *http.Request) error {
	if !web.HasMediaType(r, typeParcel) {
		return web.NewProblem(http.StatusUnsupportedMediaType, "the content type must be %s", typeParcel)
	}
	return s.bodies.Read(w, r, ramf.MaxMessageLen, func(parcel []byte) error {
		if err := s.accept(r.Context(), parcel); err != nil {
			return err
		}
		return web.Respond(w, http.StatusAccepted, "application/json", []byte("{}"))
	})
}

func (s *server) accept(ctx context.Context, parcel []byte) error {
	accepted, err := s.Acceptor.FromInternet(ctx, parcel)
	if refusal := handlers.AsRefusal(err); refusal != nil {
		status := http.StatusForbidden
		if refusal.Kind == handlers.Malformed {
			status = http.StatusBadRequest
		}
		return web.NewProblem(status, "%s", refusal.Reason)
	}
	if err != nil {
		return err
	}
	web.Annotate(ctx, slog.String("private_gateway_id", accepted.GatewayID), slog.String("parcel_id", accepted.Key.ParcelID),
		slog.String("event_id", accepted.EventID), slog.Bool("duplicate", accepted.Duplicate))
	return nil
}
