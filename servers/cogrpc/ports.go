package cogrpc

import (
	"context"

	"awala.network/gateway/handlers"
)

// Receiver takes cargo in (see [handlers.ReceiveCargo]).
type Receiver interface {
	// Receive returns nil when the cargo is durable, a [handlers.Refusal] if it is
	// to be forgotten, and any other error if it is to be delivered again.
	Receive(ctx context.Context, raw []byte) (handlers.ReceivedCargo, error)
}

// Collector hands cargo out (see [handlers.CollectCargo]).
type Collector interface {
	// Begin starts to collect with a serialised CCA. The error is a
	// [handlers.Refusal], [handlers.ErrInUse], or transient.
	Begin(ctx context.Context, cca []byte) (*handlers.CargoCollection, error)
}
