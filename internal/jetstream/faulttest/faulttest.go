// Package faulttest is the conformance suite of Watermill subscribers over
// JetStream: the faults that a worker meets in production, which Watermill's
// own suite leaves out.
//
// It runs against our subscriber in the tests of internal/jetstream, and against
// watermill-nats in tools/watermill-nats, where it is the evidence for
// docs/adr/0003-watermill-adapter.md. A scenario returns an error rather than
// failing a test, so that the evidence can expect failures; but a subscriber
// that panics takes the process with it.
package faulttest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/jetstream"
	"awala.network/gateway/internal/jetstream/embedded"
)

// The names that every scenario uses. The consumer takes the events of
// [Subjects] in [Stream].
const (
	Stream   = events.StreamGatewayParcels
	Subjects = "pdc-parcel.*"
	Consumer = "faults"
)

// Connect returns a subscriber of the durable consumer [Consumer] of [Stream],
// made beforehand or by Connect, and the topic to subscribe to. Handlers may
// have up to 32 messages in hand, in order within a subject.
type Connect func(ctx context.Context, nc *nats.Conn) (sub message.Subscriber, topic string, err error)

// Scenario is one kind of fault.
type Scenario struct {
	Name string
	// Run returns what the subscriber did wrong.
	Run func(ctx context.Context, r *Rig) error
}

// Scenarios returns all of them. Away is how long the subscriber that goes away
// stays away.
func Scenarios(away time.Duration) []Scenario {
	return []Scenario{
		{"poison message", poisonMessage},
		{"repeated header", repeatedHeader},
		{"away and server restart", awayAndRestart(away)},
		{"cancel mid-delivery", cancelMidDelivery},
		{"order per key with 32 in flight", orderPerKey},
	}
}

// Rig is a server with the gateway's streams, and a way to subscribe to it.
type Rig struct {
	dir     string
	connect Connect
	server  *embedded.Server
	conns   []*nats.Conn
}

// NewRig starts a server in dir.
func NewRig(ctx context.Context, dir string, connect Connect) (*Rig, error) {
	r := &Rig{dir: dir, connect: connect}
	if err := r.start(); err != nil {
		return nil, err
	}
	nc, err := r.conn()
	if err != nil {
		return nil, err
	}
	log, err := jetstream.Open(ctx, nc, jetstream.Options{Sync: r.server.SyncAlways})
	if err != nil {
		return nil, err
	}
	defer log.Close()
	return r, log.Provision(ctx, events.Streams())
}

// Close stops the server and waits for it.
func (r *Rig) Close() {
	for _, nc := range r.conns {
		nc.Close()
	}
	r.server.Close()
}

func (r *Rig) start() (err error) {
	r.server, err = embedded.Start(r.dir, embedded.Options{})
	return err
}

// conn returns a connection that stays open until Close or restart.
func (r *Rig) conn() (*nats.Conn, error) {
	nc, err := r.server.Conn()
	if err == nil {
		r.conns = append(r.conns, nc)
	}
	return nc, err
}

// restart stops the server and its connections, and starts it again.
func (r *Rig) restart() error {
	r.Close()
	r.conns = nil
	return r.start()
}

// messages returns n good messages, numbered from first, spread over so many
// keys. Besides our own headers they have watermill-nats's.
func messages(first, n, keys int) []*nats.Msg {
	msgs := make([]*nats.Msg, 0, n)
	for i := first; i < first+n; i++ {
		id := strconv.Itoa(i)
		subject, header, body, err := events.Encode(events.New(id, "faulttest", time.Unix(0, 0),
			events.GatewayParcelAccepted{PrivateGatewayID: fmt.Sprintf("0%d", i%keys)}))
		if err != nil {
			panic(err) // the event is a constant
		}
		msg := &nats.Msg{Subject: subject, Header: header, Data: body}
		msg.Header.Set("_watermill_message_uuid", id)
		msgs = append(msgs, msg)
	}
	return msgs
}

// publish stores the messages, in order.
func (r *Rig) publish(ctx context.Context, msgs ...*nats.Msg) error {
	nc, err := r.conn()
	if err != nil {
		return err
	}
	js, err := natsjs.New(nc)
	if err != nil {
		return err
	}
	for _, msg := range msgs {
		if _, err := js.PublishMsgAsync(msg, natsjs.WithStallWait(10*time.Second)); err != nil {
			return err
		}
	}
	select {
	case <-js.PublishAsyncComplete():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// session is a subscription on a connection of its own.
type session struct {
	sub    message.Subscriber
	msgs   <-chan *message.Message
	cancel context.CancelFunc
}

func (r *Rig) subscribe(ctx context.Context) (*session, error) {
	nc, err := r.conn()
	if err != nil {
		return nil, err
	}
	sub, topic, err := r.connect(ctx, nc)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	msgs, err := sub.Subscribe(ctx, topic)
	if err != nil {
		cancel()
		return nil, err
	}
	return &session{sub: sub, msgs: msgs, cancel: cancel}, nil
}

func (s *session) close() error {
	s.cancel()
	return s.sub.Close()
}

// errSilent says that no message came in time.
var errSilent = errors.New("no further message came")

// next waits for a message.
func (s *session) next(ctx context.Context) (*message.Message, error) {
	timer := time.NewTimer(10 * time.Second)
	defer timer.Stop()
	select {
	case msg, ok := <-s.msgs:
		if !ok {
			return nil, errors.New("the subscription ended by itself")
		}
		return msg, nil
	case <-timer.C:
		return nil, errSilent
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// settled waits until the server says that every message of the consumer has
// been acknowledged.
func (r *Rig) settled(ctx context.Context) error {
	nc, err := r.conn()
	if err != nil {
		return err
	}
	js, err := nc.JetStream() // the older API knows push consumers too
	if err != nil {
		return err
	}
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for range 200 {
		info, err := js.ConsumerInfo(Stream, Consumer, nats.Context(ctx))
		if err != nil {
			return err
		}
		if info.NumPending == 0 && info.NumAckPending == 0 {
			return nil
		}
		<-ticker.C
	}
	return errors.New("a message is still unacknowledged after 10 s")
}
