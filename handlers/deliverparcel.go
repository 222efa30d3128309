package handlers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"awala.network/gateway/awala/ramf"
	"awala.network/gateway/events"
	"awala.network/gateway/internal/blobs"
	"awala.network/gateway/internal/fault"
	"awala.network/gateway/internal/pohttp"
	"awala.network/gateway/projections"
)

// Postman delivers parcels to other Internet nodes (see package internal/pohttp/postman).
type Postman interface {
	// Deliver makes one attempt and has no error: what went wrong is in the result. An
	// attempt that ctx ends is one to be made again, and may have arrived.
	Deliver(ctx context.Context, address string, parcel []byte) pohttp.Result
}

// DeliveryLog is where deliveries are recorded.
type DeliveryLog interface {
	Appender
	// LastSequence is the sequence of the last record on the subject, 0 if there is none.
	// It takes every append into account that returned before the call. Errors are
	// transient.
	LastSequence(ctx context.Context, stream, subject string) (uint64, error)
}

// DeliverParcel makes one attempt to deliver an Internet-bound parcel and records
// what became of it: an end, or when to try again.
//
// The caller sees to it that a parcel is not attempted by two at once. Should it
// happen, or should the process die before the outcome is recorded, the
// destination gets the parcel twice, which it must stand (RS-000). The history
// has one end all the same: all ends of a parcel have one event id, which the
// stream takes once within its deduplication window of 10 minutes; an attempt
// takes at most [attemptTimeout], and before the end is recorded, at each try,
// the caller is asked whether another was meanwhile.
type DeliverParcel struct {
	Blobs   BlobGetter
	Postman Postman
	Log     DeliveryLog
	Retry   RetryPolicy
	Logger  *slog.Logger
	// Arrivals hears of delivered parcels; nil if nobody is to.
	Arrivals Arrivals
	// Now is the clock: time.Now, unless a test says otherwise.
	Now func() time.Time
}

// Assignment is a parcel to deliver.
type Assignment struct {
	projections.Delivery
	// Deadline is when the delivery must have ended.
	Deadline time.Time
	// Open tells whether the delivery has not ended, as far as is known by now.
	Open func() bool
	// Reached waits until Open accounts for the history up to a sequence, or until ctx
	// ends.
	Reached func(ctx context.Context, sequence uint64) error
}

// Outcome is what became of an attempt.
type Outcome struct {
	// Result is what the destination said; Attempted is false if it was not
	// asked.
	Result    pohttp.Result
	Attempted bool
	// Recorded is where the outcome stands in the history; zero if the delivery
	// had ended meanwhile.
	Recorded events.Position
}

// attemptTimeout bounds an attempt, whatever servers and redirects it goes
// through. It must stay well below the stream's deduplication window.
const attemptTimeout = 5 * time.Minute

// reachedWithin bounds how long an attempt waits for what is in the history already.
const reachedWithin = 10 * time.Second

// delivery is the source of the events.
const delivery = "delivery"

// Handle makes an attempt. An error says that it was not made, because the parcel or the
// history could not be read, or ctx ended; then nothing was recorded.
//
// A stored parcel that is missing or damaged is a failed attempt, not an end: until
// the time is up, an operator may bring it back. It is no attempt if the parcel is
// missing because the delivery ended without our knowing it yet.
func (h *DeliverParcel) Handle(ctx context.Context, a Assignment) (Outcome, error) {
	if !h.Now().Before(a.Deadline) {
		return h.Expire(ctx, a)
	}
	raw, _, err := h.Blobs.Get(ctx, a.Ref.BlobKey)
	switch {
	case errors.Is(err, blobs.ErrNotFound):
		return h.missing(ctx, a)
	case errors.Is(err, blobs.ErrCorrupt), err == nil && !events.ParcelBlob{SHA256: a.SHA256}.Intact(raw):
		return h.unusable(ctx, a, "the stored parcel is damaged")
	case err != nil:
		return Outcome{}, fmt.Errorf("read the parcel: %w", err)
	}
	if err := check(raw, h.Now()); errors.Is(err, ramf.ErrExpired) {
		return h.Expire(ctx, a)
	} else if err != nil {
		return h.end(ctx, a, Outcome{}, h.refused(a, nil, "invalid: "+err.Error()))
	}
	return h.attempt(ctx, a, raw)
}

// missing records an attempt without a parcel, unless the delivery has ended: blobs are
// deleted after the end is in the history, where we may not have read it yet.
func (h *DeliverParcel) missing(ctx context.Context, a Assignment) (Outcome, error) {
	last, err := h.Log.LastSequence(ctx, events.StreamInternetParcels, events.InternetParcelsOutcomes)
	if err == nil {
		waiting, cancel := context.WithTimeout(ctx, reachedWithin)
		defer cancel()
		err = a.Reached(waiting, last)
	}
	if err != nil {
		return Outcome{}, fmt.Errorf("find out whether the delivery has ended: %w", err)
	}
	if !a.Open() {
		return Outcome{}, nil
	}
	return h.unusable(ctx, a, "the stored parcel is missing")
}

// unusable records an attempt that failed before the destination could be asked.
func (h *DeliverParcel) unusable(ctx context.Context, a Assignment, cause string) (Outcome, error) {
	h.Logger.LogAttrs(ctx, slog.LevelError, cause,
		slog.String("parcel_id", a.Ref.ParcelID), slog.String("event_id", a.Ref.AcceptedID))
	made := events.DeliveryAttempt{Number: a.Attempts + 1, StartedAt: h.Now().UTC(), Cause: cause}
	return h.later(ctx, a, Outcome{}, made)
}

// check tells whether a stored parcel may still be sent.
func check(raw []byte, now time.Time) error {
	m, err := ramf.Parse(raw)
	if err != nil {
		return err
	}
	if err := m.CheckTiming(now, privateTolerance); err != nil {
		return err
	}
	return m.CheckSender(now)
}

// attempt posts the parcel and records the outcome.
func (h *DeliverParcel) attempt(ctx context.Context, a Assignment, raw []byte) (Outcome, error) {
	start := h.Now()
	posting, cancel := context.WithTimeout(ctx, min(attemptTimeout, a.Deadline.Sub(start)))
	result := h.Postman.Deliver(posting, a.Ref.Destination, raw)
	cancel()
	if ctx.Err() != nil && result.Verdict == pohttp.Later {
		return Outcome{}, ctx.Err() // it was us who broke it off
	}
	now := h.Now()
	made := events.DeliveryAttempt{
		Number: a.Attempts + 1, StartedAt: start.UTC(), DurationMillis: now.Sub(start).Milliseconds(),
		Cause: result.Cause, Status: result.Status,
	}
	out := Outcome{Result: result, Attempted: true}
	switch result.Verdict {
	case pohttp.Done:
		return h.end(ctx, a, out, events.InternetParcelDelivered{InternetParcelRef: a.Ref, Attempt: made})
	case pohttp.Refused:
		return h.end(ctx, a, out, h.refused(a, &made, result.Cause))
	}
	return h.later(ctx, a, out, made)
}

// later records an attempt that failed: with when to try again, or with the end.
func (h *DeliverParcel) later(ctx context.Context, a Assignment, out Outcome, made events.DeliveryAttempt) (Outcome, error) {
	now := h.Now()
	next, ok := h.Retry.next(made.Number, out.Result.RetryAfter, now, a.Deadline)
	if !ok {
		a.Attempts, a.LastAttempt = made.Number, &made
		return h.end(ctx, a, out, h.expired(a))
	}
	deferred := events.InternetParcelDeferred{InternetParcelRef: a.Ref, Attempt: made, NextAttemptAt: next.UTC()}
	return h.record(ctx, a, out, events.Caused(a.Cause(), delivery, now, deferred, strconv.Itoa(made.Number)))
}

// Expire records that a delivery's time is up.
func (h *DeliverParcel) Expire(ctx context.Context, a Assignment) (Outcome, error) {
	return h.end(ctx, a, Outcome{}, h.expired(a))
}

func (h *DeliverParcel) expired(a Assignment) events.InternetParcelExpired {
	reason := "the time for retries is over"
	if !a.Deadline.Before(a.ExpiresAt) {
		reason = "the parcel expired"
	}
	if a.LastAttempt != nil && a.LastAttempt.Cause != "" {
		reason += "; last attempt: " + a.LastAttempt.Cause
	}
	return events.InternetParcelExpired{InternetParcelRef: a.Ref, Attempts: a.Attempts, Reason: reason}
}

func (h *DeliverParcel) refused(a Assignment, made *events.DeliveryAttempt, reason string) events.Data {
	return events.InternetParcelRefused{InternetParcelRef: a.Ref, Attempt: made, Reason: reason}
}

// end records the end of a delivery.
func (h *DeliverParcel) end(ctx context.Context, a Assignment, out Outcome, data events.Data) (Outcome, error) {
	e := events.Caused(a.Cause(), delivery, h.Now(), data)
	e.ID = events.InternetParcelEndID(a.Ref.AcceptedID)
	return h.record(ctx, a, out, e)
}

// Pauses between tries to record an outcome.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = 5 * time.Second
)

// record appends the event, and tries again until that succeeds, ctx ends or
// another ended the delivery: the attempt was made and must not be forgotten.
func (h *DeliverParcel) record(ctx context.Context, a Assignment, out Outcome, e events.Event) (Outcome, error) {
	for pause := firstPause; a.Open(); pause = min(2*pause, lastPause) {
		position, err := h.Log.Append(ctx, e)
		if err == nil {
			out.Recorded = position
			h.log(ctx, a, out, e)
			if _, delivered := e.Data.(events.InternetParcelDelivered); delivered && !position.Duplicate && h.Arrivals != nil {
				h.Arrivals.Arrived(ctx, a.Via, events.ViaPoHTTP, e.Time.Sub(a.AcceptedAt))
			}
			return out, nil
		}
		h.Logger.LogAttrs(ctx, slog.LevelError, "outcome of a delivery is not recorded yet",
			slog.String("event_id", a.Ref.AcceptedID), slog.Any("error", err))
		if fault.IsPermanent(err) {
			return out, err
		}
		if !sleep(ctx, pause) {
			return out, ctx.Err()
		}
	}
	return out, nil
}

// sleep returns false if ctx ends before d is over.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// log says at a usual level what ended well, and what did not with its cause.
func (h *DeliverParcel) log(ctx context.Context, a Assignment, out Outcome, e events.Event) {
	level := slog.LevelInfo
	if out.Recorded.Duplicate {
		level = slog.LevelWarn // two attempted it at once, or an operator dropped it
	}
	h.Logger.LogAttrs(ctx, level, "delivery attempted",
		slog.String("outcome", string(e.Data.EventType())), slog.String("parcel_id", a.Ref.ParcelID),
		slog.String("event_id", a.Ref.AcceptedID), slog.String("private_gateway_id", a.Ref.SourceGatewayID),
		slog.String("destination", a.Ref.Destination), slog.Int("status", out.Result.Status),
		slog.String("cause", out.Result.Cause), slog.Bool("duplicate", out.Recorded.Duplicate))
}
