package projections

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"time"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/documents"
)

// History is what it takes to fold a stream from its beginning. Package
// onjetstream fits internal/jetstream to it.
type History interface {
	// Records reads a stream from a sequence on.
	Records(stream string, from uint64) Records
	// LastSequence returns the sequence of the last record on a subject, which may
	// have wildcards.
	LastSequence(ctx context.Context, stream, subject string) (uint64, error)
	// At returns the record at a sequence, or io.EOF if the stream holds none there.
	At(ctx context.Context, stream string, sequence uint64) (events.Record, error)
}

// Records yields a stream in order. One goroutine uses it.
type Records interface {
	// Read returns at most limit records: what is there, at once. caughtUp tells
	// that nothing stood after them.
	Read(ctx context.Context, limit int) (records []events.Record, caughtUp bool, err error)
	// Close ends the reading.
	Close(ctx context.Context)
}

// Maintained is what operators can do to a projection, whatever its documents
// are. See [Maintenance].
type Maintained interface {
	Name() string
	Status(ctx context.Context) (Status, error)
	Rebuild(ctx context.Context, o RebuildOptions, report func(Progress)) (Rebuilt, error)
	Verify(ctx context.Context, scratch documents.Database, report func(Progress), found func(Difference) error) (Verified, error)
	Sweep(ctx context.Context, grace time.Duration) ([]string, error)
	Mend(ctx context.Context) (bool, error)
	Passed(ctx context.Context) ([]Omission, error)
}

// Maintenance rebuilds, verifies and describes one projection while it is in use.
type Maintenance[S any] struct {
	projection Projection[S]
	versions   *versions
	history    History
	logger     *slog.Logger
}

// NewMaintenance returns the maintenance of a projection in db.
func NewMaintenance[S any](p Projection[S], db documents.Database, history History, logger *slog.Logger) *Maintenance[S] {
	return &Maintenance[S]{projection: p, versions: newVersions(db, p.Spec()), history: history, logger: logger}
}

// ErrBusy tells that the projection is being rebuilt by somebody else, or that
// the store lost it meanwhile: look at its status, and start again.
var ErrBusy = errors.New("projections: the versions changed during the rebuild")

var versionSuffix = regexp.MustCompile(`_v[0-9]+$`)

// Name is what operators call the projection: that of its [Spec] without the
// version of the fold.
func (m *Maintenance[S]) Name() string {
	return versionSuffix.ReplaceAllString(m.projection.Spec().Name, "")
}

// Status is where a projection stands.
type Status struct {
	Name   string `json:"name"`
	Stream string `json:"stream"`
	// Checkpoint is the sequence of Stream up to which the live version holds
	// everything, Last that of the stream's last record.
	Checkpoint uint64 `json:"checkpoint"`
	Last       uint64 `json:"last"`
	// Documents are those of the live version.
	Documents int `json:"documents"`
	Manifest
	// Built is the checkpoint of the version that is being built, or was until it
	// was interrupted.
	Built uint64 `json:"built,omitempty"`
	// Mendable tells that the live version passed by events that can be read now, so
	// that it will be rebuilt.
	Mendable bool `json:"mendable,omitempty"`
}

// Passed is what the live version passes by.
func (s Status) Passed() []Omission { return s.passed() }

// Status tells where the projection stands. It counts the documents, which takes
// a while where there are many.
func (m *Maintenance[S]) Status(ctx context.Context) (Status, error) {
	spec := m.projection.Spec()
	manifest, err := m.versions.read(ctx)
	if err != nil {
		return Status{}, err
	}
	s := Status{Name: m.Name(), Stream: spec.Stream, Manifest: manifest}
	live, err := m.versions.open(ctx, manifest.Live)
	if err == nil {
		s.Checkpoint, err = live.Checkpoint(ctx)
	}
	if err == nil {
		s.Documents, err = live.Count(ctx)
	}
	if err == nil && manifest.Building != nil {
		var building version
		if building, err = m.versions.open(ctx, *manifest.Building); err == nil {
			s.Built, err = building.Checkpoint(ctx)
		}
	}
	if err == nil {
		s.Last, err = m.history.LastSequence(ctx, spec.Stream, ">")
	}
	if err == nil {
		s.Mendable, err = m.mendable(ctx, manifest)
	}
	if err != nil {
		return Status{}, fmt.Errorf("projections: status of %s: %w", spec.Name, err)
	}
	return s, nil
}

// Sweep drops what no reader can need: the version that was live before, once
// grace has passed since the switch, and the remains of versions that are no
// more. It returns the names of what it dropped.
func (m *Maintenance[S]) Sweep(ctx context.Context, grace time.Duration) ([]string, error) {
	return m.versions.sweep(ctx, grace)
}
