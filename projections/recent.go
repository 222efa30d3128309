package projections

import "hash/maphash"

// maxRecent bounds the documents that a filling runner keeps in memory, some
// kilobyte each: there are at most twice as many.
const maxRecent = 25_000

// recent are the documents that a runner wrote last, so that it need not read them
// again. It is for versions that nobody else writes to, or that others fill with
// the same: a document of an earlier position than the stored one is only written
// in vain. A nil recent keeps nothing.
type recent[S any] struct {
	young, old map[string]*entry[S]
	// known has the hash of each id that was written, if there was nothing before;
	// nil if there was.
	known map[uint64]struct{}
	seed  maphash.Seed
}

func newRecent[S any](empty bool) *recent[S] {
	r := &recent[S]{young: map[string]*entry[S]{}, seed: maphash.MakeSeed()}
	if empty {
		r.known = map[uint64]struct{}{}
	}
	return r
}

// stored tells whether a document may be in the store.
func (r *recent[S]) stored(id string) bool {
	if r == nil || r.known == nil {
		return true
	}
	_, known := r.known[maphash.String(r.seed, id)]
	return known
}

// take returns a document, or nil if it is not here.
func (r *recent[S]) take(id string) *entry[S] {
	if r == nil {
		return nil
	}
	e := r.young[id]
	if e == nil {
		e = r.old[id]
	}
	if e != nil {
		e.changed = false
	}
	return e
}

// keep keeps documents that are about to be written.
func (r *recent[S]) keep(entries map[string]*entry[S]) {
	if r == nil {
		return
	}
	if len(r.young) >= maxRecent {
		r.young, r.old = map[string]*entry[S]{}, r.young
	}
	for id, e := range entries {
		r.young[id] = e
		if r.known != nil {
			r.known[maphash.String(r.seed, id)] = struct{}{}
		}
	}
}
