package cogrpc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"awala.network/gateway/handlers"
	"awala.network/gateway/internal/limits"
	"awala.network/gateway/internal/tracing"
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

// observe gives a call its span, bounds the calls, survives their panics, and then
// logs and counts them. Health checks are not logged.
func (s *Server) observe(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	if _, isRelay := srv.(*relay); !isRelay {
		return handler(srv, stream)
	}
	began, rpc := time.Now(), path.Base(info.FullMethod)
	c := &call{ServerStream: stream}
	ctx, span := s.Entrance.Enter(stream.Context(), remote(stream.Context()), traceContext(stream.Context()), strings.TrimPrefix(info.FullMethod, "/"))
	c.ctx = context.WithValue(ctx, callKey{}, c)
	inHand := s.metrics.inHand.WithLabelValues(rpc)
	inHand.Inc()
	defer inHand.Dec()
	err := s.survive(c, func() error {
		done, err := s.Guard.Enter(c.ctx, client(c.ctx))
		if err != nil {
			return status.Error(codes.Unavailable, "too many calls; try again later")
		}
		defer done()
		return handler(srv, c)
	})
	code := status.Code(err)
	s.metrics.calls.WithLabelValues(rpc, code.String()).Inc()
	tracing.Observe(ctx, s.metrics.duration.WithLabelValues(rpc), time.Since(began))
	s.access(c, rpc, err, time.Since(began))
	c.finish(span, err)
	return err
}

// client tells whose call it is.
func client(ctx context.Context) limits.Client {
	if body, ok := ctx.Value(meteredKey{}).(*metered); ok {
		return body.client
	}
	return limits.Client{}
}

// traceContext returns the W3C trace context in the metadata.
func traceContext(ctx context.Context) propagation.MapCarrier {
	carrier := propagation.MapCarrier{}
	md, _ := metadata.FromIncomingContext(ctx)
	for _, name := range []string{"traceparent", "tracestate"} {
		if values := md.Get(name); len(values) == 1 {
			carrier[name] = values[0]
		}
	}
	return carrier
}

// finish ends the call's span, with what the log says.
func (c *call) finish(span trace.Span, err error) {
	defer span.End()
	if !span.IsRecording() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	code := status.Code(err)
	span.SetAttributes(semconv.RPCSystemNameGRPC, semconv.RPCResponseStatusCode(code.String()))
	span.SetAttributes(tracing.Attributes(c.attrs)...)
	if isOurs(code) {
		why := err
		if c.cause != nil {
			why = c.cause
		}
		tracing.Fail(span, code.String(), why.Error())
	}
}

// isOurs tells whether a call failed for a reason of ours, not of the client's.
func isOurs(code codes.Code) bool {
	switch code {
	case codes.Unavailable, codes.Internal, codes.Unknown, codes.ResourceExhausted:
		return true
	default:
		return false
	}
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

// levelOf: what a client caused is information; what it is to try again, because of
// others or of our stopping, for which there is no cause, a warning; what we could not do
// an error.
func levelOf(code codes.Code, cause error) slog.Level {
	switch {
	case code == codes.Unavailable && (cause == nil || errors.Is(cause, handlers.ErrInUse)):
		return slog.LevelWarn
	case isOurs(code):
		return slog.LevelError
	default:
		return slog.LevelInfo
	}
}

// access writes the call's log record.
func (s *Server) access(c *call, rpc string, err error, took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	level := levelOf(status.Code(err), c.cause)
	attrs := append([]slog.Attr{
		slog.String("rpc", rpc),
		slog.String("code", status.Code(err).String()),
		slog.String("remote", remote(c.ctx)),
		slog.String("client", client(c.ctx).Address.String()),
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
