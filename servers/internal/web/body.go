package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"golang.org/x/sync/semaphore"
)

// smallBody is what a body may take without asking the budget, and what a client
// must have sent before memory is set aside for a larger one. A client that only
// claims a large body holds no memory.
const smallBody = 64 << 10

// errNoRoom tells that other bodies fill the budget.
var errNoRoom = errors.New("web: the memory for request bodies is in use")

// Bodies reads request bodies within a shared memory budget.
type Bodies struct {
	budget *semaphore.Weighted
	size   int64
	wait   time.Duration
}

// NewBodies returns a reader whose larger bodies (over 64 KiB) hold at most
// budget octets together. A body waits up to wait for its share and is then
// refused with 503.
func NewBodies(budget int64, wait time.Duration) *Bodies {
	return &Bodies{budget: semaphore.NewWeighted(budget), size: budget, wait: wait}
}

// Read reads the whole body, of at most limit octets, and passes it to use. The
// body's memory counts against the budget until use returns; it is not reused,
// so that parts of it may be kept.
//
// The error is that of use, or a Problem: 413 for a body over the limit, 400 for
// one that ends early, 503 if there is no room.
func (b *Bodies) Read(w http.ResponseWriter, r *http.Request, limit int64, use func(body []byte) error) error {
	if r.ContentLength > limit {
		return tooLarge(limit)
	}
	reader := http.MaxBytesReader(w, r.Body, limit)
	first := make([]byte, firstPart(r.ContentLength))
	n, err := io.ReadFull(reader, first)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		if r.ContentLength > int64(n) {
			return NewProblem(http.StatusBadRequest, "the body is incomplete")
		}
		return use(first[:n])
	}
	if err != nil {
		return readProblem(err, limit)
	}
	if r.ContentLength == int64(n) {
		return use(first)
	}
	return b.readLarge(r, reader, first, limit, use)
}

func (b *Bodies) readLarge(r *http.Request, rest io.Reader, first []byte, limit int64, use func([]byte) error) error {
	size := r.ContentLength
	if size < 0 {
		size = limit
	}
	share := min(size, b.size)
	if err := b.acquire(r.Context(), share); err != nil {
		return err
	}
	defer b.budget.Release(share)

	var body bytes.Buffer
	if r.ContentLength > 0 {
		// MinRead more, so that the buffer never grows to learn of the end.
		body.Grow(int(size) + bytes.MinRead)
	}
	body.Write(first)
	if _, err := body.ReadFrom(rest); err != nil {
		return readProblem(err, limit)
	}
	return use(body.Bytes())
}

func (b *Bodies) acquire(ctx context.Context, share int64) error {
	ctx, cancel := context.WithTimeout(ctx, b.wait)
	defer cancel()
	if err := b.budget.Acquire(ctx, share); err != nil {
		return NewProblem(http.StatusServiceUnavailable, "too busy; try again later").
			Because(fmt.Errorf("%w: %w", errNoRoom, err))
	}
	return nil
}

// firstPart is the size of the first buffer: the whole body if it is small. One
// octet more for an unknown length would not help, because a full buffer leads
// to another read anyway.
func firstPart(contentLength int64) int64 {
	if contentLength < 0 {
		return smallBody
	}
	return min(contentLength, smallBody)
}

func tooLarge(limit int64) *Problem {
	p := NewProblem(http.StatusRequestEntityTooLarge, "the body is over %d octets", limit)
	p.Header = http.Header{"Connection": {"close"}}
	return p
}

func readProblem(err error, limit int64) error {
	var over *http.MaxBytesError
	if errors.As(err, &over) {
		return tooLarge(limit)
	}
	return NewProblem(http.StatusBadRequest, "the body could not be read").Because(err)
}
