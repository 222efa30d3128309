package cogrpc

import (
	"context"
	"encoding/binary"
	"io"
	"net/http"
	"sync"
	"time"

	"awala.network/gateway/internal/limits"
)

const (
	// frameHeaderLen is the length of what stands before each message of gRPC: a flag
	// and the length of the message in four octets.
	frameHeaderLen = 5
	// messageCopies is how often a message is in memory at once: as it came, and as
	// it was decoded.
	messageCopies = 2
	// freeMessage is the longest message that takes no memory of the guard's.
	freeMessage = 4 << 10
	// minRate is the least speed, in octets per second, at which a message must come,
	// because it holds memory meanwhile. messageGrace is added to the time that this
	// allows.
	minRate      = 32 << 10
	messageGrace = 15 * time.Second
)

// metered is the body of a call. It lets no message through for which there is no
// memory: until there is, its client is not given more of the flow control window,
// and keeps the message. What a message holds is given back when its receiver is
// done with it.
type metered struct {
	io.ReadCloser
	ctx        context.Context
	guard      *limits.Guard
	client     limits.Client
	controller *http.ResponseController

	header   [frameHeaderLen]byte
	headed   int   // octets of the header that have come
	left     int64 // octets of the message that have not
	deadline time.Time

	mu    sync.Mutex
	held  []func() // memory of the messages that nobody received yet, in order
	ended bool
}

// Read implements [io.Reader]. It returns no more than the rest of a header or of a
// message.
func (m *metered) Read(p []byte) (int, error) {
	if m.left == 0 {
		return m.readHeader(p)
	}
	_ = m.controller.SetReadDeadline(m.deadline)
	n, err := m.ReadCloser.Read(p[:min(int64(len(p)), m.left)])
	m.left -= int64(n)
	m.deadline = m.deadline.Add(time.Duration(n) * time.Second / minRate)
	return n, err
}

func (m *metered) readHeader(p []byte) (int, error) {
	// Whoever waits for the message knows how long.
	_ = m.controller.SetReadDeadline(time.Time{})
	n, err := m.ReadCloser.Read(p[:min(len(p), frameHeaderLen-m.headed)])
	m.headed += copy(m.header[m.headed:], p[:n])
	if m.headed < frameHeaderLen || err != nil {
		return n, err
	}
	m.headed, m.left = 0, int64(binary.BigEndian.Uint32(m.header[1:]))
	m.deadline = time.Now().Add(messageGrace)
	return n, m.reserve()
}

// reserve notes the message whose header has come, and waits for its memory. One that is too
// long is refused by gRPC as soon as it sees the header.
func (m *metered) reserve() error {
	if err := m.guard.Body(m.client, m.left); err != nil {
		return err
	}
	release := func() {}
	if m.left > freeMessage && m.left <= maxMessageLen {
		var err error
		if release, err = m.guard.Memory(m.ctx, m.client, messageCopies*m.left); err != nil {
			return err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ended {
		release()
		return io.ErrClosedPipe
	}
	m.held = append(m.held, release)
	return nil
}

// received hands the memory of the next message over to whoever received it.
func (m *metered) received() (release func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.held) == 0 {
		return func() {}
	}
	release, m.held = m.held[0], m.held[1:]
	return release
}

// end gives back what nobody received.
func (m *metered) end() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ended = true
	for _, release := range m.held {
		release()
	}
	m.held = nil
}

// paced is the answer of a call. A client must take each part of it at a least
// speed: a stream whose client does not is reset, or it would hold its cargo.
type paced struct {
	http.ResponseWriter
	controller *http.ResponseController
}

// Write implements [io.Writer].
func (w *paced) Write(p []byte) (int, error) {
	_ = w.controller.SetWriteDeadline(time.Now().Add(messageGrace + time.Duration(len(p))*time.Second/minRate))
	return w.ResponseWriter.Write(p)
}

// Flush implements [http.Flusher], which gRPC asks for.
func (w *paced) Flush() { _ = w.controller.Flush() }

// Unwrap is for [http.ResponseController].
func (w *paced) Unwrap() http.ResponseWriter { return w.ResponseWriter }
