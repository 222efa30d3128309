// Package blobs is the port to the object store: where whole parcels and
// cargoes rest between the server that accepted them and the worker or peer
// that takes them.
//
// The store is the first half of "accepted means durable" (the event history is
// the second), so the interface below states duties, not only methods. Two
// adapters fulfil them: blobs/s3 for S3-compatible servers and blobs/files for
// one machine's file system. Both run the same suite, blobs/blobstest: what one
// promises, the other promises.
package blobs

import (
	"context"
	"errors"
	"iter"
	"time"

	"awala.network/gateway/internal/fault"
)

// Errors that callers tell apart. Every other error of a Store, unless package
// fault marks it otherwise, is transient: the outcome is unknown and the call
// may be repeated.
var (
	// ErrNotFound says that there is no object under the key. It is permanent:
	// objects do not come back.
	ErrNotFound = fault.Permanent(errors.New("no such blob"))

	// ErrExists says that a Put with Meta.IfAbsent found an object under the
	// key, and that this object is as durable as if the caller had put it.
	ErrExists = fault.Permanent(errors.New("blob exists already"))

	// ErrFull says that the store is at its limit and kept nothing. It is
	// transient: deletions and operators make room. Servers answer HTTP 507.
	ErrFull = errors.New("blob store is full")

	// ErrInvalid says that the key, metadata or size breaks a rule below. It is
	// permanent and nothing was sent to the store.
	ErrInvalid = fault.Permanent(errors.New("invalid blob"))

	// ErrCorrupt says that the stored octets are not those that were put. It is
	// permanent.
	ErrCorrupt = fault.Permanent(errors.New("blob is corrupt"))
)

// Limits of every Store.
const (
	// MaxKeyLen is the greatest length of a key in octets.
	MaxKeyLen = 512
	// MaxSegmentLen is the greatest length in octets of what stands between two
	// slashes of a key.
	MaxSegmentLen = 200
	// MaxBodyLen is the greatest size of a body in octets. RAMF messages are at
	// most 9 MiB (RS-001).
	MaxBodyLen = 16 << 20
	// MaxContentTypeLen is the greatest length of a content type in octets.
	MaxContentTypeLen = 95
	// DefaultContentType is what Put records where Meta names none.
	DefaultContentType = "application/octet-stream"
	// ExpiryMetadata is the name of the user metadata that holds an object's
	// expiry in S3, as decimal Unix seconds; the name and the form are those of
	// the reference implementation, so that either can read the other's bucket.
	ExpiryMetadata = "parcel-expiry"
)

// Meta is what a Store keeps beside a body.
type Meta struct {
	// ExpiresAt is when the object stops being wanted, in whole seconds; the
	// fraction is dropped. The zero time means that none was given (or, on
	// reading, that it could not be understood). A Store does not remove or hide
	// expired objects by itself: housekeeping does, and says so in the history.
	ExpiresAt time.Time
	// ContentType is a media type; Put takes "" for DefaultContentType.
	ContentType string
	// IfAbsent makes Put fail with ErrExists where the key is taken, atomically:
	// of any number of concurrent Puts, one succeeds. It is false in every Meta
	// that a Store returns.
	IfAbsent bool
}

// Info describes a stored object without its body.
type Info struct {
	// Key is the object's key.
	Key string
	// Size is the length of the body in octets.
	Size int64
	// StoredAt is when the object was last put, by the store's clock.
	StoredAt time.Time
	// Meta is what was put with the body. List leaves it zero, because S3 does
	// not list metadata; ask Stat.
	Meta Meta
}

// Store keeps bodies under keys. Its methods may be called concurrently.
//
// A key is one or more segments joined by "/". A segment is 1 to MaxSegmentLen
// octets out of A-Z a-z 0-9 "-" "_" "." "=" "+" "@" "~", and neither "." nor
// "..". Callers never use both a key and one that goes on from it after a slash
// ("a" and "a/b"): S3 servers that keep objects in files refuse the second.
//
// Every method honours ctx: it returns soon after ctx is done, with an error
// that wraps ctx's. A Store may retry transient errors by itself until then.
type Store interface {
	// Put stores body under key and replaces what was there, unless
	// m.IfAbsent. It does not keep body after it returned.
	//
	// When Put returns nil, the object is fully durable: a crash or power
	// failure immediately afterwards loses nothing. Put is atomic: at any moment,
	// also during and after a crash, readers see the former object whole, the
	// new object whole, or none where there was none.
	//
	// When Put returns an error, the new object may nevertheless be there or
	// appear later (the answer was lost, the last fsync failed), except with
	// ErrInvalid, ErrExists and ErrFull, which guarantee that this call changed
	// nothing. Repeating a Put is always safe; but with IfAbsent the repetition
	// may answer ErrExists because of the first call, so ErrExists alone does not
	// say that somebody has finished what comes after the Put.
	Put(ctx context.Context, key string, body []byte, m Meta) error

	// Get returns the object's body and metadata, or ErrNotFound. The caller
	// owns the slice. A Get that starts after a Put returned sees that object or
	// a later one.
	Get(ctx context.Context, key string) ([]byte, Meta, error)

	// Stat returns what Get would, without reading the body, or ErrNotFound.
	Stat(ctx context.Context, key string) (Info, error)

	// Delete removes the object, and succeeds where there is none. After it
	// returned nil no reader sees the object, but a power failure soon after may
	// bring it back whole, so whoever needs it gone for good must have a second
	// reason to delete it (its expiry). After an error the object may be there
	// or not.
	Delete(ctx context.Context, key string) error

	// List yields the objects whose key begins with prefix (any string, also ""
	// or part of a segment) in the lexical order of their keys' octets, each
	// once. It holds no more than one page or folder in memory. Objects that
	// exist throughout the iteration are yielded; those put or deleted meanwhile
	// may be or not. The first error is yielded with a zero Info and ends the
	// iteration.
	List(ctx context.Context, prefix string) iter.Seq2[Info, error]
}
