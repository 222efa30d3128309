package cargo

import (
	"iter"
	"time"

	"awala.network/gateway/awala/ramf"
)

// itemOverhead is what batching reckons for the tag and length of an item, and
// once for those of the set: the most that they can take.
const itemOverhead = 5

// Item is something to be sent in a cargo.
type Item struct {
	// Body is the item as it will stand in the set, at most MaxWrittenItemLen octets.
	Body []byte
	// ExpiresAt is when the item is of no use any more.
	ExpiresAt time.Time
	// Ref is the caller's name for the item, such as a blob key.
	Ref string
}

// Batch is what goes into one cargo.
type Batch struct {
	// Items are in the order in which they came.
	Items []Item
	// ExpiresAt is the latest expiry of the items: until then the cargo is of use.
	ExpiresAt time.Time
}

// MessageSet writes the items as the plaintext of a cargo.
func (b Batch) MessageSet() ([]byte, error) {
	bodies := make([][]byte, len(b.Items))
	for i, item := range b.Items {
		bodies[i] = item.Body
	}
	return MarshalMessageSet(bodies)
}

// Batches packs items into cargoes: greedily, in order, each batch as full as
// the next item allows. It holds one batch at a time, reads items only as
// batches are asked for, and yields no empty batch.
//
// An item that no cargo can carry goes to oversize, which must not be nil, and
// is left out, so that it does not hold up the others. An error from items ends
// the sequence: it is passed on unchanged, after what was read before it.
func Batches(items iter.Seq2[Item, error], oversize func(Item)) iter.Seq2[Batch, error] {
	return func(yield func(Batch, error) bool) {
		var batch Batch
		size := itemOverhead
		for item, err := range items {
			if err != nil {
				if len(batch.Items) == 0 || yield(batch, nil) {
					yield(Batch{}, err)
				}
				return
			}
			if len(item.Body) > MaxWrittenItemLen {
				oversize(item)
				continue
			}
			need := itemOverhead + len(item.Body)
			if size+need > ramf.MaxPlaintextLen {
				if !yield(batch, nil) {
					return
				}
				batch, size = Batch{}, itemOverhead
			}
			batch.add(item)
			size += need
		}
		if len(batch.Items) > 0 {
			yield(batch, nil)
		}
	}
}

// add appends an item. Its expiry counts if it is the latest.
func (b *Batch) add(item Item) {
	b.Items = append(b.Items, item)
	if len(b.Items) == 1 || item.ExpiresAt.After(b.ExpiresAt) {
		b.ExpiresAt = item.ExpiresAt
	}
}
