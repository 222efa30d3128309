package handlers

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"awala.network/gateway/awala/ramf"
	"awala.network/gateway/events"
	"awala.network/gateway/internal/keystore"
)

// sessionKeyGrace is how long after the first use of a newer key an older one is
// kept. A private gateway that uses a newer key does not go back to an older one,
// since it goes by the dates of our messages (RS-003). So whatever it encrypted to
// the older key it had written by then, and it is valid for [ramf.MaxTTL] at most;
// the rest is for clocks that are wrong.
const sessionKeyGrace = ramf.MaxTTL + 2*day

// BoundSessionKeys lists and removes session keys (see [keystore.Keys]).
type BoundSessionKeys interface {
	// BoundSessionKeys calls yield for each key of the node that is bound to a peer.
	BoundSessionKeys(ctx context.Context, nodeID string, yield func(keystore.BoundKey) error) error
	// DeleteSessionKey removes a key, also one that is not there.
	DeleteSessionKey(ctx context.Context, nodeID string, keyID []byte) error
}

// SubjectLog reads a subject of the history.
type SubjectLog interface {
	// Next returns the first record on the subject whose sequence is at least
	// from, or io.EOF when there is none.
	Next(ctx context.Context, stream, subject string, from uint64) (events.Record, error)
}

// ForgetSessionKeys deletes our session keys that no valid message can need any
// more, so that what was encrypted to them can never be read again (RS-003). Those
// are the keys bound to a private gateway which were superseded by a newer one that
// it used at least sessionKeyGrace ago. A key that was not superseded by use stays,
// however old: a private gateway may be away for long. So do keys without a date.
//
// A failure leaves the rest for the next run. Running twice is safe.
type ForgetSessionKeys struct {
	Identity GatewayIdentity
	Keys     BoundSessionKeys
	Log      SubjectLog
	Logger   *slog.Logger
	// Now is the clock: time.Now, unless a test says otherwise.
	Now func() time.Time
}

// Run looks once at all keys, and returns how many it deleted.
func (h *ForgetSessionKeys) Run(ctx context.Context) (deleted int, err error) {
	byPeer := map[string][]keystore.BoundKey{}
	err = h.Keys.BoundSessionKeys(ctx, h.Identity.NodeID(), func(k keystore.BoundKey) error {
		if !k.CreatedAt.IsZero() {
			byPeer[k.PeerID] = append(byPeer[k.PeerID], k)
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("forget session keys: %w", err)
	}
	for peerID, keys := range byPeer {
		if len(keys) < 2 {
			continue // nothing is newer
		}
		n, err := h.ofPeer(ctx, peerID, keys)
		deleted += n
		if err != nil {
			return deleted, fmt.Errorf("forget session keys: %w", err)
		}
	}
	return deleted, nil
}

func (h *ForgetSessionKeys) ofPeer(ctx context.Context, peerID string, keys []keystore.BoundKey) (deleted int, err error) {
	used, err := h.usedBefore(ctx, peerID, h.Now().Add(-sessionKeyGrace))
	if err != nil {
		return 0, err
	}
	var newest time.Time // of those used long enough ago
	for _, k := range keys {
		if used[hex.EncodeToString(k.ID)] && k.CreatedAt.After(newest) {
			newest = k.CreatedAt
		}
	}
	for _, k := range keys {
		if !k.CreatedAt.Before(newest) {
			continue
		}
		if err := h.Keys.DeleteSessionKey(ctx, h.Identity.NodeID(), k.ID); err != nil {
			return deleted, err
		}
		deleted++
	}
	if deleted > 0 {
		h.Logger.InfoContext(ctx, "session keys forgotten", "private_gateway_id", peerID, "keys", deleted)
	}
	return deleted, nil
}

// usedBefore returns the ids of our keys that the peer had used at an instant, by
// our clock.
func (h *ForgetSessionKeys) usedBefore(ctx context.Context, peerID string, at time.Time) (map[string]bool, error) {
	used := map[string]bool{}
	for from := uint64(1); ; {
		r, err := h.Log.Next(ctx, events.StreamGateway, events.SessionKeyChannel(peerID), from)
		if errors.Is(err, io.EOF) {
			return used, nil
		}
		if err != nil {
			return nil, err
		}
		if !r.Time.Before(at) {
			return used, nil
		}
		if data, ok := r.Data.(events.PeerSessionKeyLearned); ok {
			used[data.OurKeyID] = true
		}
		from = r.Sequence + 1
	}
}
