package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"awala.network/gateway/internal/blobs"
	"awala.network/gateway/internal/fault"
	"awala.network/gateway/internal/limits"
)

// statusClientGone stands in logs and metrics for a client that went away before
// it got an answer. It is never sent.
const statusClientGone = 499

// Problem is an error with an HTTP status and a message for the client.
type Problem struct {
	Status  int
	Message string
	// Header holds header fields to add to the answer; nil if there are none.
	Header http.Header
	// Err is the cause, for the log only; nil if the message says it all.
	Err error
}

// NewProblem returns a problem that the client caused and that has no other
// cause.
func NewProblem(status int, format string, args ...any) *Problem {
	return &Problem{Status: status, Message: fmt.Sprintf(format, args...)}
}

// Because returns p with its cause, for the log.
func (p *Problem) Because(err error) *Problem {
	p.Err = err
	return p
}

// Error returns the message and the cause.
func (p *Problem) Error() string {
	if p.Err == nil {
		return p.Message
	}
	return p.Message + ": " + p.Err.Error()
}

// Unwrap returns the cause.
func (p *Problem) Unwrap() error { return p.Err }

// problemOf says how to answer an error that is no Problem: by its class, and
// without its text, which may tell too much of the inside.
func problemOf(err error) *Problem {
	var p *Problem
	switch {
	case errors.As(err, &p):
		return p
	case errors.Is(err, limits.ErrBusy):
		return busy(err)
	case errors.Is(err, blobs.ErrFull):
		return NewProblem(http.StatusInsufficientStorage, "storage is full; try again later").Because(err)
	case fault.IsPermanent(err) || fault.IsFatal(err):
		return NewProblem(http.StatusInternalServerError, "internal error").Because(err)
	default:
		return NewProblem(http.StatusServiceUnavailable, "temporarily unavailable; try again later").Because(err)
	}
}

// retryAfter is what busy answers recommend, in seconds.
const retryAfter = "2"

// busy is the answer to a client that came to a limit which passes. It must be 503:
// released PoHTTP clients drop a parcel that is answered with 429.
func busy(err error) *Problem {
	p := NewProblem(http.StatusServiceUnavailable, "too busy; try again later").Because(err)
	p.Header = http.Header{"Retry-After": {retryAfter}}
	return p
}

func writeProblem(w http.ResponseWriter, r *http.Request, err error) {
	p := problemOf(err)
	exchange := exchangeOf(r.Context())
	exchange.err = err
	if r.Context().Err() != nil && errors.Is(err, r.Context().Err()) {
		exchange.clientGone = true
	}
	header := w.Header()
	for name, values := range p.Header {
		header[name] = values
	}
	body, contentType := p.body(r.Header.Values("Accept"))
	_ = Respond(w, p.Status, contentType, body) // always nil
}

func (p *Problem) body(accept []string) (body []byte, contentType string) {
	if prefersText(accept) {
		return []byte(p.Message + "\n"), "text/plain"
	}
	body, err := json.Marshal(struct {
		Message string `json:"message"`
	}{p.Message})
	if err != nil { // a struct of one string always has a JSON form
		panic(err)
	}
	return body, "application/json"
}
