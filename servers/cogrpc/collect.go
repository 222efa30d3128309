package cogrpc

import (
	"context"
	"encoding/base64"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"awala.network/gateway/handlers"
	"awala.network/gateway/servers/cogrpc/cargorelay"
)

type collectionStream = grpc.BidiStreamingServer[cargorelay.CargoDeliveryAck, cargorelay.CargoDelivery]

// schemes are the authorization schemes of CCAs: that of released clients and that
// of RS-008.
var schemes = []string{"Relaynet-CCA", "Awala-CCA"}

// CollectCargo hands cargo out (RS-008).
func (r *relay) CollectCargo(stream collectionStream) error {
	began, ctx := time.Now(), stream.Context()
	cca, err := authorization(ctx)
	if err != nil {
		return err
	}
	collection, err := r.Collector.Begin(ctx, cca)
	if err != nil {
		return refusal(ctx, err)
	}
	defer collection.Close()
	annotate(ctx, slog.String("private_gateway_id", collection.GatewayID()), slog.String("cca_id", collection.AuthorizationID()))
	c := newCollecting(r.Server, stream, collection, began)
	err = c.run()
	outcome := "unfulfilled"
	if c.fulfilled {
		outcome = "fulfilled"
	}
	r.metrics.collections.WithLabelValues(outcome).Inc()
	annotate(ctx, slog.Int("sent", c.count), slog.Int("unacknowledged", len(c.pending)), slog.String("outcome", outcome))
	return err
}

// authorization returns the CCA in the metadata.
func authorization(ctx context.Context) ([]byte, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	values := md.Get("authorization")
	if len(values) != 1 {
		return nil, status.Error(codes.Unauthenticated, "want one authorization")
	}
	scheme, encoded, _ := strings.Cut(values[0], " ")
	for _, s := range schemes {
		if !strings.EqualFold(scheme, s) {
			continue
		}
		cca, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
		if err != nil || len(cca) == 0 {
			return nil, status.Error(codes.Unauthenticated, "the cargo collection authorisation is not in base64")
		}
		return cca, nil
	}
	return nil, status.Error(codes.Unauthenticated, "want the authorization scheme "+schemes[0])
}

// refusal returns the status of an error of Begin or Fulfil.
func refusal(ctx context.Context, err error) error {
	because(ctx, err)
	switch r := handlers.AsRefusal(err); {
	case r != nil && r.Kind == handlers.Used:
		return status.Error(codes.PermissionDenied, r.Reason)
	case r != nil && r.Kind == handlers.Misdirected:
		return status.Error(codes.InvalidArgument, r.Reason)
	case r != nil:
		return status.Error(codes.Unauthenticated, r.Reason)
	case errors.Is(err, handlers.ErrInUse):
		return status.Error(codes.Unavailable, handlers.ErrInUse.Error())
	case ctx.Err() != nil:
		return status.FromContextError(ctx.Err()).Err()
	default:
		return status.Error(codes.Unavailable, "no cargo can be handed out now; try again later")
	}
}

// send sends the cargoes of a collection within the window, until there are no more.
// It runs in a goroutine of its own, because a client may stop reading.
func (c *collecting) send(ctx context.Context) error {
	for cargo, err := range c.collection.Cargoes(ctx) {
		if err != nil {
			return err
		}
		select {
		case c.window <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		id := uuid.NewString()
		if !c.tell(ctx, happening{announced: id}) {
			return ctx.Err()
		}
		if err := c.stream.Send(&cargorelay.CargoDelivery{Id: id, Cargo: cargo.Raw}); err != nil {
			return err
		}
		c.metrics.sent.Inc()
		if !c.tell(ctx, happening{sent: true}) {
			return ctx.Err()
		}
	}
	return nil
}
