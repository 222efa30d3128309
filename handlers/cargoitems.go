package handlers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"awala.network/gateway/awala/cargo"
	"awala.network/gateway/awala/pki"
	"awala.network/gateway/events"
	"awala.network/gateway/internal/blobs"
	"awala.network/gateway/internal/fault"
	"awala.network/gateway/internal/tracing"
	"awala.network/gateway/projections"
)

const (
	// pendingPage is how many queued parcels are listed at a time.
	pendingPage = 256
	// fetchCount and fetchLen bound the parcels that are fetched together, and so
	// held in memory beside the cargo that they go into.
	fetchCount = 32
	fetchLen   = 4 << 20
	// rotationMargin is how much of its life the certificate of a private gateway
	// must have left not to be renewed; deployed clients go by the same.
	rotationMargin = 90 * 24 * time.Hour
)

// items yields what the private gateway is to get, in order.
func (c *CargoCollection) items(ctx context.Context) iter.Seq2[cargo.Item, error] {
	return func(yield func(cargo.Item, error) bool) {
		for _, part := range []iter.Seq2[cargo.Item, error]{c.acknowledgements(ctx), c.parcels(ctx), c.rotations(ctx)} {
			for item, err := range part {
				if !yield(item, err) || err != nil {
					return
				}
			}
		}
	}
}

func (c *CargoCollection) acknowledgements(ctx context.Context) iter.Seq2[cargo.Item, error] {
	return func(yield func(cargo.Item, error) bool) {
		due, err := c.Due.Due(ctx, c.GatewayID())
		if err != nil {
			yield(cargo.Item{}, err)
			return
		}
		c.through = due.Through
		for _, p := range due.Parcels {
			ack := cargo.ParcelCollectionAck{SenderID: p.SenderID, RecipientID: p.RecipientID, ParcelID: p.ParcelID}
			body, err := ack.Marshal()
			if err != nil {
				c.skip(ctx, p.Hash(), err)
				continue
			}
			if !yield(cargo.Item{Body: body, ExpiresAt: p.ExpiresAt, Ref: p.Hash()}, nil) {
				return
			}
		}
	}
}

// parcels yields what is queued. What comes after the collection began waits for
// the next, so that this one ends.
func (c *CargoCollection) parcels(ctx context.Context) iter.Seq2[cargo.Item, error] {
	return func(yield func(cargo.Item, error) bool) {
		for after, more := uint64(0), true; more; {
			page, err := c.Parcels.Pending(ctx, c.GatewayID(), after, pendingPage)
			if err != nil {
				yield(cargo.Item{}, fmt.Errorf("list what is queued: %w", err))
				return
			}
			more = len(page) == pendingPage
			for len(page) > 0 {
				some := together(page)
				page, after = page[len(some):], some[len(some)-1].Sequence
				if !c.yieldParcels(ctx, some, yield) {
					return
				}
				more = more && some[len(some)-1].AcceptedAt.Before(c.startedAt)
			}
		}
	}
}

// together returns the first of the parcels, as many as may be fetched together.
func together(parcels []projections.Item) []projections.Item {
	n, size := 0, int64(0)
	for n < len(parcels) && n < fetchCount && (n == 0 || size+parcels[n].Size <= fetchLen) {
		size += parcels[n].Size
		n++
	}
	return parcels[:n]
}

// yieldParcels fetches parcels together and yields them in order.
func (c *CargoCollection) yieldParcels(
	ctx context.Context, parcels []projections.Item, yield func(cargo.Item, error) bool,
) bool {
	parcels = slices.DeleteFunc(slices.Clone(parcels), c.early)
	bodies := make([][]byte, len(parcels))
	errs := make([]error, len(parcels))
	var group errgroup.Group
	for i := range parcels {
		if parcels[i].Size > cargo.MaxWrittenItemLen {
			errs[i] = fault.Permanent(errTooLarge)
			continue
		}
		group.Go(func() error {
			bodies[i], _, errs[i] = c.Blobs.Get(ctx, parcels[i].BlobKey)
			if errs[i] == nil && !parcels[i].Intact(bodies[i]) {
				errs[i] = blobs.ErrCorrupt
			}
			return nil
		})
	}
	_ = group.Wait() // no function of the group fails
	for i, p := range parcels {
		switch {
		case errs[i] == nil:
			c.gathered[p.AcceptedID] = p.Sequence
			tracing.Link(ctx, p.TraceParent)
			if !yield(cargo.Item{Body: bodies[i], ExpiresAt: p.ExpiresAt, Ref: p.AcceptedID}, nil) {
				return false
			}
		case fault.IsPermanent(errs[i]):
			c.Reporter.Undeliverable(ctx, p, fmt.Errorf("cargo: %w", errs[i]))
		default:
			yield(cargo.Item{}, fmt.Errorf("fetch a parcel: %w", errs[i]))
			return false
		}
	}
	return true
}

// early tells whether a parcel is dated ahead of our clock, which we tolerate and
// clients do not: they would throw it away. It waits for another collection.
func (c *CargoCollection) early(p projections.Item) bool { return p.CreatedAt.After(c.Now()) }

// rotations yields the private gateway's next certificate, if its current one is
// late in its life: in both encodings, because no client reads both, and those that
// are known skip what they cannot read. That it cannot be issued or recorded is no
// reason to fail: there will be another collection.
func (c *CargoCollection) rotations(ctx context.Context) iter.Seq2[cargo.Item, error] {
	return func(yield func(cargo.Item, error) bool) {
		if c.cca.Sender.NotAfter().Sub(c.Now()) >= rotationMargin {
			return
		}
		rotation, err := c.rotate(ctx)
		if err != nil {
			c.skip(ctx, "", fmt.Errorf("certificate rotation: %w", err))
			return
		}
		for _, marshal := range []func() ([]byte, error){rotation.Marshal, rotation.MarshalEmbedded} {
			body, err := marshal()
			if err != nil {
				c.skip(ctx, "", err)
				continue
			}
			item := cargo.Item{Body: body, ExpiresAt: rotation.Path.Leaf.NotAfter(), Ref: "rotation"}
			if !yield(item, nil) {
				return
			}
		}
	}
}

// rotate issues the certificate and records that.
func (c *CargoCollection) rotate(ctx context.Context) (cargo.CertificateRotation, error) {
	var rotation cargo.CertificateRotation
	leaf, err := c.Identity.IssueFor(c.cca.Sender.PublicKey())
	if err != nil {
		return rotation, err
	}
	if !leaf.NotAfter().After(c.cca.Sender.NotAfter()) {
		return rotation, errors.New("the next certificate would expire no later than the current one")
	}
	sum := sha256.Sum256(leaf.DER())
	_, err = c.Log.Append(ctx, events.New("", courier, c.Now(), events.PrivateGatewayCertificateIssued{
		PrivateGatewayID:     c.GatewayID(),
		AuthorizationID:      c.AuthorizationID(),
		CertificateSHA256:    hex.EncodeToString(sum[:]),
		CertificateExpiresAt: leaf.NotAfter().UTC(),
	}))
	rotation.Path = pki.CertificationPath{Leaf: leaf, CAs: []*pki.Certificate{c.Identity.Certificate()}}
	return rotation, err
}
