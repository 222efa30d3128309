// Package embedded runs a NATS JetStream server inside the process, for the
// standalone role and for tests.
//
// The server listens on no port: connections are in-process. It writes to disk
// before it acknowledges (sync always), like the servers of a production
// cluster must, so what it promises is the same.
package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"awala.network/gateway/internal/fault"
)

// Options says how the server works.
type Options struct {
	// MaxPayload is the largest message in octets; 0 is 1 MiB. Events are far
	// smaller.
	MaxPayload int32
	// StartTimeout is how long the server may take to recover its streams and
	// accept connections; 0 is 30 s.
	StartTimeout time.Duration
	// Logger gets the server's warnings and errors; nil discards them.
	Logger *slog.Logger
}

// ErrGivenUp says that the server has given up a stream: a write to disk failed, most
// often because the disk is full. It takes nothing more there until it is started again.
var ErrGivenUp = errors.New("embedded: a write of the history to disk failed, after which it takes no more: make room, and start again")

// noLimit leaves the limit to the disk.
const noLimit = 1 << 62

// Server is a running server.
type Server struct {
	ns  *server.Server
	log *serverLog
}

// Start runs a server whose streams are in dir. Only one may use dir at a time.
func Start(dir string, opts Options) (*Server, error) {
	if opts.MaxPayload == 0 {
		opts.MaxPayload = 1 << 20
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.StartTimeout == 0 {
		opts.StartTimeout = 30 * time.Second
	}
	// The server says nothing useful about a folder that it cannot have.
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("embedded: %w", err)
	}
	ns, err := server.NewServer(&server.Options{
		ServerName: "embedded",
		JetStream:  true,
		StoreDir:   dir,
		// By itself the server takes three quarters of the disk that is free at its
		// start, and of what it holds, as its limit: with a history that is three times
		// as large as what is free it would take nothing any more after a restart.
		JetStreamMaxStore: noLimit,
		SyncAlways:        true,
		MaxPayload:        opts.MaxPayload,
		DontListen:        true,
		NoSigs:            true,
		NoLog:             true,
	})
	if err != nil {
		return nil, fmt.Errorf("embedded: configure: %w", err)
	}
	log := newServerLog(opts.Logger)
	ns.SetLogger(log, false, false)
	ns.Start()
	if !ns.ReadyForConnections(opts.StartTimeout) {
		stop(ns)
		return nil, fmt.Errorf("embedded: not ready after %v", opts.StartTimeout)
	}
	if !ns.JetStreamEnabled() {
		stop(ns)
		return nil, fmt.Errorf("embedded: JetStream did not start in %s", dir)
	}
	return &Server{ns: ns, log: log}, nil
}

// Conn returns a new connection to the server, which the caller closes. It
// reconnects for ever if the connection breaks.
func (s *Server) Conn(opts ...nats.Option) (*nats.Conn, error) {
	nc, err := nats.Connect("", append([]nats.Option{
		nats.InProcessServer(s),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(50 * time.Millisecond),
	}, opts...)...)
	if err != nil {
		return nil, fmt.Errorf("embedded: connect: %w", err)
	}
	return nc, nil
}

// InProcessConn returns a bare connection to the server; it makes Server a
// [nats.InProcessConnProvider].
func (s *Server) InProcessConn() (net.Conn, error) { return s.ns.InProcessConn() }

// SyncAlways confirms that the running server syncs before it acknowledges; it
// serves as jetstream.SyncCheck.
func (s *Server) SyncAlways(context.Context) error {
	if config := s.ns.JetStreamConfig(); config == nil || !config.SyncAlways {
		return fault.Fatal(errors.New("embedded: the server does not sync always"))
	}
	return nil
}

// Watch returns [ErrGivenUp] once the server gives up a stream, or nil when ctx ends.
func (s *Server) Watch(ctx context.Context) error {
	select {
	case <-s.log.givenUp:
		return ErrGivenUp
	case <-ctx.Done():
		return nil
	}
}

// Close stops the server and waits until its files are closed.
func (s *Server) Close() { stop(s.ns) }

func stop(ns *server.Server) {
	ns.Shutdown()
	ns.WaitForShutdown()
}
