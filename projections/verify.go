package projections

import (
	"context"
	"fmt"
	"slices"

	"awala.network/gateway/internal/documents"
)

// Verified is what a verification found.
type Verified struct {
	Projection string `json:"projection"`
	// Version is the collection that was verified, up to Checkpoint.
	Version    string `json:"version"`
	Checkpoint uint64 `json:"checkpoint"`
	// Documents were compared, of which Differences differ.
	Documents   int `json:"documents"`
	Differences int `json:"differences"`
	// Unsettled changed faster than they could be compared: verify again.
	Unsettled int     `json:"unsettled,omitempty"`
	Seconds   float64 `json:"seconds"`
}

const (
	// comparePage is how many documents are compared at a time.
	comparePage = 500
	// compareRounds is how often documents are looked at again that change while
	// they are compared.
	compareRounds = 10
)

// Verify folds the history into a scratch database, up to where the live version
// stands, and yields every document of the live version that is not the same. A
// version in use moves on meanwhile: what changed is folded and compared again.
// The scratch database must be empty; what is left in it is of no use.
//
// Documents that have served their time, so that the store may have removed them,
// are no difference.
func (m *Maintenance[S]) Verify(
	ctx context.Context, scratch documents.Database, report func(Progress), found func(Difference) error,
) (Verified, error) {
	spec := m.projection.Spec()
	manifest, err := m.versions.read(ctx)
	if err != nil {
		return Verified{}, err
	}
	live, err := m.versions.open(ctx, manifest.Live)
	if err != nil {
		return Verified{}, err
	}
	folded, err := scratch.Collection(ctx, spec.Name, spec.Indexes)
	if err != nil {
		return Verified{}, fmt.Errorf("projections: scratch database: %w", err)
	}
	upTo, err := live.Checkpoint(ctx)
	if err != nil {
		return Verified{}, fmt.Errorf("projections: verify %s: %w", spec.Name, err)
	}
	pace := newPace(m.Name(), 0, report)
	progress := func(checkpoint uint64) { pace.at(Folding, checkpoint, upTo) }
	if upTo > 0 {
		if _, err := m.fill(ctx, folded, upTo, progress); err != nil {
			return Verified{}, err
		}
	}
	pace.at(Comparing, upTo, upTo)
	v, err := m.compare(ctx, live, folded, progress, found)
	v.Version, v.Seconds = manifest.Live.Collection, m.elapsed(pace)
	pace.at(Done, v.Checkpoint, v.Checkpoint)
	return v, err
}

// compare yields the documents of live that differ from those of folded, which it
// brings to where live stands.
func (m *Maintenance[S]) compare(
	ctx context.Context, live, folded documents.Collection, progress func(uint64), found func(Difference) error,
) (Verified, error) {
	v := Verified{Projection: m.Name()}
	suspects, compared, err := m.suspects(ctx, live, folded)
	v.Documents = compared
	for round := 0; err == nil && len(suspects) > 0 && round < compareRounds; round++ {
		suspects, err = m.settle(ctx, live, folded, suspects, progress, func(d Difference) error {
			v.Differences++
			d.Projection = m.Name()
			return found(d)
		})
	}
	v.Unsettled = len(suspects)
	if err == nil {
		v.Checkpoint, err = folded.Checkpoint(ctx)
	}
	if err != nil {
		return v, fmt.Errorf("projections: compare %s: %w", m.Name(), err)
	}
	return v, nil
}

// suspects returns the ids of the documents that differ at first sight, and how
// many were looked at.
func (m *Maintenance[S]) suspects(ctx context.Context, live, folded documents.Collection) (ids []string, compared int, err error) {
	a, b := pages{collection: live}, pages{collection: folded}
	for {
		if err := a.fill(ctx); err != nil {
			return nil, 0, err
		}
		if err := b.fill(ctx); err != nil {
			return nil, 0, err
		}
		id, stored, again := nextPair(&a, &b)
		if stored == nil && again == nil {
			return ids, compared, nil
		}
		compared++
		if _, differ := difference[S](id, stored, again, m.versions.now()); differ {
			ids = append(ids, id)
		}
	}
}

// settle compares documents again, after folding up to where live stands now, and
// returns those that have moved on since.
func (m *Maintenance[S]) settle(
	ctx context.Context, live, folded documents.Collection, ids []string, progress func(uint64), found func(Difference) error,
) ([]string, error) {
	at, err := live.Checkpoint(ctx)
	upTo := at
	if err == nil && at > 0 {
		upTo, err = m.fill(ctx, folded, at, progress) // which may be ahead already
	}
	if err != nil {
		return nil, err
	}
	var moved []string
	for some := range slices.Chunk(ids, comparePage) {
		stored, err := live.GetMany(ctx, some)
		if err != nil {
			return nil, err
		}
		again, err := folded.GetMany(ctx, some)
		if err != nil {
			return nil, err
		}
		for _, id := range some {
			s, a := pointer(stored, id), pointer(again, id)
			d, differ := difference[S](id, s, a, m.versions.now())
			if !differ {
				continue
			}
			if (s != nil && s.Position > upTo) || (a != nil && a.Position > at) {
				moved = append(moved, id)
			} else if err := found(d); err != nil {
				return nil, err
			}
		}
	}
	return moved, nil
}

func pointer(docs map[string]documents.Document, id string) *documents.Document {
	if d, ok := docs[id]; ok {
		return &d
	}
	return nil
}

// pages reads a collection in the order of its ids.
type pages struct {
	collection documents.Collection
	page       []documents.Document
	after      string
	ended      bool
}

func (p *pages) fill(ctx context.Context) (err error) {
	if len(p.page) > 0 || p.ended {
		return nil
	}
	if p.page, err = p.collection.All(ctx, p.after, comparePage); err != nil {
		return err
	}
	p.ended = len(p.page) < comparePage
	if n := len(p.page); n > 0 {
		p.after = p.page[n-1].ID
	}
	return nil
}

// nextPair takes the document with the lowest id of two collections, from each
// that has it.
func nextPair(a, b *pages) (id string, fromA, fromB *documents.Document) {
	takeA := len(a.page) > 0 && (len(b.page) == 0 || a.page[0].ID <= b.page[0].ID)
	takeB := len(b.page) > 0 && (len(a.page) == 0 || b.page[0].ID <= a.page[0].ID)
	if takeA {
		fromA, a.page = &a.page[0], a.page[1:]
		id = fromA.ID
	}
	if takeB {
		fromB, b.page = &b.page[0], b.page[1:]
		id = fromB.ID
	}
	return id, fromA, fromB
}
