package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Timeouts of every server. A header must come quickly; a body may take as long
// as 9 MiB need on a slow line; an idle connection costs a file descriptor.
const (
	headerTimeout = 10 * time.Second
	readTimeout   = 60 * time.Second
	writeTimeout  = 90 * time.Second
	idleTimeout   = 75 * time.Second
	maxHeader     = 32 << 10
)

// DefaultGrace is how long a server may take to finish what it has begun.
const DefaultGrace = 8 * time.Second

// Server serves one handler until it is told to stop.
type Server struct {
	// Handler answers the requests.
	Handler http.Handler
	// Log gets what net/http complains about.
	Log *slog.Logger
	// Grace is how long requests may go on after the stop; 0 is DefaultGrace.
	Grace time.Duration
	// Drain ends what outlives requests, such as WebSockets; nil if there is
	// nothing. It begins with the stop and must be over soon after ctx ends.
	Drain func(ctx context.Context)
}

// Serve accepts connections on listener, which it closes, until ctx ends. Then it
// stops accepting, lets requests finish within the grace, cuts off the others,
// and returns nil. An error means that the listener failed.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	base, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	srv := &http.Server{
		Handler:           s.Handler,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(s.Log.Handler(), slog.LevelDebug),
		BaseContext:       func(net.Listener) context.Context { return base },
	}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(listener) }()
	select {
	case err := <-failed:
		s.stop(base, srv)
		return fmt.Errorf("web: serving %s: %w", listener.Addr(), err)
	case <-ctx.Done():
		s.stop(base, srv)
		<-failed
		return nil
	}
}

func (s *Server) stop(base context.Context, srv *http.Server) {
	grace := s.Grace
	if grace == 0 {
		grace = DefaultGrace
	}
	ctx, cancel := context.WithTimeout(base, grace)
	defer cancel()
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		if s.Drain != nil {
			s.Drain(ctx)
		}
	}()
	if err := srv.Shutdown(ctx); err != nil {
		s.Log.WarnContext(base, "Requests were cut off", slog.Any("error", err))
		if err := srv.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			s.Log.WarnContext(base, "Connections did not close", slog.Any("error", err))
		}
	}
	<-drained
}
