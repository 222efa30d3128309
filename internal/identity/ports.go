package identity

import (
	"context"
	"crypto/rsa"
	"log/slog"
	"time"

	"awala.network/gateway/awala/pki"
	"awala.network/gateway/events"
)

// Keys is what this package needs of the key store (see internal/keystore).
//
// What is saved is durable on return; after an error it is saved or not, and may be saved
// again. keystore.ErrNotFound says that there is no such key, other errors are transient
// unless they are marked.
type Keys interface {
	IdentityKey(ctx context.Context, nodeID string) (*rsa.PrivateKey, error)
	SaveIdentityKey(ctx context.Context, key *rsa.PrivateKey) (nodeID string, err error)
	InitialSessionKey(ctx context.Context, nodeID string) (pki.SessionKey, error)
	SaveSessionKey(ctx context.Context, nodeID, peerID string, key pki.SessionKey) error
}

// Log is what this package needs of the event history.
type Log interface {
	// Append records an event durably.
	Append(ctx context.Context, e events.Event) (events.Position, error)
	// Next returns the first record on the subject whose sequence is at least
	// from, or io.EOF when there is none yet.
	Next(ctx context.Context, stream, subject string, from uint64) (events.Record, error)
}

// Deps are the services that an identity rests on.
type Deps struct {
	Keys Keys
	Log  Log
	// Logger is slog.Default if nil.
	Logger *slog.Logger
	// Now is time.Now if nil.
	Now func() time.Time
}

func (d Deps) withDefaults() Deps {
	if d.Logger == nil {
		d.Logger = slog.Default()
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	return d
}
