package gateway

import (
	"cmp"
	"context"
	"log/slog"
	"net"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/access"
	"awala.network/gateway/internal/admin"
	"awala.network/gateway/internal/config"
	"awala.network/gateway/internal/identity"
	"awala.network/gateway/internal/measured"
	"awala.network/gateway/internal/names"
	"awala.network/gateway/internal/takeover"
	"awala.network/gateway/internal/telemetry"
	"awala.network/gateway/workers"
)

// Kind is what a process is: where its backing services come from and which
// roles it has.
type Kind struct {
	// Name is the kind's name in logs and metrics.
	Name string
	// check finds settings that the kind requires and that are missing; nil if
	// there are none.
	check func(*config.Config) error
	open  func(context.Context, *assembly) (*services, error)
	roles []role
}

// Check returns an error that names a setting that this kind of process requires
// and that is missing.
func (k Kind) Check(c *config.Config) error {
	if k.check == nil {
		return nil
	}
	return k.check(c)
}

// role is one thing that a gateway does.
type role struct {
	name string
	// listen is the setting of the role's server; nil if it has none. A role
	// whose server is off is not started.
	listen func(*config.Config) config.Listen
	// start starts the role on what the assembly holds.
	start func(context.Context, *assembly) error
}

// assembly is a gateway in the making: what the roles are given.
type assembly struct {
	kind      Kind
	config    *config.Config
	logger    *slog.Logger
	level     *slog.LevelVar
	metrics   *prometheus.Registry
	traces    *telemetry.Traces
	measured  *measured.Services
	readiness *admin.Readiness
	life      *lifecycle
	listeners map[string]net.Listener // by the name of the role, and "admin"

	// rotator is the identity, once there is one: the admin server may ask sooner.
	rotator atomic.Pointer[identity.Identity]

	// queue is where operators see the deliveries; the delivery role fills it.
	queue admin.Mount

	// access says who may use the admin server, console is where people do.
	access  *access.Guard
	console admin.Mount

	// overview is the whole gateway at a glance.
	overview overviewParts

	// Set by startServices.
	services *services
	identity *identity.Identity
	usecases *usecases
	evidence evidenceParts
	upkeep   upkeepParts
	dataDir  string // empty unless standalone
	// fence is names.Fence, unless a test is in a hurry.
	fence time.Duration
}

func newAssembly(o Options) *assembly {
	version := telemetry.Version()
	a := &assembly{
		kind:      o.Kind,
		config:    o.Config,
		logger:    o.Logger,
		level:     o.Level,
		metrics:   telemetry.NewRegistry(version, o.Kind.Name),
		traces:    new(telemetry.Traces),
		fence:     cmp.Or(o.Fence, names.Fence),
		readiness: admin.NewReadiness(version),
		life:      newLifecycle(o.Logger),
		listeners: make(map[string]net.Listener),
		evidence:  evidenceParts{mount: admin.Mount{Path: "/events"}},
		upkeep: upkeepParts{
			projections: admin.Mount{Path: "/projections"}, messages: admin.Mount{Path: "/parked"},
			forgetting: admin.Mount{Path: "/forget"},
			replays:    workers.NewReplays(),
		},
		queue:    admin.Mount{Path: "/queue"},
		console:  admin.Mount{Path: access.ConsolePath},
		overview: overviewParts{mount: admin.Mount{Path: "/status"}},
	}
	a.access = a.newAccess(o.Config.Admin)
	a.measured = measured.New(a.metrics)
	a.kind.roles = slices.DeleteFunc(slices.Clone(o.Kind.roles), func(r role) bool {
		return r.listen != nil && !r.listen(o.Config).Enabled()
	})
	return a
}

// openListeners opens the socket of each server that is not off.
func (a *assembly) openListeners(ctx context.Context) error {
	wanted := map[string]config.Listen{"admin": a.config.Admin.Listen}
	for _, r := range a.kind.roles {
		if r.listen != nil {
			wanted[r.name] = r.listen(a.config)
		}
	}
	for name, address := range wanted {
		if !address.Enabled() {
			continue
		}
		l, err := listen(ctx, name, address)
		if err != nil {
			return err
		}
		a.listeners[name] = l
	}
	return nil
}

// closeListeners closes the sockets that no server has closed.
func (a *assembly) closeListeners() {
	for _, l := range a.listeners {
		// The error says that it is closed.
		_ = l.Close()
	}
}

func (a *assembly) startAdmin() {
	listener := a.listeners["admin"]
	if listener == nil {
		return
	}
	a.life.serveHTTP(stageAdmin, "admin", listener, admin.NewHandler(admin.Options{
		Version:   telemetry.Version(),
		Readiness: a.readiness,
		Metrics:   a.metrics,
		Level:     a.level,
		Logger:    a.logger,

		RotateCertificate: a.rotateCertificate,
		Profiles:          bool(a.config.Admin.Profiles),
		Mounts:            append(a.upkeep.mounts(), &a.evidence.mount, &a.queue, &a.overview.mount, &a.console),
		Access:            a.access,
		ProtectMetrics:    bool(a.config.Admin.ProtectMetrics),
	}), nil)
}

// startServices opens the backing services, provisions the streams, and opens
// the identity, which the first start makes.
func (a *assembly) startServices(ctx context.Context) error {
	s, err := a.kind.open(ctx, a)
	if s != nil {
		a.life.started(stageServices, "services", s.close)
	}
	if err != nil {
		return err
	}
	a.services = s
	if s.watch != nil {
		a.life.run(stageProjections, "history", s.watch) // it ends before they are closed
	}
	for _, c := range s.checks {
		a.readiness.Require(c.name, c.check)
	}
	if err := a.openIdentity(ctx); err != nil {
		return err
	}
	a.openEvidence(ctx)
	if err := a.openUsecases(ctx); err != nil {
		return err
	}
	if err := a.openParked(ctx); err != nil {
		return err
	}
	return a.openOverview(ctx)
}

// ensureIdentity opens the identity, and makes it if there is none. While another
// gateway is taken over there is nothing to run on.
func (a *assembly) ensureIdentity(ctx context.Context) (err error) {
	if err := takeover.Check(ctx, a.services.log); err != nil {
		return err
	}
	a.identity, err = identity.Ensure(ctx, identity.Deps{
		Keys: a.services.keys, Log: a.services.log, Logger: a.logger,
	}, string(a.config.Gateway.InternetAddress))
	return err
}

func (a *assembly) openIdentity(ctx context.Context) error {
	if err := a.ensureIdentity(ctx); err != nil {
		return err
	}
	a.rotator.Store(a.identity)
	if err := a.followForgetting(ctx); err != nil {
		return err
	}
	return a.followIdentity(ctx)
}

// followIdentity has every process learn at once of a certificate that another
// issued.
func (a *assembly) followIdentity(ctx context.Context) error {
	watch, err := a.services.log.Watch(ctx, events.IdentityChannel)
	if err != nil {
		return err
	}
	a.life.run(stageProjections, "identity", func(ctx context.Context) error {
		defer watch.Close()
		return a.identity.Follow(ctx, func(ctx context.Context) error {
			_, err := watch.Next(ctx)
			return err
		})
	})
	return nil
}

// loggerFor returns the logger of a role or part.
func (a *assembly) loggerFor(component string) *slog.Logger {
	return a.logger.With(slog.String("component", component))
}
