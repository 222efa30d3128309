package keystore

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"strings"

	"awala.network/gateway/internal/fault"
)

// Kind is what a record of a key store holds.
type Kind string

// The kinds of records that other implementations have, too.
const (
	KindIdentity Kind = "identity key"
	KindBound    Kind = "session key of a peer"
	KindUnbound  Kind = "session key of nobody"
	KindInitial  Kind = "initial session key"
)

// ErrOther says that another record stands in the place of one to take over.
var ErrOther = fault.Permanent(errors.New("another key is in its place"))

// FormerRecord is a record of another key store that may be taken over.
type FormerRecord struct {
	Path   string
	Kind   Kind
	NodeID string
	// PeerID is whom a session key is bound to, if it is.
	PeerID string

	record Record
}

// ReadFormer returns the record of another key store at path. The error is
// ErrCorrupt, permanent, if it is no key in the layout of this package; otherwise
// transient.
func ReadFormer(ctx context.Context, from Secrets, path string) (FormerRecord, error) {
	r, err := from.Get(ctx, path)
	if err != nil {
		return FormerRecord{}, fmt.Errorf("key record %s: %w", path, err)
	}
	r = maps.Clone(r)
	delete(r, fieldCreatedAt) // if it is there, it is this gateway that used the store before
	f := FormerRecord{Path: path, record: r}
	if err := f.examine(); err != nil {
		return FormerRecord{}, fmt.Errorf("key record %s: %w", path, err)
	}
	return f, nil
}

// examine finds out what the record is.
func (f *FormerRecord) examine() (err error) {
	switch path := f.Path; {
	case strings.HasPrefix(path, identityPrefix):
		f.Kind, f.NodeID = KindIdentity, strings.TrimPrefix(path, identityPrefix)
		_, err = f.record.identityKey(f.NodeID)
	case strings.HasPrefix(path, initialPrefix):
		f.Kind, f.NodeID = KindInitial, strings.TrimPrefix(path, initialPrefix)
		_, err = f.record.initialSessionKey()
	case strings.HasPrefix(path, sessionPrefix):
		id, notHex := hex.DecodeString(strings.TrimPrefix(path, sessionPrefix))
		if notHex != nil || len(id) == 0 {
			return fmt.Errorf("%w: its name is no key id", ErrCorrupt)
		}
		f.Kind, f.NodeID, f.PeerID = KindUnbound, f.record[fieldNodeID], f.record[fieldPeerID]
		if f.PeerID != "" {
			f.Kind = KindBound
		}
		if f.NodeID == "" {
			return fmt.Errorf("%w: no owner", ErrCorrupt)
		}
		_, err = f.record.sessionKey(id)
	default:
		return fmt.Errorf("%w: its name is none of a key's", ErrCorrupt)
	}
	return err
}

// HeldBy tells whether the store has the record, whatever it has added to it. The
// error wraps ErrOther if it has another one.
func (f FormerRecord) HeldBy(ctx context.Context, store Secrets) (bool, error) {
	have, err := store.Get(ctx, f.Path)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("key record %s: %w", f.Path, err)
	}
	have = maps.Clone(have)
	delete(have, fieldCreatedAt)
	if !maps.Equal(have, f.record) {
		return false, fmt.Errorf("key record %s: %w", f.Path, ErrOther)
	}
	return true, nil
}

// PutInto stores the record as it is, without a date: when the key was made is not
// known. When it returns nil the key is durable.
func (f FormerRecord) PutInto(ctx context.Context, store Secrets) error {
	if err := store.Put(ctx, f.Path, f.record); err != nil {
		return fmt.Errorf("take over key record %s: %w", f.Path, err)
	}
	return nil
}
