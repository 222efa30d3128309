package keystore

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
)

// BoundKey names a session key that is bound to a peer.
type BoundKey struct {
	// ID is the key's id, PeerID the peer that it is bound to.
	ID     []byte
	PeerID string
	// CreatedAt is when the key was saved; zero if the record does not tell, as
	// those of the reference implementation do not.
	CreatedAt time.Time
}

// BoundSessionKeys calls yield for each session key of nodeID that is bound to a
// peer, until yield returns an error. It reads every record, so it is for
// housekeeping. Records that are no session keys of the node, or that disappear
// meanwhile, are passed by.
func (k *Keys) BoundSessionKeys(ctx context.Context, nodeID string, yield func(BoundKey) error) error {
	paths, err := k.secrets.List(ctx, sessionPrefix)
	if err != nil {
		return fmt.Errorf("list session keys: %w", err)
	}
	for _, path := range paths {
		id, err := hex.DecodeString(strings.TrimPrefix(path, sessionPrefix))
		if err != nil || len(id) == 0 {
			continue // an initial session key, by its node
		}
		r, err := k.sessionRecord(ctx, nodeID, id)
		if errors.Is(err, ErrNotFound) || errors.Is(err, ErrCorrupt) {
			continue
		}
		if err != nil {
			return err
		}
		if r[fieldPeerID] == "" {
			continue
		}
		// Without a date, or with one that cannot be read, it is unknown.
		createdAt, _ := time.Parse(time.RFC3339Nano, r[fieldCreatedAt])
		if err := yield(BoundKey{ID: id, PeerID: r[fieldPeerID], CreatedAt: createdAt}); err != nil {
			return err
		}
	}
	return nil
}
