package poweb

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
)

// Limits of a collection's connection.
const (
	// maxIncoming is room for a handshake response with as many signatures as may
	// be in one; a signature of the JVM client library has 1,924 octets.
	maxIncoming = 72 << 10
	// maxAcknowledgement is room for any acknowledgement, once the handshake is
	// done.
	maxAcknowledgement = 1 << 10
	// frameLen is how much of a delivery is written before a ping may go between.
	frameLen = 32 << 10
	// sendBuffer bounds what the kernel holds of a delivery, because a ping waits
	// behind it: released clients give up after 7 seconds without one.
	sendBuffer = 128 << 10
	// lastMoment is how long a stopping server waits for the acknowledgement of
	// what was delivered already.
	lastMoment = time.Second
)

// Why a link ends, other than by our own decision.
var (
	errGone       = errors.New("the client closed the connection")
	errSilent     = errors.New("the client does not answer pings")
	errUnexpected = errors.New("the client sent what it was not asked for")
	errDraining   = errors.New("the server is stopping")
)

// link is one WebSocket connection, which is read and pinged from the upgrade to
// the end, whatever the collection above it does. Its owner calls close.
//
// Thousands are open and idle, so one costs a single goroutine of its own, the one that
// reads: another is there only while a ping is on its way.
type link struct {
	conn *websocket.Conn
	// ctx ends, with one of the errors above as its cause, when the collection
	// should end. It never cuts off a write, which would tear the connection.
	ctx    context.Context
	cancel context.CancelCauseFunc
	// hard cuts everything off when it ends.
	hard context.Context
	// expecting says that the client may send a message now.
	expecting atomic.Bool
	messages  chan []byte
	seen      atomic.Int64 // Unix nanoseconds of the last sign of life
	running   sync.WaitGroup

	mu     sync.Mutex // guards what follows
	closed bool
	pinger *time.Timer // the next ping
}

// newLink upgrades the request and starts reading and pinging. When it fails the
// request has no answer yet.
func newLink(hard context.Context, w http.ResponseWriter, r *http.Request, t timing) (*link, error) {
	l := &link{hard: hard, messages: make(chan []byte, 1)}
	u := &upgrader{ResponseWriter: w}
	conn, err := websocket.Accept(u, r, &websocket.AcceptOptions{
		// An Origin is answered with a close code, not with a status (RS-016).
		InsecureSkipVerify: true,
		CompressionMode:    websocket.CompressionDisabled,
		OnPongReceived:     func(context.Context, []byte) { l.alive() },
	})
	if err != nil {
		return nil, u.refusal(err)
	}
	conn.SetReadLimit(maxIncoming)
	l.conn = conn
	l.ctx, l.cancel = context.WithCancelCause(hard)
	l.alive()
	l.running.Go(l.read)
	l.pingIn(0, t)
	return l, nil
}

func (l *link) alive() { l.seen.Store(time.Now().UnixNano()) }

// read takes in messages until the connection ends. A client may send one for
// each that it is sent, so there is always room for it: reading never waits, and
// control frames are always answered.
func (l *link) read() {
	for {
		_, message, err := l.conn.Read(l.hard)
		if err != nil {
			l.cancel(errors.Join(errGone, err))
			return
		}
		l.alive()
		if !l.expecting.CompareAndSwap(true, false) {
			l.cancel(errUnexpected)
			continue
		}
		l.messages <- message
	}
}

// pingIn sends a ping after a while and then at every interval, until the client has
// been silent for too long or the link is closed.
func (l *link) pingIn(wait time.Duration, t timing) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	l.running.Add(1)
	l.pinger = time.AfterFunc(wait, func() {
		defer l.running.Done()
		began := time.Now()
		l.pingOnce(t.ping)
		if time.Since(time.Unix(0, l.seen.Load())) > t.silence {
			l.cancel(errSilent)
			_ = l.conn.CloseNow() // also ends a write that waits for the client
			return
		}
		l.pingIn(t.ping-time.Since(began), t)
	})
}

// stopPinging has no more pings begin.
func (l *link) stopPinging() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	if l.pinger.Stop() {
		l.running.Done()
	}
}

// pingOnce waits for the pong, but not longer than until the next ping is due;
// the pong may still come later. An error is seen by read as well.
func (l *link) pingOnce(wait time.Duration) {
	ctx, cancel := context.WithTimeout(l.hard, wait)
	defer cancel()
	_ = l.conn.Ping(ctx)
}

// receive waits for the client's answer to what was sent last. One that has come
// already counts even if the client left after it, and when the server stops
// there is a last moment for one that is on its way.
func (l *link) receive(ctx context.Context) ([]byte, error) {
	select {
	case message := <-l.messages:
		return message, nil
	case <-ctx.Done():
	}
	patience := time.Duration(0)
	if errors.Is(context.Cause(ctx), errDraining) {
		patience = lastMoment
	}
	select {
	case message := <-l.messages:
		return message, nil
	case <-time.After(patience):
		return nil, context.Cause(ctx)
	}
}

// send writes one binary message, which the client is to answer. A large one
// goes in several frames, so that pings and pongs get through; each of them is a
// sign of life, because the client must have taken what went before.
func (l *link) send(ctx context.Context, message []byte) error {
	l.expecting.Store(true)
	if len(message) <= frameLen {
		return l.conn.Write(ctx, websocket.MessageBinary, message)
	}
	w, err := l.conn.Writer(ctx, websocket.MessageBinary)
	if err != nil {
		return err
	}
	for len(message) > 0 {
		n := min(len(message), frameLen)
		if _, err := w.Write(message[:n]); err != nil {
			return err
		}
		message = message[n:]
		l.alive()
	}
	return w.Close()
}

// close ends the connection with the given code, or without one if the client
// does not listen any more, and waits for reading and pinging to end.
func (l *link) close(code websocket.StatusCode, reason string) {
	cause := context.Cause(l.ctx)
	if errors.Is(cause, errGone) || errors.Is(cause, errSilent) {
		_ = l.conn.CloseNow()
	} else {
		// The client may not complete the closing handshake; it is over anyway.
		_ = l.conn.Close(code, reason)
	}
	l.stopPinging()
	l.cancel(nil)
	l.running.Wait()
}
