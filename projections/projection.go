package projections

import (
	"encoding/json"
	"fmt"
	"time"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/documents"
	"awala.network/gateway/internal/fault"
)

// Spec says what a projection is called and reads.
type Spec struct {
	// Name is the collection, version included, such as "mailbox_v1". A change
	// of the fold or of the documents is a new version.
	Name string
	// Stream is the stream that is folded.
	Stream string
	// Indexes are the names of the documents' keys.
	Indexes []string
}

// Projection is a fold of one stream into documents, each the JSON of an S. The
// zero S is the document before its first event. All methods are pure.
type Projection[S any] interface {
	// Spec describes the projection.
	Spec() Spec
	// DocumentID names the one document that the record is folded into; ok is
	// false for records that do not concern the projection.
	DocumentID(r events.Record) (id string, ok bool)
	// Fold changes s as the record says, and tells whether it did. A record that
	// is repeated or out of date changes nothing.
	Fold(s *S, r events.Record) bool
	// Listing says where the document is found.
	Listing(s *S) Listing
}

// Listing is the part of a document by which it is found: see
// [documents.Document] for the meaning of the fields.
type Listing struct {
	Keys      map[string]string
	Rank      int64
	ExpiresAt time.Time
}

// entry is a document in the making.
type entry[S any] struct {
	state    S
	position uint64
	changed  bool
}

// fold applies a record, unless it is in the document already.
func (e *entry[S]) fold(p Projection[S], r events.Record) {
	if r.Sequence > e.position && p.Fold(&e.state, r) {
		e.position, e.changed = r.Sequence, true
	}
}

// document encodes an entry.
func (e *entry[S]) document(p Projection[S], id string) (documents.Document, error) {
	body, err := json.Marshal(&e.state)
	if err != nil {
		return documents.Document{}, fault.Permanent(fmt.Errorf("projections: encode %s: %w", id, err))
	}
	l := p.Listing(&e.state)
	return documents.Document{
		ID: id, Position: e.position, Keys: l.Keys, Rank: l.Rank, ExpiresAt: l.ExpiresAt, Body: body,
	}, nil
}

// decode reads a stored document.
func decode[S any](d documents.Document) (*entry[S], error) {
	e := &entry[S]{position: d.Position}
	if err := json.Unmarshal(d.Body, &e.state); err != nil {
		return nil, fault.Permanent(fmt.Errorf("projections: decode %s: %w", d.ID, err))
	}
	return e, nil
}
