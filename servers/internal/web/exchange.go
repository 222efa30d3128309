package web

import (
	"context"
	"log/slog"
	"net/http"
	"strings"

	"github.com/google/uuid"

	"awala.network/gateway/internal/limits"
)

// RequestIDHeader carries a request's id, both ways.
const RequestIDHeader = "X-Request-Id"

const maxRequestID = 128

// exchange is what is known of one request and its answer. It belongs to the
// goroutine of the request.
type exchange struct {
	id         string
	client     limits.Client
	route      string
	log        *slog.Logger
	attrs      []slog.Attr
	err        error
	clientGone bool
}

type exchangeKey struct{}

func exchangeOf(ctx context.Context) *exchange {
	if e, ok := ctx.Value(exchangeKey{}).(*exchange); ok {
		return e
	}
	return &exchange{log: slog.New(slog.DiscardHandler)}
}

// Logger returns a logger that adds the request's id to every record.
func Logger(ctx context.Context) *slog.Logger { return exchangeOf(ctx).log }

// Annotate adds attributes to the access log record of the request that ctx
// belongs to. Only the request's own goroutine may call it.
func Annotate(ctx context.Context, attrs ...slog.Attr) {
	e := exchangeOf(ctx)
	e.attrs = append(e.attrs, attrs...)
}

// client returns who sent the request that ctx belongs to.
func client(ctx context.Context) limits.Client { return exchangeOf(ctx).client }

// Client returns who sent the request.
func Client(r *http.Request) limits.Client { return client(r.Context()) }

// requestID takes over a trusted proxy's id of the request, or makes one.
func requestID(r *http.Request, proxied bool) string {
	id := r.Header.Get(RequestIDHeader)
	if !proxied || id == "" || len(id) > maxRequestID || strings.ContainsFunc(id, notInID) {
		return uuid.NewString()
	}
	return id
}

func notInID(c rune) bool { return c <= ' ' || c > '~' || c == '"' || c == '\\' }
