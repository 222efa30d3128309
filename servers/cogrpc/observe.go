package cogrpc

import (
	"context"
	"fmt"
	"log/slog"
	"path"
	"runtime/debug"
	"sync"
	"time"

	"go.opentelemetry.io/otel/propagation"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
)

// call is what is known of a call when it is logged.
type call struct {
	grpc.ServerStream
	ctx context.Context

	mu    sync.Mutex
	attrs []slog.Attr
	cause error // what is not told to the client
}

// Context implements [grpc.ServerStream].
func (c *call) Context() context.Context { return c.ctx }

type callKey struct{}

// annotate adds to the call's log record.
func annotate(ctx context.Context, attrs ...slog.Attr) {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.attrs = append(c.attrs, attrs...)
	}
}

// because notes why a call fails.
func because(ctx context.Context, cause error) {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.cause == nil {
			c.cause = cause
		}
	}
}

// observe follows a call's trace, bounds the calls, survives their panics, and then
// logs and counts them. Health checks are not logged.
func (s *Server) observe(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	if _, isRelay := srv.(*relay); !isRelay {
		return handler(srv, stream)
	}
	began, rpc := time.Now(), path.Base(info.FullMethod)
	c := &call{ServerStream: stream}
	c.ctx = context.WithValue(followTrace(stream.Context()), callKey{}, c)
	inHand := s.metrics.inHand.WithLabelValues(rpc)
	inHand.Inc()
	defer inHand.Dec()
	err := s.survive(c, func() error {
		if !s.calls.TryAcquire(1) {
			return status.Error(codes.Unavailable, "too many calls")
		}
		defer s.calls.Release(1)
		return handler(srv, c)
	})
	code := status.Code(err)
	s.metrics.calls.WithLabelValues(rpc, code.String()).Inc()
	s.metrics.duration.WithLabelValues(rpc).Observe(time.Since(began).Seconds())
	s.access(c, rpc, err, time.Since(began))
	return err
}

// followTrace takes the W3C trace context from the metadata.
func followTrace(ctx context.Context) context.Context {
	carrier := propagation.MapCarrier{}
	md, _ := metadata.FromIncomingContext(ctx)
	for _, name := range []string{"traceparent", "tracestate"} {
		if values := md.Get(name); len(values) == 1 {
			carrier[name] = values[0]
		}
	}
	return propagation.TraceContext{}.Extract(ctx, carrier)
}

func (s *Server) survive(c *call, do func() error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = s.panicked(c.ctx, cause)
		}
	}()
	return do()
}

// panicked logs a panic and returns what the client is told.
func (s *Server) panicked(ctx context.Context, cause any) error {
	err := fmt.Errorf("panic: %v", cause)
	because(ctx, err)
	s.Logger.LogAttrs(ctx, slog.LevelError, "Call handler panicked",
		slog.Any("error", err), slog.String("stack", string(debug.Stack())))
	return status.Error(codes.Internal, "internal error")
}

// access writes the call's log record: what a client caused is information, what we
// could not do is an error.
func (s *Server) access(c *call, rpc string, err error, took time.Duration) {
	level := slog.LevelInfo
	switch status.Code(err) {
	case codes.Unavailable, codes.Internal, codes.Unknown, codes.ResourceExhausted:
		level = slog.LevelError
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	attrs := append([]slog.Attr{
		slog.String("rpc", rpc),
		slog.String("code", status.Code(err).String()),
		slog.String("remote", remote(c.ctx)),
		slog.Float64("duration_ms", float64(took.Microseconds())/1000),
	}, c.attrs...)
	if c.cause == nil {
		c.cause = err
	}
	if c.cause != nil {
		attrs = append(attrs, slog.String("error", c.cause.Error()))
	}
	s.Logger.LogAttrs(c.ctx, level, "Call answered", attrs...)
}

func remote(ctx context.Context) string {
	if p, ok := peer.FromContext(ctx); ok {
		return p.Addr.String()
	}
	return ""
}
