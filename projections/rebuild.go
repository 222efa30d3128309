package projections

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"awala.network/gateway/internal/documents"
)

// RebuildOptions say how to rebuild.
type RebuildOptions struct {
	// Fresh drops what an interrupted rebuild has left, instead of going on with it.
	Fresh bool
	// Compare compares each document with the live one before the switch.
	Compare bool
}

// Rebuilt is what a rebuild did.
type Rebuilt struct {
	Projection string `json:"projection"`
	// Live is the version that is live now, Before the one that was.
	Live   Edition `json:"live"`
	Before Edition `json:"before"`
	// Resumed is the sequence at which an interrupted rebuild was taken up.
	Resumed uint64 `json:"resumed,omitempty"`
	// Checkpoint is the sequence that was folded in at the switch.
	Checkpoint uint64 `json:"checkpoint"`
	// Documents are those of the new version, DocumentsBefore of the old one. They
	// differ by what was purged from the old one, or was wrong in it.
	Documents       int `json:"documents"`
	DocumentsBefore int `json:"documentsBefore"`
	// Differences counts the documents that differ between the two. It is nil
	// unless they were compared.
	Differences *int    `json:"differences,omitempty"`
	Seconds     float64 `json:"seconds"`
}

// Rebuild folds the whole history into a new version beside the live one, and
// then switches to it in one step. The live version is not touched and goes on
// being kept up to date and read; it stays for a while after the switch, until
// [Maintenance.Sweep] drops it.
//
// It can be interrupted at any moment: until the switch the live version is the
// live version, and the next Rebuild goes on with the half-built one.
func (m *Maintenance[S]) Rebuild(ctx context.Context, o RebuildOptions, report func(Progress)) (Rebuilt, error) {
	manifest, err := m.begin(ctx, o.Fresh)
	if err != nil {
		return Rebuilt{}, err
	}
	done := Rebuilt{Projection: m.Name(), Live: *manifest.Building, Before: manifest.Live}
	building, err := m.versions.open(ctx, *manifest.Building)
	if err != nil {
		return Rebuilt{}, err
	}
	live, err := m.versions.open(ctx, manifest.Live)
	if err != nil {
		return Rebuilt{}, err
	}
	if done.Resumed, err = building.Checkpoint(ctx); err != nil {
		return Rebuilt{}, fmt.Errorf("projections: rebuild %s: %w", m.Name(), err)
	}
	pace := newPace(m.Name(), done.Resumed, report)
	if err := m.build(ctx, o, &done, building, live, pace); err != nil {
		return Rebuilt{}, err
	}
	if err := m.change(ctx, done.Live); err != nil {
		return Rebuilt{}, err
	}
	done.Seconds = m.elapsed(pace)
	pace.at(Done, done.Checkpoint, done.Checkpoint)
	m.logger.LogAttrs(ctx, slog.LevelInfo, "projection rebuilt", slog.String("projection", m.Name()),
		slog.String("version", done.Live.Collection), slog.Int("documents", done.Documents),
		slog.Int("documents_before", done.DocumentsBefore), slog.Uint64("sequence", done.Checkpoint))
	return done, nil
}

// begin notes a version to build, unless there is one.
func (m *Maintenance[S]) begin(ctx context.Context, fresh bool) (Manifest, error) {
	begun := ""
	return m.versions.change(ctx, func(manifest *Manifest) bool {
		if b := manifest.Building; b != nil && (!fresh || b.Collection == begun) {
			return false
		}
		next := m.versions.next(*manifest)
		manifest.Building, begun = &next, next.Collection
		return true
	})
}

// build fills the new version until it is level with the live one, and compares
// the two.
func (m *Maintenance[S]) build(ctx context.Context, o RebuildOptions, done *Rebuilt, building, live documents.Collection, pace *pace) error {
	last, err := m.history.LastSequence(ctx, m.projection.Spec().Stream, ">")
	if err != nil {
		return fmt.Errorf("projections: rebuild %s: %w", m.Name(), err)
	}
	folded := func(checkpoint uint64) { pace.at(Folding, checkpoint, last) }
	if _, err = m.fill(ctx, building, 0, folded); err != nil {
		return err
	}
	if o.Compare {
		pace.at(Comparing, last, last)
		differences := 0
		if _, err := m.compare(ctx, live, building, folded, func(Difference) error { differences++; return nil }); err != nil {
			return err
		}
		done.Differences = &differences
	}
	if done.Documents, err = building.Count(ctx); err == nil {
		done.DocumentsBefore, err = live.Count(ctx)
	}
	if err != nil {
		return fmt.Errorf("projections: rebuild %s: %w", m.Name(), err)
	}
	done.Checkpoint, err = m.level(ctx, building, live, folded)
	return err
}

// level brings the new version to where the live one is, or beyond. Under traffic
// the live one may be a few events ahead again at the switch: readers go over
// when that has been made up for.
func (m *Maintenance[S]) level(ctx context.Context, building, live documents.Collection, folded func(uint64)) (uint64, error) {
	for {
		checkpoint, err := m.fill(ctx, building, 0, folded)
		if err != nil {
			return 0, err
		}
		ahead, err := live.Checkpoint(ctx)
		if err != nil {
			return 0, fmt.Errorf("projections: rebuild %s: %w", m.Name(), err)
		}
		if checkpoint >= ahead {
			return checkpoint, nil
		}
	}
}

// change makes the version that was built the live one.
func (m *Maintenance[S]) change(ctx context.Context, built Edition) error {
	manifest, err := m.versions.change(ctx, func(manifest *Manifest) bool {
		if manifest.Building == nil || manifest.Building.Collection != built.Collection {
			return false
		}
		manifest.Previous = append(manifest.Previous, Retired{manifest.Live, m.versions.now().UTC().Truncate(time.Millisecond)})
		manifest.Live, manifest.Building = built, nil
		return true
	})
	if err != nil {
		return err
	}
	if manifest.Live.Collection != built.Collection {
		return fmt.Errorf("%w: %s", ErrBusy, m.Name())
	}
	return nil
}

func (m *Maintenance[S]) elapsed(p *pace) float64 { return m.versions.now().Sub(p.start).Seconds() }
