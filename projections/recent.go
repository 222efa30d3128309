package projections

// maxRecent bounds the documents that a filling runner keeps in memory, some
// kilobyte each.
const maxRecent = 50_000

// recent are the documents that a runner wrote last, so that it need not read them
// again. It is for versions that nobody else writes to, or that others fill with
// the same: a document of an earlier position than the stored one is only written
// in vain. A nil recent keeps nothing.
type recent[S any] struct {
	entries map[string]*entry[S]
	// all tells that there are no other documents.
	all bool
}

func newRecent[S any](empty bool) *recent[S] {
	return &recent[S]{entries: map[string]*entry[S]{}, all: empty}
}

// whole tells that what is not here does not exist.
func (r *recent[S]) whole() bool { return r != nil && r.all }

// take returns a document, or nil if it is not here. The caller changes it; unless
// it is kept again after that, it is forgotten.
func (r *recent[S]) take(id string) *entry[S] {
	if r == nil || r.entries[id] == nil {
		return nil
	}
	e := r.entries[id]
	delete(r.entries, id)
	e.changed = false
	return e
}

// keep keeps documents that are about to be written.
func (r *recent[S]) keep(entries map[string]*entry[S]) {
	if r == nil {
		return
	}
	if len(r.entries)+len(entries) > maxRecent {
		clear(r.entries)
		r.all = false
	}
	for id, e := range entries {
		r.entries[id] = e
	}
}
