// Package courierclient is a small courier (CogRPC, RS-008) and the side of a
// private gateway that couriers serve: it writes and opens cargo and writes cargo
// collection authorisations (CCAs). It serves `awala-gateway ping`, load tests, kill tests
// and tests of the server; it keeps nothing on disk.
//
// It speaks as the released clients do: their service name, their authorization
// scheme, and a call that is ended by cancelling it once everything is
// acknowledged.
package courierclient

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"

	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"awala.network/gateway/servers/cogrpc/cargorelay"
)

// maxMessageLen is the most that released clients receive.
const maxMessageLen = 9 << 20

// Courier carries cargo to and from one Internet gateway. It may be shared.
type Courier struct {
	conn   *grpc.ClientConn
	client cargorelay.CargoRelayClient
}

// New returns a courier for the server at HOST:PORT. Without options it speaks
// plain text.
func New(target string, options ...grpc.DialOption) (*Courier, error) {
	if len(options) == 0 {
		options = []grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials())}
	}
	// Couriers ask for no service configuration, which is a TXT record: name servers of
	// containers let 20 s pass before they do not answer.
	options = append(options, grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessageLen)), grpc.WithDisableServiceConfig())
	conn, err := grpc.NewClient(target, options...)
	if err != nil {
		return nil, fmt.Errorf("courierclient: %w", err)
	}
	return &Courier{conn: conn, client: cargorelay.NewCargoRelayClient(conn)}, nil
}

// Close closes the connection.
func (c *Courier) Close() error { return c.conn.Close() }

// Conn is the connection, for other calls.
func (c *Courier) Conn() *grpc.ClientConn { return c.conn }

// Deliver delivers serialised cargoes in one call. It returns how many of them were
// acknowledged; without an error, all.
func (c *Courier) Deliver(ctx context.Context, cargoes ...[]byte) (acknowledged int, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := c.client.DeliverCargo(ctx)
	if err != nil {
		return 0, fmt.Errorf("courierclient: %w", err)
	}
	pending := make(map[string]struct{}, len(cargoes))
	ids := make([]string, len(cargoes))
	for i := range cargoes {
		ids[i] = uuid.NewString()
		pending[ids[i]] = struct{}{}
	}
	sent := make(chan error, 1)
	go func() { sent <- sendAll(stream, ids, cargoes) }()
	for len(pending) > 0 {
		ack, err := stream.Recv()
		if err != nil {
			cancel()
			<-sent
			return len(cargoes) - len(pending), fmt.Errorf("courierclient: %d cargoes not acknowledged: %w", len(pending), unexpected(err))
		}
		if _, ok := pending[ack.GetId()]; !ok {
			cancel()
			<-sent
			return len(cargoes) - len(pending), fmt.Errorf("courierclient: unknown delivery %q acknowledged", ack.GetId())
		}
		delete(pending, ack.GetId())
	}
	return len(cargoes), <-sent
}

func sendAll(stream cargorelay.CargoRelay_DeliverCargoClient, ids []string, cargoes [][]byte) error {
	for i, cargo := range cargoes {
		if err := stream.Send(&cargorelay.CargoDelivery{Id: ids[i], Cargo: cargo}); err != nil {
			return err
		}
	}
	return nil
}

// unexpected keeps io.EOF from being taken for success.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// Collect collects cargo with a serialised CCA, hands each to take, and acknowledges
// it if that returns nil. An error of take ends the call as it is.
func (c *Courier) Collect(ctx context.Context, cca []byte, take func(cargo []byte) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ctx = metadata.AppendToOutgoingContext(ctx,
		"authorization", "Relaynet-CCA "+base64.StdEncoding.EncodeToString(cca))
	stream, err := c.client.CollectCargo(ctx)
	if err != nil {
		return fmt.Errorf("courierclient: %w", err)
	}
	for {
		delivery, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("courierclient: %w", err)
		}
		if err := take(delivery.GetCargo()); err != nil {
			return err
		}
		if err := stream.Send(&cargorelay.CargoDeliveryAck{Id: delivery.GetId()}); err != nil {
			return fmt.Errorf("courierclient: acknowledge: %w", unexpected(err))
		}
	}
}
