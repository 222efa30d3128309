package handlers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/fault"
	"awala.network/gateway/internal/keystore"
	"awala.network/gateway/projections"
)

// GatewayNames are the pseudonyms of private gateways (see internal/names).
type GatewayNames interface {
	// Known returns the pseudonym under which a private gateway is recorded, or being
	// forgotten.
	Known(ctx context.Context, gatewayID string) (pseudonym string, err error)
	// Begin lets nothing more be recorded under it, or takes up what was begun.
	Begin(ctx context.Context, gatewayID, by, reason string) (keystore.Forgetting, error)
	// Destroy destroys the key. It can be repeated.
	Destroy(ctx context.Context, f keystore.Forgetting) error
	// End notes that nothing is left to do.
	End(ctx context.Context, f keystore.Forgetting) error
}

// ReadModel is a projection that can be folded anew (see [projections.Maintained]).
type ReadModel interface {
	// Name is the projection's, without its version.
	Name() string
	// Rebuild folds the history into a new version and switches to it. It may be killed
	// and repeated.
	Rebuild(ctx context.Context, o projections.RebuildOptions, report func(projections.Progress)) (projections.Rebuilt, error)
	// Sweep drops the versions that no reader can need, the one before the last switch
	// once the grace has passed since, and returns their names.
	Sweep(ctx context.Context, grace time.Duration) ([]string, error)
}

// ErrStillSending says that parcels which the private gateway sent are on their way, and
// the operator wants them to arrive.
var ErrStillSending = fault.Permanent(errors.New("parcels that it sent are still on their way: try again later, or let them be dropped"))

// maxDropRounds bounds how often what waits is looked for and dropped. The second time
// nothing should be left.
const maxDropRounds = 5

var errStillComing = errors.New("something of the private gateway goes on being recorded: run the command again")

// forgottenReason is recorded with what is dropped.
const forgottenReason = "its private gateway is being forgotten"

// ForgetGateway forgets a private gateway: afterwards nothing in the streams, the
// projections and the object store names it or can be made to. The history stays as it
// was, octet for octet, but for events that say what was done.
//
// What still waits for the private gateway, and what it sent and is on its way, is
// dropped, each with an event: its octets name the private gateway. The session keys
// that are bound to it are deleted, so that it needs a new registration before it can
// use couriers again. It may go on by PoWeb, under a new pseudonym.
//
// It may be interrupted anywhere and run again, by whomever: what was done stays done.
// While it runs, nothing can be recorded of the private gateway, which others see as an
// outage; that ends when the key is destroyed, before projections are rebuilt.
type ForgetGateway struct {
	Names GatewayNames
	// History reads what names a private gateway.
	History NamingHistory
	// Log may record what is about a private gateway that is being forgotten.
	Log      Appender
	Blobs    BlobDeleter
	Identity GatewayIdentity
	Keys     BoundSessionKeys
	Models   []ReadModel
	// Fence is how long it takes until every process knows, Grace how long readers may
	// use a projection that is no longer the live one. Pause waits.
	Fence, Grace time.Duration
	Pause        func(context.Context, time.Duration) error
	Logger       *slog.Logger
	// Now is the clock: time.Now, unless a test says otherwise.
	Now func() time.Time
}

// ForgetOrder says whom to forget.
type ForgetOrder struct {
	GatewayID string `json:"gatewayId"`
	// Operation says who wants it, and why, in words that do not name the private
	// gateway: they stay readable.
	events.Operation
	// DryRun only says what would be done.
	DryRun bool `json:"dryRun,omitempty"`
	// KeepSent does not begin while parcels that it sent are on their way.
	KeepSent bool `json:"keepSent,omitempty"`
}

// ForgottenGateway says what was done, or would be.
type ForgottenGateway struct {
	Pseudonym string `json:"pseudonym"`
	Waiting
	SessionKeys int  `json:"sessionKeys"`
	Projections int  `json:"projections"`
	DryRun      bool `json:"dryRun,omitempty"`
}

// Run forgets a private gateway, and reports each step in words before it is done.
func (h *ForgetGateway) Run(ctx context.Context, o ForgetOrder, report func(string)) (ForgottenGateway, error) {
	pseudonym, err := h.Names.Known(ctx, o.GatewayID)
	done := ForgottenGateway{Pseudonym: pseudonym, DryRun: o.DryRun}
	if err != nil {
		return done, err
	}
	if o.DryRun || o.KeepSent {
		report("looking for what waits")
		waits, err := h.waits(ctx, o.GatewayID, pseudonym)
		if done.Waiting = waits.count(); err != nil || o.DryRun {
			return done, err
		}
		if done.Sent > 0 {
			return done, ErrStillSending
		}
	}
	f, err := h.Names.Begin(ctx, o.GatewayID, o.By, o.Reason)
	if err != nil {
		return done, fmt.Errorf("begin to forget: %w", err)
	}
	if !f.Destroyed {
		if err := h.end(ctx, f, &done, report); err != nil {
			return done, err
		}
	}
	return done, h.derive(ctx, f, &done, report)
}

// end ends all that is of the private gateway, and destroys its key.
func (h *ForgetGateway) end(ctx context.Context, f keystore.Forgetting, done *ForgottenGateway, report func(string)) error {
	data := events.PrivateGatewayForgetting{Pseudonym: f.Pseudonym, By: f.By, Reason: f.Reason}
	if err := h.say(ctx, f, data); err != nil {
		return err
	}
	report(fmt.Sprintf("waiting %v, until nobody records anything of it", h.Fence))
	if err := h.Pause(ctx, h.Fence); err != nil {
		return err
	}
	for round := 0; ; round++ {
		if round == maxDropRounds {
			return errStillComing
		}
		report("looking for what waits")
		var waits waits
		err := h.persist(ctx, func() (err error) {
			waits, err = h.waits(ctx, f.GatewayID, f.Pseudonym)
			return err
		})
		if err != nil {
			return err
		}
		if err := h.deleteBlobs(ctx, waits.dropped); err != nil {
			return err
		}
		if waits.count() == (Waiting{}) {
			break
		}
		done.Waiting = done.add(waits.count())
		report(fmt.Sprintf("dropping %v", waits.count()))
		if err := h.drop(ctx, f, waits); err != nil {
			return err
		}
	}
	report("deleting its session keys")
	var err error
	if done.SessionKeys, err = h.deleteKeys(ctx, f.GatewayID); err != nil {
		return err
	}
	report("destroying its key")
	if err := h.Names.Destroy(ctx, f); err != nil {
		return fmt.Errorf("destroy the key: %w", err)
	}
	h.Logger.InfoContext(ctx, "private gateway forgotten", "pseudonym", f.Pseudonym, "by", f.By)
	return nil
}

// derive lets what is derived from the history be derived anew.
func (h *ForgetGateway) derive(ctx context.Context, f keystore.Forgetting, done *ForgottenGateway, report func(string)) error {
	data := events.PrivateGatewayForgotten{Pseudonym: f.Pseudonym, By: f.By, Reason: f.Reason}
	if err := h.say(ctx, f, data); err != nil {
		return err
	}
	report(fmt.Sprintf("waiting %v, until nobody remembers its name", h.Fence))
	if err := h.Pause(ctx, h.Fence); err != nil {
		return err
	}
	for _, m := range h.Models {
		report("rebuilding " + m.Name())
		err := h.persist(ctx, func() error {
			// What an interrupted rebuild has left may hold names.
			_, err := m.Rebuild(ctx, projections.RebuildOptions{Fresh: true}, func(projections.Progress) {})
			return err
		})
		if err != nil {
			return fmt.Errorf("rebuild %s: %w", m.Name(), err)
		}
		done.Projections++
	}
	report(fmt.Sprintf("waiting %v, until nobody reads the projections of before", h.Grace))
	if err := h.Pause(ctx, h.Grace); err != nil {
		return err
	}
	for _, m := range h.Models {
		if _, err := m.Sweep(ctx, h.Grace); err != nil {
			return fmt.Errorf("drop the former %s: %w", m.Name(), err)
		}
	}
	return h.Names.End(ctx, f)
}

// How often what reads the whole history is tried, and the pause before it is tried
// again: a server that is restarted meanwhile must not make an operator begin again.
const (
	forgetTries = 5
	forgetPause = 2 * time.Second
)

// persist does something again as long as its errors are transient.
func (h *ForgetGateway) persist(ctx context.Context, do func() error) error {
	for try := 1; ; try++ {
		err := do()
		if err == nil || try == forgetTries || fault.IsPermanent(err) || fault.IsFatal(err) {
			return err
		}
		h.Logger.WarnContext(ctx, "a step of a forgetting failed, and is tried again", "error", err)
		if err := h.Pause(ctx, forgetPause); err != nil {
			return err
		}
	}
}

// say records a step, once.
func (h *ForgetGateway) say(ctx context.Context, f keystore.Forgetting, data events.Data) error {
	id := events.DeriveID(string(data.EventType()), f.Pseudonym)
	if _, err := h.Log.Append(ctx, events.New(id, operator, h.Now(), data)); err != nil {
		return fmt.Errorf("record the forgetting: %w", err)
	}
	return nil
}

// drop records the end of everything that waits. The next look deletes its octets.
func (h *ForgetGateway) drop(ctx context.Context, f keystore.Forgetting, waits waits) error {
	by := events.Operation{By: f.By, Reason: forgottenReason}
	for _, p := range append(waits.queued.all(), waits.sent.all()...) {
		e := events.Caused(p.cause, operator, h.Now(), events.GatewayParcelDropped{GatewayParcelEnd: p.of, Reason: by.Reason})
		e.ID = events.DeriveID(p.of.AcceptedID, string(e.Data.EventType()))
		if err := h.dropOne(ctx, e); err != nil {
			return err
		}
	}
	for _, p := range waits.deliveries.all() {
		e := events.Caused(p.cause, operator, h.Now(), events.InternetParcelDropped{InternetParcelRef: p.of, Reason: by.Reason, By: by.By})
		e.ID = events.InternetParcelEndID(p.of.AcceptedID)
		if err := h.dropOne(ctx, e); err != nil {
			return err
		}
	}
	for _, c := range waits.cargoes.all() {
		e := events.Caused(c.cause, operator, h.Now(), events.CargoRefused{CargoRef: c.of, Reason: by.Reason})
		if err := h.dropOne(ctx, e); err != nil {
			return err
		}
	}
	for _, m := range waits.parked.all() {
		e := events.Caused(m.cause, operator, h.Now(), events.ParkedMessageDropped{ParkedRef: m.of, Operation: by}, "forgotten")
		if err := h.dropOne(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

func (h *ForgetGateway) dropOne(ctx context.Context, e events.Event) error {
	if _, err := h.Log.Append(ctx, e); err != nil {
		return fmt.Errorf("drop what waits: %w", err)
	}
	return nil
}

// deleteBlobs deletes the octets of what was dropped, which the history says by then.
func (h *ForgetGateway) deleteBlobs(ctx context.Context, keys []string) error {
	for _, key := range keys {
		if err := h.Blobs.Delete(ctx, key); err != nil {
			return fmt.Errorf("delete what was dropped: %w", err)
		}
	}
	return nil
}

// deleteKeys deletes the session keys that are bound to the private gateway.
func (h *ForgetGateway) deleteKeys(ctx context.Context, gatewayID string) (deleted int, err error) {
	var bound [][]byte
	err = h.Keys.BoundSessionKeys(ctx, h.Identity.NodeID(), func(k keystore.BoundKey) error {
		if k.PeerID == gatewayID {
			bound = append(bound, k.ID)
		}
		return nil
	})
	for _, id := range bound {
		if err == nil {
			err = h.Keys.DeleteSessionKey(ctx, h.Identity.NodeID(), id)
		}
	}
	if err != nil {
		return 0, fmt.Errorf("delete session keys: %w", err)
	}
	return len(bound), nil
}
