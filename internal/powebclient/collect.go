package powebclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/coder/websocket"

	"awala.network/gateway/awala/poweb"
	"awala.network/gateway/awala/ramf"
)

// Mode says when a collection ends.
type Mode string

// The streaming modes of RS-016.
const (
	KeepAlive           Mode = "keep-alive"
	CloseUponCompletion Mode = "close-upon-completion"
)

// maxMessage is room for a delivery of the largest parcel.
const maxMessage = ramf.MaxMessageLen + 1<<10

// CloseError says with which code the server ended a collection.
type CloseError struct {
	Code   int
	Reason string
}

// Error tells code and reason.
func (e *CloseError) Error() string {
	return fmt.Sprintf("the server closed the collection with code %d: %s", e.Code, e.Reason)
}

// CloseCode returns the code of a [CloseError] in err's chain, or 0.
func CloseCode(err error) int {
	var e *CloseError
	if errors.As(err, &e) {
		return e.Code
	}
	return 0
}

// Collection receives parcels. One goroutine may use it, and closes it.
type Collection struct {
	conn       *websocket.Conn
	deliveries chan poweb.ParcelDelivery
	ended      chan struct{}
	err        error // why it ended; set before ended is closed
	cancel     context.CancelFunc
}

// Delivery is a parcel that was received and not yet acknowledged.
type Delivery struct {
	// Parcel is the serialised parcel.
	Parcel []byte

	id         string
	collection *Collection
}

// Collect starts to collect the parcels of a private gateway, and of others that
// share its connection. The connection answers pings until it is closed.
func (g *PrivateGateway) Collect(ctx context.Context, mode Mode, others ...*PrivateGateway) (*Collection, error) {
	u := *g.client.base.JoinPath("/v1/parcel-collection")
	u.Scheme = map[string]string{"http": "ws", "https": "wss"}[u.Scheme]
	conn, _, err := websocket.Dial(ctx, u.String(), &websocket.DialOptions{
		HTTPClient: g.client.http,
		HTTPHeader: http.Header{"X-Relaynet-Streaming-Mode": {string(mode)}},
	})
	if err != nil {
		return nil, fmt.Errorf("powebclient: %w", err)
	}
	conn.SetReadLimit(maxMessage)
	if err := shakeHands(ctx, conn, append([]*PrivateGateway{g}, others...)); err != nil {
		_ = conn.CloseNow()
		return nil, err
	}
	reading, cancel := context.WithCancel(context.WithoutCancel(ctx))
	c := &Collection{
		conn: conn, deliveries: make(chan poweb.ParcelDelivery, 1), ended: make(chan struct{}), cancel: cancel,
	}
	go c.read(reading)
	return c, nil
}

func shakeHands(ctx context.Context, conn *websocket.Conn, gateways []*PrivateGateway) error {
	_, message, err := conn.Read(ctx)
	if err != nil {
		return fmt.Errorf("powebclient: read the challenge: %w", closeError(err))
	}
	challenge, err := poweb.ParseChallenge(message)
	if err != nil {
		return fmt.Errorf("powebclient: %w", err)
	}
	var response poweb.Response
	for _, g := range gateways {
		signature, err := poweb.SignNonce(challenge.Nonce, g.Key, g.Certificate())
		if err != nil {
			return fmt.Errorf("powebclient: %w", err)
		}
		response.NonceSignatures = append(response.NonceSignatures, signature)
	}
	serialized, err := response.Marshal()
	if err != nil {
		return fmt.Errorf("powebclient: %w", err)
	}
	if err := conn.Write(ctx, websocket.MessageBinary, serialized); err != nil {
		return fmt.Errorf("powebclient: %w", closeError(err))
	}
	return nil
}

// read takes in deliveries and answers pings, until the connection ends. The
// server sends one delivery at a time, so there is always room for it.
func (c *Collection) read(ctx context.Context) {
	defer close(c.ended)
	for {
		_, message, err := c.conn.Read(ctx)
		if err != nil {
			c.err = closeError(err)
			return
		}
		delivery, err := poweb.ParseParcelDelivery(message)
		if err != nil {
			c.err = fmt.Errorf("powebclient: %w", err)
			return
		}
		select {
		case c.deliveries <- delivery:
		default:
			c.err = errors.New("powebclient: the server sent more than one delivery at once")
			return
		}
	}
}

// Next waits for the next delivery. io.EOF says that all that was queued has been
// collected; a [CloseError] that the server ended the collection otherwise.
func (c *Collection) Next(ctx context.Context) (*Delivery, error) {
	select {
	case d := <-c.deliveries:
		return &Delivery{Parcel: d.Parcel, id: d.ID, collection: c}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-c.ended:
	}
	select {
	case d := <-c.deliveries:
		return &Delivery{Parcel: d.Parcel, id: d.ID, collection: c}, nil
	default:
		return nil, c.err
	}
}

// Acknowledge tells the server that the parcel is safe here.
func (d *Delivery) Acknowledge(ctx context.Context) error {
	if err := d.collection.conn.Write(ctx, websocket.MessageText, []byte(d.id)); err != nil {
		return fmt.Errorf("powebclient: acknowledge: %w", err)
	}
	return nil
}

// Ping sends a ping and waits for the pong.
func (c *Collection) Ping(ctx context.Context) error {
	if err := c.conn.Ping(ctx); err != nil {
		return fmt.Errorf("powebclient: %w", err)
	}
	return nil
}

// Close ends the collection and waits for its goroutine. It may be called once.
func (c *Collection) Close() {
	_ = c.conn.Close(websocket.StatusNormalClosure, "") // the server may be gone
	c.cancel()
	<-c.ended
}

// Abort ends the collection without a word, as a crash would.
func (c *Collection) Abort() {
	_ = c.conn.CloseNow()
	c.cancel()
	<-c.ended
}

func closeError(err error) error {
	var e websocket.CloseError
	switch {
	case !errors.As(err, &e) && errors.Is(err, io.EOF):
		// Not to be mistaken for the end of what was queued.
		return fmt.Errorf("connection lost: %w", io.ErrUnexpectedEOF)
	case !errors.As(err, &e):
		return err
	case e.Code == websocket.StatusNormalClosure:
		return io.EOF
	default:
		return &CloseError{Code: int(e.Code), Reason: e.Reason}
	}
}
