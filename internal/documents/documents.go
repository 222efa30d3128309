// Package documents is the port to the store of projections: read models that
// are folds over the event history and can be dropped and rebuilt from it at
// any time.
//
// A store holds collections; a collection holds plain documents with a string
// id, and one checkpoint. A document is replaced whole, and only by one folded
// from a later position of its stream, so that applying an event twice, late or
// by two workers at once never takes a document backwards.
//
// A version of a projection is a collection name ("mailbox_v2"): a rebuild fills
// a new collection beside the live one, readers switch, the old one is dropped.
//
// Guarantees that every implementation gives, and package documentstest checks:
//
//   - Atomic documents: a reader sees a document before or after a Replace, never
//     a mixture.
//   - Read your writes: what Replace, Delete or SaveCheckpoint did before it
//     returned nil is seen by every later read of the same process.
//   - Durability: a Replace or Delete that returned nil survives the death of this
//     process. SaveCheckpoint is the barrier for the death of the machine: when it
//     moved the checkpoint forward and returned nil, that position and every Replace
//     and Delete that returned nil before it was called survive a power loss.
//   - Never ahead: after any crash the checkpoint is not ahead of the documents.
//
// Nothing that cannot be rebuilt from the event history belongs in this store.
//
// Errors: ErrNotFound and ErrInvalid (a fault.Permanent) are final. Every other
// error, ErrSlow among them, is transient, and the caller retries: Replace, Delete,
// SaveCheckpoint, Collection and Drop are all idempotent.
package documents

import (
	"context"
	"encoding/json"
	"errors"
	"time"
)

var (
	// ErrNotFound tells that no document has the id asked for.
	ErrNotFound = errors.New("documents: not found")

	// ErrInvalid tells that a name, document or query breaks the rules of this
	// package. It always comes marked as permanent.
	ErrInvalid = errors.New("documents: invalid")

	// ErrSlow tells that the store did not answer in time. To open a collection anew
	// because of it would make a slow store slower.
	ErrSlow = errors.New("documents: no answer in time")
)

// ExpiryGrace is how long past its ExpiresAt a document is kept at least. After
// it a store may remove the document by itself; before it only Delete does, so
// that housekeeping can find what has expired and say so in the history.
const ExpiryGrace = 7 * 24 * time.Hour

// Document is one read model instance.
type Document struct {
	// ID is the document's name within its collection: 1 to MaxIDLen octets of
	// UTF-8 without NUL.
	ID string

	// Position is the stream sequence of the last event folded into the document,
	// from 1 to math.MaxInt64. Replace compares it with the stored one.
	Position uint64

	// Keys are the fields by which Find selects. Each name must be among the
	// indexes that the collection was opened with. It is nil when there are none.
	Keys map[string]string

	// Rank orders the documents that Find returns. A document of rank 0 is in no
	// list; negative ranks are invalid. A stream sequence makes a good rank.
	Rank int64

	// ExpiresAt is when the document has served its time; zero means never. It is
	// kept in UTC, cut to the millisecond.
	ExpiresAt time.Time

	// Body is one JSON object. It comes back equal in value, not octet for octet:
	// white space is lost. See Prepare for the rules.
	Body json.RawMessage
}

// Query selects the listed documents (Rank > 0) of a collection that have Value
// under Key.
type Query struct {
	// Key is the name of an index of the collection, Value its exact value.
	Key, Value string

	// AfterRank leaves out the documents up to and including that rank. A reader
	// that pages gives the rank of the last document it got, and its id in
	// AfterID if several documents can share a rank.
	AfterRank int64

	// AfterID, unless empty, lets documents of rank AfterRank through whose id
	// comes after it.
	AfterID string

	// Limit is the most documents to return: from 1 to MaxLimit.
	Limit int
}

// Collection is one version of one projection. It is safe for concurrent use,
// until its Drop.
type Collection interface {
	// Get returns the document of that id, or ErrNotFound.
	Get(ctx context.Context, id string) (Document, error)

	// GetMany returns the documents that exist among ids, by id. It is not one
	// snapshot: documents may be of different moments.
	GetMany(ctx context.Context, ids []string) (map[string]Document, error)

	// Find returns the documents that q selects, by ascending Rank, then by the
	// octets of their ids.
	Find(ctx context.Context, q Query) ([]Document, error)

	// Expired returns at most limit (1 to MaxLimit) documents, listed or not,
	// whose ExpiresAt is set and earlier than before, the earliest first.
	Expired(ctx context.Context, before time.Time, limit int) ([]Document, error)

	// All returns at most limit (1 to MaxLimit) documents, listed or not, whose ids
	// come after afterID, by the octets of their ids. Every id comes after "".
	All(ctx context.Context, afterID string, limit int) ([]Document, error)

	// Replace stores each document that is new or whose Position is greater than
	// the stored one. The others are stale: they are skipped without an error. Of
	// several documents with one id the first of the greatest Position counts.
	//
	// An invalid document fails the call before anything is written. When Replace
	// fails in any other way, any subset of the documents may have been stored,
	// from none to all, each of them whole; some may become visible shortly after
	// the error. That is harmless: the caller retries the same or a later batch
	// and the positions sort it out. It must not save a checkpoint past the batch
	// before a Replace of it returned nil.
	//
	// Any number of goroutines and processes may replace at once.
	Replace(ctx context.Context, docs []Document) error

	// Delete removes the documents of those ids, if they exist, together with
	// their positions: a later Replace stores any position. Where an old event
	// could still arrive, replace the document by a final one of rank 0 with an
	// ExpiresAt instead, and let housekeeping delete that. A failed Delete may
	// have removed any subset.
	Delete(ctx context.Context, ids []string) error

	// Count returns the number of documents, listed or not.
	Count(ctx context.Context) (int, error)

	// Checkpoint returns the last saved stream position, 0 if there is none.
	Checkpoint(ctx context.Context) (uint64, error)

	// SaveCheckpoint notes that every event up to position (at most
	// math.MaxInt64) is folded in. It never goes backwards: a position at or below
	// the saved one changes nothing and is no error. It may be called only after
	// the writes for those events returned nil. After an error either position may
	// be the saved one.
	SaveCheckpoint(ctx context.Context, position uint64) error
}

// Database is a set of collections.
type Database interface {
	// Collection opens the collection of that name, creating it if it does not
	// exist, and sees to an index for each key name in indexes. It is idempotent.
	// An index that is new to an existing collection covers the documents that are
	// there; one that is no longer named may stay.
	Collection(ctx context.Context, name string, indexes []string) (Collection, error)

	// Drop removes a collection, its checkpoint first, so that a failed Drop never
	// leaves a checkpoint ahead of its documents. A name that does not exist is no
	// error. After an error the collection may be there, partly there or gone:
	// repeat until nil before the name is used again.
	Drop(ctx context.Context, name string) error

	// Names lists the collections in ascending order.
	Names(ctx context.Context) ([]string, error)

	// Close gives the database's resources back. Nothing may be used after it.
	Close(ctx context.Context) error
}
