package web

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"awala.network/gateway/internal/limits"
)

const (
	// freeBody is what a client must have sent before memory is set aside for the
	// rest: one that only claims a body holds none.
	freeBody = 4 << 10
	// minRate is the least speed, in octets per second, at which a body must come,
	// because it holds memory meanwhile; bodyGrace is added to the time that this
	// allows.
	minRate   = 32 << 10
	bodyGrace = 15 * time.Second
	// answerTime is how long the rest of a request may take: until the parcel is
	// stored, and the client has taken the answer.
	answerTime = 60 * time.Second
)

// Bodies reads request bodies within the limits of a guard.
type Bodies struct{ guard *limits.Guard }

// NewBodies returns a reader of bodies.
func NewBodies(guard *limits.Guard) *Bodies { return &Bodies{guard} }

// Read reads the whole body, of at most limit octets, and passes it to use once it
// is the client's turn. The body's memory counts until use returns; it is not
// reused, so that parts of it may be kept.
//
// The error is that of use, or a Problem: 413 for a body over the limit, 400 for
// one that ends early, 503 for one that comes too slowly or if there is no room or
// no turn.
func (b *Bodies) Read(w http.ResponseWriter, r *http.Request, limit int64, use func(body []byte) error) error {
	if r.ContentLength > limit {
		return tooLarge(limit)
	}
	body, release, err := b.read(r, newPace(w, http.MaxBytesReader(w, r.Body, limit)), limit)
	if err != nil {
		return err
	}
	defer release()
	if err := b.guard.Body(client(r.Context()), int64(len(body))); err != nil {
		return busy(err)
	}
	done, err := b.guard.Enter(r.Context(), client(r.Context()))
	if err != nil {
		return busy(err)
	}
	defer done()
	return use(body)
}

func (b *Bodies) read(r *http.Request, rest io.Reader, limit int64) (body []byte, release func(), err error) {
	first := make([]byte, firstPart(r.ContentLength))
	n, err := io.ReadFull(rest, first)
	switch {
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		if r.ContentLength > int64(n) {
			return nil, nil, NewProblem(http.StatusBadRequest, "the body is incomplete")
		}
		return first[:n], func() {}, nil
	case err != nil:
		return nil, nil, b.problem(err, limit)
	case r.ContentLength == int64(n):
		return first, func() {}, nil
	default:
		return b.readRest(r, rest, first, limit)
	}
}

func (b *Bodies) readRest(r *http.Request, rest io.Reader, first []byte, limit int64) ([]byte, func(), error) {
	size := r.ContentLength
	if size < 0 {
		size = limit
	}
	release, err := b.guard.Memory(r.Context(), client(r.Context()), size)
	if err != nil {
		return nil, nil, busy(err)
	}
	var body bytes.Buffer
	if r.ContentLength > 0 {
		// MinRead more, so that the buffer never grows to learn of the end.
		body.Grow(int(size) + bytes.MinRead)
	}
	body.Write(first)
	if _, err := body.ReadFrom(rest); err != nil {
		release()
		return nil, nil, b.problem(err, limit)
	}
	return body.Bytes(), release, nil
}

// firstPart is the size of the first buffer: the whole body if it is tiny. One
// octet more for an unknown length would not help, because a full buffer leads
// to another read anyway.
func firstPart(contentLength int64) int64 {
	if contentLength < 0 {
		return freeBody
	}
	return min(contentLength, freeBody)
}

// pace reads a body that must come at a least speed.
type pace struct {
	body       io.Reader
	controller *http.ResponseController
	deadline   time.Time
}

func newPace(w http.ResponseWriter, body io.Reader) *pace {
	return &pace{body: body, controller: http.NewResponseController(w), deadline: time.Now().Add(bodyGrace)}
}

// Read implements [io.Reader].
func (p *pace) Read(buffer []byte) (int, error) {
	// Without a connection, as in some tests, there is nothing to limit.
	_ = p.controller.SetReadDeadline(p.deadline)
	_ = p.controller.SetWriteDeadline(p.deadline.Add(answerTime))
	n, err := p.body.Read(buffer)
	p.deadline = p.deadline.Add(time.Duration(n) * time.Second / minRate)
	return n, err
}

func tooLarge(limit int64) *Problem {
	p := NewProblem(http.StatusRequestEntityTooLarge, "the body is over %d octets", limit)
	p.Header = http.Header{"Connection": {"close"}}
	return p
}

func (b *Bodies) problem(err error, limit int64) error {
	var over *http.MaxBytesError
	if errors.As(err, &over) {
		return tooLarge(limit)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		// Not 408, upon which released PoHTTP clients drop the parcel.
		b.guard.TooSlow()
		p := NewProblem(http.StatusServiceUnavailable, "the body came too slowly; try again").Because(err)
		p.Header = http.Header{"Connection": {"close"}}
		return p
	}
	return NewProblem(http.StatusBadRequest, "the body could not be read").Because(err)
}
