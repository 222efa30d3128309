package takeover

import (
	"context"
	"crypto/sha256"
	"errors"
	"sync"

	"awala.network/gateway/handlers"
)

// keySet holds keys of objects, by their hashes.
type keySet map[[16]byte]struct{}

func (s keySet) add(key string) { s[hashOf(key)] = struct{}{} }

func (s keySet) has(key string) bool {
	_, ok := s[hashOf(key)]
	return ok
}

func hashOf(key string) [16]byte {
	sum := sha256.Sum256([]byte(key))
	return [16]byte(sum[:16])
}

// objects is the walk over the objects of parcels of one kind.
type objects struct {
	*run
	kind   Kind
	prefix string
	// queued tells what a queue says of an object: whether it names it, and whether
	// the object's parcel was acknowledged.
	queued func(ctx context.Context, key string) (named, acknowledged bool, err error)
	// read examines an object.
	read func(key string, raw []byte) (handlers.FormerItem, error)

	seenLock sync.Mutex
}

// walk deals with every object, and returns the keys of all of them.
func (o *objects) walk(ctx context.Context) (keySet, error) {
	var all []Object
	listed := keySet{}
	listing := o.counting(o.kind, 0)
	for object, err := range o.Source.Objects.List(ctx, o.prefix) {
		if err != nil {
			return nil, err
		}
		listed.add(object.Key)
		if !o.isSeen(object) {
			all = append(all, object)
		}
		listing.add()
	}
	return listed, each(ctx, o.counting(o.kind, len(all)), all, o.object)
}

func (o *objects) isSeen(object Object) bool {
	o.seenLock.Lock()
	defer o.seenLock.Unlock()
	tag, ok := o.seen[object.Key]
	return ok && tag == object.Tag
}

// object deals with one object.
func (o *objects) object(ctx context.Context, object Object) error {
	settled, err := o.deal(ctx, object.Key)
	if err != nil || !settled {
		return err
	}
	o.seenLock.Lock()
	defer o.seenLock.Unlock()
	o.seen[object.Key] = object.Tag
	return nil
}

// deal deals with the object of a key. It has not settled an object whose parcel was
// acknowledged: it may be a newer one, of which the queue is yet to tell.
func (o *objects) deal(ctx context.Context, key string) (settled bool, err error) {
	if _, err := handlers.ParseFormerParcelKey(key, o.prefix); err != nil {
		o.refused(o.kind, key, err, verdict{orphan: true})
		return true, nil
	}
	named, acknowledged, err := o.queued(ctx, key)
	if err != nil {
		return false, err
	}
	v := verdict{orphan: !named}
	if acknowledged {
		v.fate, v.reason = Skipped, reasonAcknowledged
		o.ledger.note(o.kind, key, v)
		return false, nil
	}
	raw, dated, err := o.Source.Objects.Get(ctx, key)
	switch {
	case errors.Is(err, ErrGone):
		return false, nil // it ended since it was listed: the next pass sees to it
	case errors.Is(err, ErrTooLong):
		o.refused(o.kind, key, err, v)
		return true, nil
	case err != nil:
		return false, err
	}
	v.undated = o.kind == GatewayParcels && !dated
	item, err := o.read(key, raw)
	if err != nil {
		o.refused(o.kind, key, err, v)
		return true, nil
	}
	return true, o.item(ctx, o.kind, key, item, v)
}
