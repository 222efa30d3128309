package cogrpc

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/semaphore"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"

	"awala.network/gateway/internal/tracing"
	"awala.network/gateway/servers/cogrpc/cargorelay"
)

// Limits of connections and messages.
const (
	// maxMessageLen is a RAMF message of 9 MiB and its envelope, as the reference
	// implementation has it.
	maxMessageLen = 9_437_440
	// maxHeaderLen is room for CCAs with a certification path, which have more than
	// 6,000 characters in base64.
	maxHeaderLen = 32 << 10
	// maxStreams bounds the calls on one connection; couriers make one at a time.
	maxStreams = 16
	// maxCalls bounds the calls on all connections.
	maxCalls = 512

	connectionAge   = 15 * time.Minute
	connectionGrace = 30 * time.Second
	connectionIdle  = 5 * time.Minute
	pingInterval    = 60 * time.Second
	pingTimeout     = 20 * time.Second
	minPingInterval = 10 * time.Second

	defaultCargoMemory = 256 << 20
	// cutMargin is kept of the time to stop, to cut off what is left.
	cutMargin = 500 * time.Millisecond
)

// Config is what the server needs. Fields without a remark are required.
type Config struct {
	Receiver  Receiver
	Collector Collector
	// Ready tells whether the process may get calls; the health service repeats it.
	Ready  func(context.Context) bool
	Logger *slog.Logger
	// Registerer gets the server's metrics.
	Registerer prometheus.Registerer
	// Entrance begins the traces of calls; by default there are none.
	Entrance tracing.Entrance
	// TLS is nil behind a proxy that terminates it.
	TLS *tls.Config
	// CargoMemory bounds, in octets, the cargoes that are being stored or wait for
	// that, but for one of each call; 256 MiB if 0.
	CargoMemory int64
}

// Server is the CogRPC server. Serve it once, then Stop it.
type Server struct {
	Config
	grpc    *grpc.Server
	metrics *metrics
	memory  *semaphore.Weighted
	calls   *semaphore.Weighted
	timing  timing

	stopOnce sync.Once
	stopping chan struct{}      // closed when calls should come to their end
	life     context.Context    // ends when calls must end
	kill     context.CancelFunc // ends life
	readers  sync.WaitGroup     // goroutines that outlive their calls by a moment
}

// timing is what tests shorten.
type timing struct {
	// storing bounds the storing of one cargo.
	storing time.Duration
	// silence is how long a delivery may go without a whole cargo. One of 9 MiB takes
	// that long at 32 KiB a second.
	silence time.Duration
	// progress is how long a collection may go without a cargo sent or
	// acknowledged.
	progress time.Duration
	// recording bounds the recording of a fulfilled collection.
	recording time.Duration
	// healthInterval is how often a watcher of the health is told of changes.
	healthInterval time.Duration
}

// New returns a server. The only errors are those of registering its metrics.
func New(config Config) (*Server, error) {
	m, err := newMetrics(config.Registerer)
	if err != nil {
		return nil, fmt.Errorf("cogrpc: %w", err)
	}
	if config.CargoMemory == 0 {
		config.CargoMemory = defaultCargoMemory
	}
	s := &Server{
		Config: config, metrics: m,
		memory: semaphore.NewWeighted(max(config.CargoMemory, maxMessageLen)), calls: semaphore.NewWeighted(maxCalls),
		timing: timing{
			storing: 15 * time.Second, silence: 5 * time.Minute, progress: time.Minute, recording: 5 * time.Second, healthInterval: 5 * time.Second,
		},
		stopping: make(chan struct{}),
	}
	s.life, s.kill = context.WithCancel(context.Background())
	s.grpc = grpc.NewServer(s.options()...)
	// One implementation under both names.
	relay := &relay{Server: s}
	s.grpc.RegisterService(&cargorelay.CargoRelay_ServiceDesc, relay)
	s.grpc.RegisterService(&cargorelay.AwalaServiceDesc, relay)
	grpc_health_v1.RegisterHealthServer(s.grpc, &health{server: s})
	return s, nil
}

func (s *Server) options() []grpc.ServerOption {
	options := []grpc.ServerOption{
		grpc.MaxRecvMsgSize(maxMessageLen),
		grpc.MaxHeaderListSize(maxHeaderLen),
		grpc.MaxConcurrentStreams(maxStreams),
		grpc.KeepaliveParams(keepalive.ServerParameters{
			MaxConnectionAge: connectionAge, MaxConnectionAgeGrace: connectionGrace, MaxConnectionIdle: connectionIdle,
			Time: pingInterval, Timeout: pingTimeout,
		}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: minPingInterval, PermitWithoutStream: true}),
		grpc.StreamInterceptor(s.observe),
		grpc.WaitForHandlers(true),
	}
	if s.TLS != nil {
		options = append(options, grpc.Creds(credentials.NewTLS(s.TLS)))
	}
	return options
}

// Serve takes calls on the listener until Stop, and returns nil then.
func (s *Server) Serve(listener net.Listener) error {
	if err := s.grpc.Serve(listener); err != nil {
		return fmt.Errorf("cogrpc: %w", err)
	}
	return nil
}

// Stop ends the server: no more calls begin, the open ones are brought to their end
// as soon as what they have in hand is done, and those still there shortly before
// ctx ends are cut off, which loses nothing: what was not acknowledged is delivered
// or collected again.
func (s *Server) Stop(ctx context.Context) {
	s.stopOnce.Do(func() { close(s.stopping) })
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline.Add(-cutMargin))
		defer cancel()
	}
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		s.grpc.GracefulStop()
	}()
	select {
	case <-stopped:
	case <-ctx.Done():
		s.kill()
		s.grpc.Stop()
		<-stopped
	}
	s.kill()
	s.readers.Wait()
}

// relay implements the service.
type relay struct {
	cargorelay.UnimplementedCargoRelayServer
	*Server
}
