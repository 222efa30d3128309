package poweb

import (
	"errors"
	"log/slog"
	"strconv"

	"github.com/coder/websocket"
)

// ending is how a collection ends (protocol digest §6.5, RS-016).
type ending struct {
	code   websocket.StatusCode
	reason string
	err    error // for the log; nil if the reason says it all
	// slow tells that the client must wait for the end, so that it does not come
	// back at once.
	slow bool
}

// Error returns the reason and the cause.
func (e *ending) Error() string {
	if e.err == nil {
		return e.reason
	}
	return e.reason + ": " + e.err.Error()
}

// Unwrap returns the cause.
func (e *ending) Unwrap() error { return e.err }

// codeAborted stands in logs and metrics for a connection that broke or that we
// cut; no code is sent then (RFC 6455 §7.1.5).
const codeAborted websocket.StatusCode = 1006

// endingOf returns the ending for the reason why a collection is over.
func endingOf(err error) *ending {
	var e *ending
	switch {
	case err == nil:
		return &ending{code: websocket.StatusNormalClosure, reason: "all parcels were collected"}
	case errors.As(err, &e):
		return e
	case errors.Is(err, errDraining):
		return &ending{code: statusTryAgain, reason: "the server is stopping; come back"}
	case errors.Is(err, errCrowded):
		return &ending{code: statusTryAgain, reason: errCrowded.Error()}
	case errors.Is(err, errUnexpected):
		return &ending{code: websocket.StatusUnsupportedData, reason: "unexpected message"}
	case errors.Is(err, errSilent):
		return &ending{code: codeAborted, reason: "no answer to pings"}
	}
	// What else the client may send as a code stays out of the metrics.
	switch code := websocket.CloseStatus(err); code {
	case websocket.StatusNormalClosure, websocket.StatusGoingAway, websocket.StatusNoStatusRcvd:
		return &ending{code: code, reason: "the client closed the connection"}
	default:
		return &ending{code: codeAborted, reason: "the connection broke", err: err}
	}
}

// label is the ending's code as a metric label.
func (e *ending) label() string { return strconv.Itoa(int(e.code)) }

// level is that of the log record: what the client caused is information, what we
// could not do is an error.
func (e *ending) level() slog.Level {
	if e.code == websocket.StatusInternalError {
		return slog.LevelError
	}
	return slog.LevelInfo
}
