package poweb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/coder/websocket"
	"github.com/google/uuid"

	"awala.network/gateway/awala/poweb"
	"awala.network/gateway/awala/ramf"
	"awala.network/gateway/events"
	"awala.network/gateway/internal/blobs"
	"awala.network/gateway/internal/fault"
	"awala.network/gateway/internal/tracing"
	"awala.network/gateway/projections"
)

const (
	// freeDelivery is the size of a parcel that is delivered without asking for a
	// share of the memory for large ones.
	freeDelivery = 64 << 10
	// minRate is the least speed, in octets per second, at which a client must
	// take a large parcel, because it holds memory meanwhile.
	minRate = 32 << 10
	// writeGrace is added to the time that minRate allows.
	writeGrace = 30 * time.Second
)

var (
	errOversize = errors.New("the stored parcel is over the size limit")
	errReopen   = errors.New("parcels were passed over because storage failed")
	errValidNow = errors.New("parcels that were too early are valid now")
)

// next waits for the next parcel, but not past the moment when the client must
// come back, or when others become valid.
func (c *collection) next(feed Feed) (projections.Item, error) {
	ctx := c.link.ctx
	for _, end := range []struct {
		at    time.Time
		cause error
	}{{c.reopenAt, errReopen}, {c.validAt, errValidNow}} {
		if !end.at.IsZero() {
			var cancel context.CancelFunc
			ctx, cancel = context.WithDeadlineCause(ctx, end.at, end.cause)
			defer cancel()
		}
	}
	var item projections.Item
	err := c.attempt(ctx, func(ctx context.Context) (err error) {
		item, err = feed.Next(ctx)
		return err
	})
	for _, cause := range []error{errReopen, errValidNow} {
		if err != nil && errors.Is(context.Cause(ctx), cause) {
			err = cause
		}
	}
	return item, err
}

// early tells whether the parcel is dated ahead of our clock, and sees to it that it
// is looked at again when it is valid. Its sender's clock is fast, which we tolerate
// (RS-000, "Clock Drift Tolerance") and released clients do not: they acknowledge what
// is not valid yet, and throw it away.
func (c *collection) early(item projections.Item) bool {
	wait := item.CreatedAt.Sub(c.now())
	if wait <= 0 {
		return false
	}
	if at := time.Now().Add(wait); c.validAt.IsZero() || at.Before(c.validAt) {
		c.validAt = at
	}
	c.metrics.withheld.WithLabelValues("early").Inc()
	return true
}

// deliver hands one parcel to the client and records its acknowledgement. A
// parcel that cannot be delivered is passed over: that is no error.
func (c *collection) deliver(item projections.Item) error {
	c.begin(item)
	outcome := "not acknowledged"
	defer func() { c.finish(outcome) }()
	log := c.log.With(slog.String("parcel_id", item.Key.ParcelID), slog.String("event_id", item.AcceptedID))
	id, sentAt, err := c.handOver(item)
	var unusable *unusableError
	switch {
	case errors.As(err, &unusable):
		outcome = "passed over"
		return c.passOver(log, item, unusable.reason)
	case err != nil:
		return err
	}
	c.delivered++
	c.metrics.deliveries.Inc()
	answer, err := c.link.receive(c.link.ctx)
	if err != nil {
		return err
	}
	if string(answer) != id {
		return &ending{code: websocket.StatusUnsupportedData, reason: "unknown acknowledgement"}
	}
	if err := c.record(item); err != nil {
		tracing.Fail(c.span, fault.Class(err), err.Error())
		log.ErrorContext(c.traced(c.link.ctx), "Acknowledgement not recorded", slog.Any("error", err))
		return c.failure(err)
	}
	outcome = "collected"
	c.acknowledged++
	c.metrics.acknowledgements.Inc()
	tracing.Observe(c.traced(c.link.ctx), c.metrics.turnaround, time.Since(sentAt))
	log.DebugContext(c.traced(c.link.ctx), "Parcel collected")
	return nil
}

// unusableError says that a parcel cannot be delivered, whatever the client does.
type unusableError struct{ reason error }

func (e *unusableError) Error() string { return e.reason.Error() }

var errExpired = errors.New("the parcel has expired")

// handOver writes the parcel to the client under a new delivery id, within the
// memory for large parcels.
func (c *collection) handOver(item projections.Item) (id string, sentAt time.Time, err error) {
	if item.ExpiredAt(c.now()) {
		return "", sentAt, &unusableError{errExpired}
	}
	if item.Size > ramf.MaxMessageLen {
		return "", sentAt, &unusableError{errOversize}
	}
	if item.Size > freeDelivery {
		share := min(2*item.Size, c.largeSize) // the parcel, and the delivery with it
		if err := c.large.Acquire(c.link.ctx, share); err != nil {
			return "", sentAt, c.failure(err)
		}
		defer c.large.Release(share)
	}
	parcel, err := c.load(item)
	if err != nil {
		return "", sentAt, err
	}
	id = uuid.NewString()
	message, err := poweb.ParcelDelivery{ID: id, Parcel: parcel}.Marshal()
	if err != nil {
		return "", sentAt, &unusableError{err}
	}
	if item.ExpiredAt(c.now()) { // reading may have taken long
		return "", sentAt, &unusableError{errExpired}
	}
	ctx, cancel := context.WithTimeout(c.link.hard, writeGrace+time.Duration(len(message))*time.Second/minRate)
	defer cancel()
	if err := c.link.send(ctx, message); err != nil {
		return "", sentAt, c.gone(err)
	}
	return id, time.Now(), nil
}

// load reads the parcel from storage, with a few attempts.
func (c *collection) load(item projections.Item) ([]byte, error) {
	var parcel []byte
	err := c.attempt(c.traced(c.link.ctx), func(ctx context.Context) (err error) {
		parcel, _, err = c.Blobs.Get(ctx, item.BlobKey)
		return err
	})
	switch {
	case c.link.ctx.Err() != nil:
		return nil, c.failure(err)
	case err != nil:
		return nil, &unusableError{err}
	case int64(len(parcel)) > ramf.MaxMessageLen:
		return nil, &unusableError{errOversize}
	case !item.Intact(parcel): // the client would take it for collected, and throw it away
		return nil, &unusableError{blobs.ErrCorrupt}
	}
	return parcel, nil
}

// record records the acknowledgement. The client did its part, so its leaving
// does not stop this.
func (c *collection) record(item projections.Item) error {
	ctx, cancel := context.WithTimeout(c.traced(c.link.hard), c.timing.collect)
	defer cancel()
	return c.attempt(ctx, func(ctx context.Context) error {
		return c.Collector.Acknowledged(ctx, item, events.ViaPoWeb)
	})
}

// attempt does something that may fail for the moment, with pauses between.
func (c *collection) attempt(ctx context.Context, do func(context.Context) error) error {
	for _, pause := range c.timing.retries {
		err := do(ctx)
		if err == nil || errors.Is(err, io.EOF) || fault.IsPermanent(err) || ctx.Err() != nil {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return err
		}
	}
	return do(ctx)
}

// passOver notes a parcel that is not delivered, and why. What storage could not
// give for the moment, the client gets on its next connection. It is no error yet: the
// parcel may have gone another way meanwhile, which the reporter finds out.
func (c *collection) passOver(log *slog.Logger, item projections.Item, reason error) error {
	if errors.Is(reason, errExpired) {
		c.metrics.withheld.WithLabelValues("expired").Inc()
		log.DebugContext(c.traced(c.link.ctx), "Expired parcel withheld")
		return nil
	}
	label := "unusable"
	if !fault.IsPermanent(reason) && !errors.Is(reason, errOversize) {
		label = "unavailable"
		if c.reopenAt.IsZero() {
			c.reopenAt = time.Now().Add(c.timing.reopen)
		}
	}
	c.metrics.withheld.WithLabelValues(label).Inc()
	tracing.Fail(c.span, label, reason.Error())
	log.WarnContext(c.traced(c.link.ctx), "Parcel passed over", slog.String("blob_key", item.BlobKey), slog.Any("error", reason))
	c.Reporter.Undeliverable(c.traced(c.link.ctx), item, fmt.Errorf("poweb: %w", reason))
	return nil
}
