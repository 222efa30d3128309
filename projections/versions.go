package projections

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"sync"
	"time"

	"awala.network/gateway/internal/documents"
	"awala.network/gateway/internal/fault"
)

// versionsName is the collection of manifests: one for each projection.
const versionsName = "versions"

// Edition is one copy of a projection: a collection of its own. Its name is used
// once and never again, so that whoever still writes to a copy that is gone, or
// was lost with the whole store, cannot touch a later one.
type Edition struct {
	// Collection is the collection's name.
	Collection string `json:"collection"`
	// Number counts a projection's versions from 1.
	Number int `json:"number"`
	// Since is when it was begun.
	Since time.Time `json:"since"`
}

// Manifest says which versions of a projection there are. It is one document,
// replaced whole, so that readers go from one version to the next in one step.
type Manifest struct {
	// Live is the version that is read and kept up to date.
	Live Edition `json:"live"`
	// Previous were live before. They are kept for readers that have not noticed
	// yet.
	Previous []Retired `json:"previous,omitempty"`
	// Building is the version that a rebuild fills, or was filling when it was
	// interrupted; nil if there is none.
	Building *Edition `json:"building,omitempty"`
	// Omitted is what each version passes by, by its collection.
	Omitted map[string]Omissions `json:"omitted,omitempty"`

	// revision is the document's position: it counts the changes.
	revision uint64
}

// Retired is a version that was live until an instant.
type Retired struct {
	Edition
	Until time.Time `json:"until"`
}

// keeps tells whether the version is one that readers may use.
func (m Manifest) keeps(v Edition) bool {
	return m.Live.Collection == v.Collection ||
		slices.ContainsFunc(m.Previous, func(r Retired) bool { return r.Collection == v.Collection })
}

// names lists the collections of all versions.
func (m Manifest) names() []string {
	names := []string{m.Live.Collection}
	for _, r := range m.Previous {
		names = append(names, r.Collection)
	}
	if m.Building != nil {
		names = append(names, m.Building.Collection)
	}
	return names
}

// errContended tells that somebody else changed the manifest.
var errContended = errors.New("projections: the versions changed meanwhile")

// versions reads and changes the manifest of one projection.
type versions struct {
	db   documents.Database
	spec Spec
	now  func() time.Time

	mu       sync.Mutex
	manifest documents.Collection // opened once, and again when the store has lost it
}

func newVersions(db documents.Database, spec Spec) *versions {
	return &versions{db: db, spec: spec, now: time.Now}
}

// read returns the manifest. If there is none, because the store is new or was
// lost, it makes one whose live version is empty.
func (v *versions) read(ctx context.Context) (Manifest, error) {
	m, err := v.load(ctx)
	if errors.Is(err, documents.ErrNotFound) {
		m, err = v.store(ctx, Manifest{Live: v.next(Manifest{})})
		if errors.Is(err, errContended) {
			m, err = v.load(ctx)
		}
	}
	if err != nil {
		return Manifest{}, fmt.Errorf("projections: versions of %s: %w", v.spec.Name, err)
	}
	return m, nil
}

// change replaces the manifest by what edit makes of it, which is asked again if
// somebody else was faster. An edit that returns false changes nothing.
func (v *versions) change(ctx context.Context, edit func(*Manifest) bool) (Manifest, error) {
	for {
		m, err := v.read(ctx)
		if err != nil || !edit(&m) {
			return m, err
		}
		changed, err := v.store(ctx, m)
		if errors.Is(err, errContended) {
			continue
		}
		if err != nil {
			return Manifest{}, fmt.Errorf("projections: versions of %s: %w", v.spec.Name, err)
		}
		return changed, nil
	}
}

// next is the version that follows those in m.
func (v *versions) next(m Manifest) Edition {
	number := m.Live.Number
	if m.Building != nil {
		number = max(number, m.Building.Number)
	}
	var unique [4]byte
	_, _ = rand.Read(unique[:]) // it never fails
	name := fmt.Sprintf("%s_%d_%s", v.spec.Name, number+1, hex.EncodeToString(unique[:]))
	return Edition{Collection: name, Number: number + 1, Since: v.now().UTC().Truncate(time.Millisecond)}
}

// collection returns the collection of manifests, opened anew if it has to be.
func (v *versions) collection(ctx context.Context, anew bool) (documents.Collection, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.manifest != nil && !anew {
		return v.manifest, nil
	}
	c, err := v.db.Collection(ctx, versionsName, nil)
	if err == nil {
		v.manifest = c
	}
	return c, err
}

func (v *versions) load(ctx context.Context) (Manifest, error) {
	d, err := v.get(ctx, false)
	if err != nil && !tooSlow(ctx, err) { // the handle may be of a collection that was lost
		d, err = v.get(ctx, true)
	}
	if err != nil {
		return Manifest{}, err
	}
	m := Manifest{revision: d.Position}
	if err := json.Unmarshal(d.Body, &m); err != nil {
		return Manifest{}, fault.Permanent(fmt.Errorf("decode: %w", err))
	}
	return m, nil
}

func (v *versions) get(ctx context.Context, anew bool) (documents.Document, error) {
	c, err := v.collection(ctx, anew)
	if err != nil {
		return documents.Document{}, err
	}
	return c.Get(ctx, v.spec.Name)
}

// store writes m as the revision after the one that it was read from. The store
// takes one document of each revision only, so whoever reads back something else
// has lost.
func (v *versions) store(ctx context.Context, m Manifest) (Manifest, error) {
	m.revision++
	maps.DeleteFunc(m.Omitted, func(name string, _ Omissions) bool { return !slices.Contains(m.names(), name) })
	body, err := json.Marshal(m)
	if err != nil {
		return Manifest{}, fault.Permanent(err)
	}
	c, err := v.collection(ctx, false)
	if err != nil {
		return Manifest{}, err
	}
	if err := c.Replace(ctx, []documents.Document{{ID: v.spec.Name, Position: m.revision, Body: body}}); err != nil {
		return Manifest{}, err
	}
	stored, err := v.load(ctx)
	if err != nil {
		return Manifest{}, err
	}
	if again, err := json.Marshal(stored); err != nil || string(again) != string(body) {
		return Manifest{}, errContended
	}
	return stored, nil
}

// version is an open one.
type version struct {
	Edition
	documents.Collection
	versions *versions
}

// note remembers what is passed by.
func (v version) note(ctx context.Context, r Report) error {
	return v.versions.note(ctx, v.Edition.Collection, r)
}

// open opens the collection of a version.
func (v *versions) open(ctx context.Context, e Edition) (version, error) {
	c, err := v.db.Collection(ctx, e.Collection, v.spec.Indexes)
	if err != nil {
		return version{}, fmt.Errorf("projections: open %s: %w", e.Collection, err)
	}
	return version{e, c, v}, nil
}

// sweep drops what no reader can need: versions that were live before, once
// grace has passed since then, and the remains of versions that no
// manifest names. It returns what it dropped.
func (v *versions) sweep(ctx context.Context, grace time.Duration) ([]string, error) {
	// The order matters: a version is in the manifest before it is a collection.
	names, err := v.db.Names(ctx)
	if err != nil {
		return nil, fmt.Errorf("projections: sweep: %w", err)
	}
	m, err := v.change(ctx, func(m *Manifest) bool {
		before := len(m.Previous)
		m.Previous = slices.DeleteFunc(m.Previous, func(r Retired) bool { return v.now().Sub(r.Until) >= grace })
		return len(m.Previous) < before
	})
	if err != nil {
		return nil, err
	}
	used := m.names()
	pattern := regexp.MustCompile(`^` + v.spec.Name + `(_[0-9]+_[0-9a-f]{8})?$`)
	var dropped []string
	for _, name := range names {
		if !pattern.MatchString(name) || slices.Contains(used, name) {
			continue
		}
		if err := v.db.Drop(ctx, name); err != nil {
			return dropped, fmt.Errorf("projections: sweep %s: %w", name, err)
		}
		dropped = append(dropped, name)
	}
	return dropped, nil
}
