package cogrpc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health/grpc_health_v1"

	"awala.network/gateway/internal/limits"
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
	// receiveWindow bounds what a connection may have sent that nobody has read: it
	// is in memory without having asked for it.
	receiveWindow = 256 << 10

	// connectionAge is after how long a connection is given up at the end of a call,
	// so that clients spread over the servers that there are.
	connectionAge  = 15 * time.Minute
	connectionIdle = 5 * time.Minute
	headerTimeout  = 10 * time.Second
	pingInterval   = 60 * time.Second
	pingTimeout    = 20 * time.Second

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
	// Guard holds clients to their limits.
	Guard *limits.Guard
}

// Server is the CogRPC server. Serve it on any number of listeners, then Stop it.
//
// It is gRPC's handler on the HTTP/2 server of net/http, whose requests have bodies
// that can be held back until there is memory for the next message (see metered).
type Server struct {
	Config
	grpc    *grpc.Server
	http    *http.Server
	metrics *metrics
	timing  timing

	stopping     chan struct{}      // closed at the stop: health checks say so
	farewellOver chan struct{}      // closed when calls should come to their end
	life         context.Context    // ends when calls must end
	kill         context.CancelFunc // ends life
	readers      sync.WaitGroup     // goroutines that outlive their calls by a moment
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
	// farewell is how long calls may go on as usual once the server stops.
	farewell time.Duration
	// healthInterval is how often a watcher of the health is told of changes.
	healthInterval time.Duration
}

// New returns a server. The only errors are those of registering its metrics.
func New(config Config) (*Server, error) {
	m, err := newMetrics(config.Registerer)
	if err != nil {
		return nil, fmt.Errorf("cogrpc: %w", err)
	}
	s := &Server{
		Config: config, metrics: m,
		timing: timing{
			storing: 15 * time.Second, silence: 5 * time.Minute, progress: time.Minute, recording: 5 * time.Second,
			farewell: 1500 * time.Millisecond, healthInterval: 5 * time.Second,
		},
		stopping: make(chan struct{}), farewellOver: make(chan struct{}),
	}
	s.life, s.kill = context.WithCancel(context.Background())
	s.grpc = grpc.NewServer(
		grpc.MaxRecvMsgSize(maxMessageLen), grpc.ForceServerCodecV2(newCodec()),
		grpc.StreamInterceptor(s.observe), grpc.WaitForHandlers(true),
	)
	// One implementation under both names.
	relay := &relay{Server: s}
	s.grpc.RegisterService(&cargorelay.CargoRelay_ServiceDesc, relay)
	s.grpc.RegisterService(&cargorelay.AwalaServiceDesc, relay)
	grpc_health_v1.RegisterHealthServer(s.grpc, &health{server: s})
	s.http = s.newHTTP()
	return s, nil
}

func (s *Server) newHTTP() *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Server{
		Handler:   http.HandlerFunc(s.serveCall),
		Protocols: protocols,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: maxStreams, SendPingTimeout: pingInterval, PingTimeout: pingTimeout,
			MaxReceiveBufferPerConnection: receiveWindow, MaxReceiveBufferPerStream: receiveWindow,
		},
		ReadHeaderTimeout: headerTimeout, IdleTimeout: connectionIdle, MaxHeaderBytes: maxHeaderLen,
		ConnContext: func(ctx context.Context, _ net.Conn) context.Context {
			return context.WithValue(ctx, connectedKey{}, time.Now())
		},
		ErrorLog: slog.NewLogLogger(s.Logger.Handler(), slog.LevelDebug),
	}
}

// connectedKey is that of the time when a connection was made.
type connectedKey struct{}

// serveCall hands one call to gRPC, with a body and an answer that are held to the
// limits. A client that sends too many calls gets 503, which is UNAVAILABLE to gRPC.
func (s *Server) serveCall(w http.ResponseWriter, r *http.Request) {
	client := s.Guard.Client(r.RemoteAddr, r.Header)
	if err := s.Guard.Request(client); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	if connected, ok := r.Context().Value(connectedKey{}).(time.Time); ok && time.Since(connected) > connectionAge {
		w.Header().Set("Connection", "close") // net/http says GOAWAY then
	}
	controller := http.NewResponseController(w)
	body := &metered{ReadCloser: r.Body, guard: s.Guard, client: client, controller: controller}
	defer body.end()
	r = r.WithContext(context.WithValue(r.Context(), meteredKey{}, body))
	body.ctx, r.Body = r.Context(), body
	s.grpc.ServeHTTP(&paced{w, controller}, r)
}

// meteredKey is that of the body of a call.
type meteredKey struct{}

// Serve takes calls on the listener until Stop, and returns nil then. The listener's
// connections may be TLS, with h2 as their protocol.
func (s *Server) Serve(listener net.Listener) error {
	if err := s.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("cogrpc: %w", err)
	}
	return nil
}

// Stop ends the server: no more calls begin; the open ones have a moment to end by
// themselves, and are brought to their end then as soon as what they have in hand is
// done; and those still there shortly before ctx ends are cut off, which loses nothing:
// what was not acknowledged is delivered or collected again. It is called once.
func (s *Server) Stop(ctx context.Context) {
	close(s.stopping)
	farewell := time.AfterFunc(s.timing.farewell, func() { close(s.farewellOver) })
	defer farewell.Stop()
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline.Add(-cutMargin))
		defer cancel()
	}
	if s.http.Shutdown(ctx) != nil {
		s.kill()
		_ = s.http.Close() // what is left is cut off
	}
	s.grpc.Stop()
	s.kill()
	s.readers.Wait()
}

// relay implements the service.
type relay struct {
	cargorelay.UnimplementedCargoRelayServer
	*Server
}
