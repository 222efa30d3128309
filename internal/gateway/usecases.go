package gateway

import (
	"context"
	"time"

	"awala.network/gateway/handlers"
	"awala.network/gateway/internal/takeover"
	"awala.network/gateway/projections"
	"awala.network/gateway/projections/onjetstream"
)

// usecases are the handlers that roles share, and what they read from.
type usecases struct {
	mailbox *projections.Reader

	accept  *handlers.AcceptParcel
	collect *handlers.CollectParcel
	delete  *handlers.DeleteBlob
	expire  *handlers.ExpireParcels
	replace *handlers.ReplaceParcels
	park    *handlers.ParkParcel

	receiveCargo *handlers.ReceiveCargo
	unwrapCargo  *handlers.UnwrapCargo
	collectCargo *handlers.CollectCargo
	forgetKeys   *handlers.ForgetSessionKeys

	keepForgotten *handlers.KeepForgotten
}

// openUsecases builds the handlers on the services.
func (a *assembly) openUsecases(ctx context.Context) error {
	s := a.services
	collection, err := projections.Open(ctx, s.documents, projections.Mailbox{})
	if err != nil {
		return err
	}
	deliveries, err := a.deliveryReader(ctx)
	if err != nil {
		return err
	}
	mailbox := projections.NewReader(collection, onjetstream.Log{Log: s.log}, nil)
	open := projections.NewOpenParcels(collection)
	former, err := takeover.OpenFormer(ctx, s.log, time.Now())
	if err != nil {
		return err
	}
	limit, err := a.mailboxLimit(mailbox)
	if err != nil {
		return err
	}
	deleteBlob := &handlers.DeleteBlob{Mailbox: mailbox, Blobs: s.blobs}
	a.usecases = &usecases{
		mailbox: mailbox,
		accept: &handlers.AcceptParcel{
			Identity: a.identity, Mailbox: mailbox, Blobs: s.blobs, Log: s.log, Deliveries: deliveries,
			Former: former, Limit: limit, Ended: deleteBlob, Logger: a.loggerFor("accept"), Now: time.Now,
		},
		collect: &handlers.CollectParcel{Mailbox: mailbox, Log: s.log, Arrivals: a.measured, Now: time.Now},
		delete:  deleteBlob,
		expire:  &handlers.ExpireParcels{Open: open, Log: s.log, Now: time.Now},
		replace: &handlers.ReplaceParcels{Open: open, Log: s.log, Now: time.Now},
		park:    &handlers.ParkParcel{Mailbox: mailbox, Log: s.log, Now: time.Now},
	}
	a.usecases.keepForgotten = &handlers.KeepForgotten{Names: s.names, Log: s.log, Logger: a.loggerFor("housekeeping")}
	a.openCargoUsecases()
	return nil
}
