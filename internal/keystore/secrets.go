package keystore

import (
	"context"
	"errors"
	"fmt"
	"unicode/utf8"

	"awala.network/gateway/internal/fault"
)

// Errors that callers tell apart. Every other error, unless package fault marks
// it otherwise, is transient: the key store could not be asked, or its answer
// is unknown, and the call may be repeated.
var (
	// ErrNotFound says that there is no such key, or none that this peer may
	// use; the two are not told apart on purpose. It is permanent.
	ErrNotFound = fault.Permanent(errors.New("no such key"))

	// ErrCorrupt says that a record is there but is not what was saved, or not
	// what its path promises. It is permanent: an operator must look.
	ErrCorrupt = fault.Permanent(errors.New("key record is corrupt"))

	// ErrExists says that there is a record under the path already. It is permanent:
	// whoever reads the record sees who came first.
	ErrExists = fault.Permanent(errors.New("there is such a key record already"))

	// ErrInvalid says that the arguments cannot name or make a record. It is
	// permanent and nothing was sent to the store.
	ErrInvalid = fault.Permanent(errors.New("invalid key record"))
)

// Limits of every Secrets store.
const (
	// MaxPathLen is the greatest length of a path in octets.
	MaxPathLen = 200
	// MaxRecordLen is the greatest size of a record in octets, the sum of its
	// names and values.
	MaxRecordLen = 64 << 10
)

// Record is one secret: named strings, as in the "data" object of Vault KV v2.
type Record map[string]string

// Secrets keeps small records under flat paths. Its methods may be called
// concurrently and honour ctx.
//
// A path is 1 to MaxPathLen octets out of a-z 0-9 "-". A record has at least
// one field; names are not empty, and names and values are UTF-8.
type Secrets interface {
	// Get returns the record as last put, or ErrNotFound. A record that cannot
	// be read back is ErrCorrupt.
	Get(ctx context.Context, path string) (Record, error)

	// Put replaces the record under path. When it returns nil the record is
	// durable. It is atomic: readers see the old record or the new one. After an
	// error the new record may be there or not, and the same Put may be repeated.
	Put(ctx context.Context, path string, r Record) error

	// Create is Put for a path that has no record; ErrExists if it has one, also by
	// an earlier try that failed. Of several at once, one succeeds.
	Create(ctx context.Context, path string, r Record) error

	// Delete removes the record, and succeeds where there is none. Nothing of it
	// can be brought back, no earlier version either. After an error the record may
	// be there or not.
	Delete(ctx context.Context, path string) error

	// List returns the paths that begin with prefix, sorted.
	List(ctx context.Context, prefix string) ([]string, error)
}

// CheckPath returns an error that wraps ErrInvalid unless path obeys the rules
// of Secrets.
func CheckPath(path string) error {
	if path == "" || len(path) > MaxPathLen {
		return fmt.Errorf("%w: path of %d octets", ErrInvalid, len(path))
	}
	for i := range len(path) {
		c := path[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return fmt.Errorf("%w: path %q", ErrInvalid, path)
		}
	}
	return nil
}

// CheckRecord returns an error that wraps ErrInvalid unless path and r obey the
// rules of Secrets.
func CheckRecord(path string, r Record) error {
	if err := CheckPath(path); err != nil {
		return err
	}
	size := 0
	for name, value := range r {
		if name == "" || !utf8.ValidString(name) || !utf8.ValidString(value) {
			return fmt.Errorf("%w: bad field %q at %s", ErrInvalid, name, path)
		}
		size += len(name) + len(value)
	}
	if len(r) == 0 || size > MaxRecordLen {
		return fmt.Errorf("%w: %d fields, %d octets at %s", ErrInvalid, len(r), size, path)
	}
	return nil
}
