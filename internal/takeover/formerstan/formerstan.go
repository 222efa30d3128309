// Package formerstan reads the NATS Streaming server of the Node.js gateway. It is a
// takeover.Queues.
//
// How far the old gateway is, the server's monitoring endpoint tells (channelsz,
// clientsz). Messages are read by a subscription that is neither durable nor in a
// group, which leaves no trace. For [Queues.Pending] see there.
package formerstan

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/stan.go"

	"awala.network/gateway/internal/takeover"
)

// ClientID is our id at the server, which lets one client have it.
const ClientID = "awala-takeover"

const (
	// connectWait bounds the wait for the server's answer to a connection.
	connectWait = 10 * time.Second
	// silence is after how long without a message the server is asked whether there
	// is still one to come.
	silence = 2 * time.Second
	// window is how many messages are on their way at once.
	window = 32
	// pendingWait bounds the wait for pending messages.
	pendingWait = 30 * time.Second
	// ackWait is after how long a message would be sent again. We leave sooner.
	ackWait = 10 * time.Minute
)

// Options say where the server is.
type Options struct {
	// URL is the NATS server that it is connected to, or itself.
	URL string
	// ClusterID is the id of the streaming cluster.
	ClusterID string
	// Monitors are the URLs of the monitoring endpoints of all its servers, such as
	// http://host:8222.
	Monitors []string
	// Roots are the authorities to trust; nil for the system's.
	Roots *x509.CertPool
}

// Queues is a takeover.Queues. Make one with New.
type Queues struct {
	options Options
	http    *http.Client

	mu   sync.Mutex
	nats *nats.Conn
	stan stan.Conn
	lost chan struct{} // closed when stan's connection is lost
	// monitor is the endpoint of the server that served last; "" before the first
	// [Queues.Serving].
	monitor string
}

var _ takeover.Queues = (*Queues)(nil)

// New returns the queues, without asking the server anything.
func New(o Options) *Queues {
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: o.Roots}}
	return &Queues{options: o, http: &http.Client{Timeout: connectWait, Transport: transport}}
}

// Close disconnects.
func (q *Queues) Close() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.http.CloseIdleConnections()
	return q.disconnect()
}

func (q *Queues) disconnect() error {
	var err error
	if q.stan != nil {
		if err = q.stan.Close(); errors.Is(err, stan.ErrConnectionClosed) {
			err = nil
		}
	}
	if q.nats != nil {
		q.nats.Close()
	}
	q.stan, q.nats = nil, nil
	return err
}

// A cluster without a leader is asked again after each pause, for a while.
const (
	connectPause = 250 * time.Millisecond
	electionWait = 5 * time.Second
)

// connect returns the connection, and a new one if it was lost.
func (q *Queues) connect(ctx context.Context) (stan.Conn, <-chan struct{}, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.stan != nil {
		select {
		case <-q.lost:
			_ = q.disconnect() // it is no more
		default:
			return q.stan, q.lost, nil
		}
	}
	options := []nats.Option{nats.Name(ClientID), nats.MaxReconnects(-1), nats.Timeout(connectWait)}
	if strings.HasPrefix(q.options.URL, "tls:") {
		options = append(options, nats.Secure(&tls.Config{RootCAs: q.options.Roots}))
	}
	conn, err := nats.Connect(q.options.URL, options...)
	if err != nil {
		return nil, nil, fmt.Errorf("NATS Streaming: %w", err)
	}
	lost := make(chan struct{})
	q.nats, q.lost = conn, lost
	began := time.Now()
	for again := true; again; {
		q.stan, err = stan.Connect(q.options.ClusterID, ClientID, stan.NatsConn(conn), stan.ConnectWait(connectWait),
			stan.SetConnectionLostHandler(func(stan.Conn, error) { close(lost) }))
		// It is also the error, at once, while a cluster chooses its leader.
		again = errors.Is(err, stan.ErrConnectReqTimeout) && time.Since(began) < electionWait && takeover.Wait(ctx, connectPause)
	}
	if err != nil {
		conn.Close()
		q.stan, q.nats = nil, nil
		return nil, nil, fmt.Errorf("NATS Streaming: %w (is the cluster id right, and no other takeover running?)", err)
	}
	return q.stan, lost, nil
}

var errLost = errors.New("NATS Streaming: the connection is lost")

// Read implements takeover.Queues.
func (q *Queues) Read(ctx context.Context, channel string, from, to uint64, yield func(takeover.Message) error) error {
	if to == 0 || from > to {
		return nil // subscribing would make a channel that is not there
	}
	conn, lost, err := q.connect(ctx)
	if err != nil {
		return err
	}
	r := &reading{channel: channel, next: from, to: to, lost: lost, ended: func(ctx context.Context) (bool, error) {
		c, err := q.channel(ctx, channel) // the server's limits may have removed them
		return err == nil && (c.Messages == 0 || c.First > to), err
	}}
	return r.run(ctx, yield, func(receive stan.MsgHandler) (stan.Subscription, error) {
		return conn.Subscribe(channel, receive, stan.StartAtSequence(from), stan.MaxInflight(window))
	})
}

// Pending implements takeover.Queues. It joins the group with room for the pending
// messages alone: the server then sends these anew and no others, so that when we
// leave, without acknowledging, the group is as it was.
func (q *Queues) Pending(ctx context.Context, channel, queue, durable string, g takeover.Group) ([]takeover.Message, error) {
	if g.Pending == 0 {
		return nil, nil
	}
	conn, lost, err := q.connect(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, pendingWait)
	defer cancel()
	messages := map[uint64]takeover.Message{}
	r := &reading{channel: channel, to: g.Sent, lost: lost, anyOrder: true, ended: func(ctx context.Context) (bool, error) {
		now, err := q.Group(ctx, channel, queue, durable)
		return err == nil && now.Pending <= len(messages), err
	}}
	err = r.run(ctx, func(m takeover.Message) error {
		messages[m.Sequence] = m
		if len(messages) == g.Pending {
			return errEnough
		}
		return nil
	}, func(receive stan.MsgHandler) (stan.Subscription, error) {
		return conn.QueueSubscribe(channel, queue, receive, stan.DurableName(durable), stan.SetManualAckMode(),
			stan.MaxInflight(g.Pending), stan.AckWait(ackWait), stan.DeliverAllAvailable())
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, fmt.Errorf("NATS Streaming: %d of %d pending messages of %s: %w", len(messages), g.Pending, channel, err)
	}
	return sorted(messages), nil
}
