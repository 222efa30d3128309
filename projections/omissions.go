package projections

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"

	"awala.network/gateway/events"
)

const (
	// maxOmissions bounds the reasons that are kept of one version; what comes on top
	// is counted under otherReasons.
	maxOmissions = 100
	otherReasons = "other reasons"
	// maxReason bounds the text of one, in octets.
	maxReason = 300
)

// Omission is what a version of a projection does without, for one reason.
type Omission struct {
	// Missing tells that the history lacks the events; otherwise the program that
	// folded them could not read them.
	Missing bool `json:"missing,omitempty"`
	// Reason is why they could not be read.
	Reason string `json:"reason,omitempty"`
	// Count is how many events, or how many runs of them that are missing, between the
	// sequences First and Last.
	Count uint64 `json:"count"`
	First uint64 `json:"first"`
	Last  uint64 `json:"last"`
}

// Omissions are those of one version.
type Omissions struct {
	// Through is the last sequence that was noted: the same records may be folded again.
	Through uint64     `json:"through"`
	List    []Omission `json:"list"`
}

// note adds what a report tells of, and tells whether there was anything new.
func (o *Omissions) note(r Report) bool {
	through := o.Through
	for _, gap := range r.Gaps {
		if gap.First > o.Through {
			o.add(Omission{Missing: true, Count: 1, First: gap.First, Last: gap.Last})
			through = max(through, gap.Last)
		}
	}
	for _, record := range r.Unreadable {
		if record.Sequence > o.Through {
			o.add(Omission{Reason: reason(record), Count: 1, First: record.Sequence, Last: record.Sequence})
			through = max(through, record.Sequence)
		}
	}
	changed := through > o.Through
	o.Through = through
	return changed
}

func reason(r events.Record) string {
	text := r.Data.(events.Unreadable).Err.Error()
	return strings.ToValidUTF8(text[:min(len(text), maxReason)], "")
}

// add adds to the omission of the same kind and reason.
func (o *Omissions) add(one Omission) {
	same := func(of Omission) func(Omission) bool {
		return func(known Omission) bool { return known.Missing == of.Missing && known.Reason == of.Reason }
	}
	i := slices.IndexFunc(o.List, same(one))
	if i < 0 && len(o.List) >= maxOmissions {
		one.Reason = otherReasons
		i = slices.IndexFunc(o.List, same(one))
	}
	if i < 0 {
		o.List = append(o.List, one)
		return
	}
	known := &o.List[i]
	known.Count, known.Last = known.Count+one.Count, max(known.Last, one.Last)
}

// note remembers what a version passes by. It must be durable before the version's
// checkpoint is, or a crash would hide it.
func (v *versions) note(ctx context.Context, collection string, r Report) error {
	if len(r.Gaps) == 0 && len(r.Unreadable) == 0 {
		return nil
	}
	_, err := v.change(ctx, func(m *Manifest) bool {
		omissions := m.Omitted[collection]
		if !omissions.note(r) {
			return false
		}
		if m.Omitted == nil {
			m.Omitted = map[string]Omissions{}
		}
		m.Omitted[collection] = omissions
		return true
	})
	return err
}

// Passed is what the live version passes by.
func (m *Maintenance[S]) Passed(ctx context.Context) ([]Omission, error) {
	manifest, err := m.versions.read(ctx)
	return manifest.passed(), err
}

// passed is what the live version passes by.
func (m Manifest) passed() []Omission { return m.Omitted[m.Live.Collection].List }

// Mend rebuilds the projection if its live version has passed by events that this
// program can read: it was folded by an older one, or keys that were lost are back. It
// tells whether it did.
func (m *Maintenance[S]) Mend(ctx context.Context) (bool, error) {
	manifest, err := m.versions.read(ctx)
	if err != nil {
		return false, err
	}
	needed, err := m.mendable(ctx, manifest)
	if err != nil || !needed {
		return false, err
	}
	m.logger.LogAttrs(ctx, slog.LevelWarn, "events that were passed by can be read now: rebuilding",
		slog.String("projection", m.Name()), slog.String("version", manifest.Live.Collection))
	_, err = m.Rebuild(ctx, RebuildOptions{}, nil)
	return err == nil, err
}

// mendable tells whether something that the live version passed by can be read now. It
// tries the first event of each reason.
func (m *Maintenance[S]) mendable(ctx context.Context, manifest Manifest) (bool, error) {
	for _, omission := range manifest.passed() {
		if omission.Missing {
			continue
		}
		record, err := m.history.At(ctx, m.projection.Spec().Stream, omission.First)
		if errors.Is(err, io.EOF) {
			continue
		}
		if err != nil {
			return false, fmt.Errorf("projections: %s: look at what was passed by: %w", m.Name(), err)
		}
		if _, unreadable := record.Data.(events.Unreadable); !unreadable {
			return true, nil
		}
	}
	return false, nil
}
