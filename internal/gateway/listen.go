package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"syscall"
	"time"

	"awala.network/gateway/internal/certfiles"
	"awala.network/gateway/internal/config"
	"awala.network/gateway/internal/fault"
	"awala.network/gateway/internal/limits"
)

// Bounds on what a client may take of an HTTP server's time and memory.
// Handlers set their own deadlines for bodies and WebSockets.
const (
	readHeaderTimeout = 10 * time.Second
	idleTimeout       = 75 * time.Second
	maxHeaderLen      = 64 << 10
)

// listen opens the TCP socket of the server whose flag is --<name>-listen.
func listen(ctx context.Context, name string, address config.Listen) (net.Listener, error) {
	var l net.ListenConfig
	listener, err := l.Listen(ctx, "tcp", string(address))
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("--%s-listen %q: another process listens there", name, address)
	}
	if err != nil {
		return nil, fmt.Errorf("--%s-listen %q: %w", name, address, err)
	}
	return listener, nil
}

// guarded returns the socket of a server, with the limits of connections of its guard
// and, if it has the files of a certificate, with TLS.
func (a *assembly) guarded(server string, guard *limits.Guard, certificate, key config.Path) (net.Listener, error) {
	listener := guard.Listener(a.listeners[server])
	switch {
	case certificate == "" && key == "":
		return listener, nil
	case certificate == "" || key == "":
		return nil, fault.Permanent(fmt.Errorf("--%[1]s-tls-cert and --%[1]s-tls-key go together", server))
	}
	c, err := certfiles.Server(string(certificate), string(key), a.loggerFor(server))
	if err != nil {
		return nil, fault.Permanent(fmt.Errorf("--%s-tls-cert: %w", server, err))
	}
	c.NextProtos = []string{"h2", "http/1.1"}
	return tls.NewListener(listener, c), nil
}

// serveHTTP starts an HTTP server on the listener. drain, if not nil, is called
// while the server stops: it ends what net/http does not know of, hijacked
// connections.
func (l *lifecycle) serveHTTP(s stage, name string, listener net.Listener, handler http.Handler, drain func(context.Context) error) {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: readHeaderTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderLen,
		ErrorLog:          slog.NewLogLogger(l.logger.Handler(), slog.LevelDebug),
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			l.fail(name, err)
		}
	}()
	l.started(s, name, func(ctx context.Context) error {
		err := shutdown(ctx, server, drain)
		<-done
		return err
	})
}

// shutdown stops accepting, finishes the requests in hand, drains, and at the
// end of its time cuts what is left, which loses nothing: what a client was not
// told, it asks again.
func shutdown(ctx context.Context, server *http.Server, drain func(context.Context) error) error {
	drained := make(chan error, 1)
	go func() {
		if drain == nil {
			drained <- nil
			return
		}
		drained <- drain(ctx)
	}()
	err := server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = server.Close()
	}
	return errors.Join(err, <-drained)
}
