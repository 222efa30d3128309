package poweb

import (
	"context"
	"crypto"
	"crypto/rsa"

	"awala.network/gateway/awala/pki"
	"awala.network/gateway/events"
	"awala.network/gateway/handlers"
	"awala.network/gateway/internal/blobs"
	"awala.network/gateway/projections"
)

// Identity is what the server needs of the gateway's own identity. None of it
// but InitialSessionKey may cost a request to a backing service.
type Identity interface {
	// NodeID is the gateway's id.
	NodeID() string
	// InternetAddress is the name by which the gateway is known.
	InternetAddress() string
	// Key is the identity key.
	Key() crypto.Signer
	// Certificate is the own certificate to hand out.
	Certificate() *pki.Certificate
	// Validator trusts the own certificates.
	Validator() *pki.Validator
	// IssueFor issues the certificate of a private gateway.
	IssueFor(privateGateway *rsa.PublicKey) (*pki.Certificate, error)
	// InitialSessionKey is the unbound session key.
	InitialSessionKey(ctx context.Context) (pki.SessionKey, error)
}

// SessionKeys keeps the private session keys that registrations make.
type SessionKeys interface {
	// SaveSessionKey stores a key bound to the peer. When it returns nil the key
	// is durable.
	SaveSessionKey(ctx context.Context, nodeID, peerID string, key pki.SessionKey) error
	// DeleteSessionKey forgets a key.
	DeleteSessionKey(ctx context.Context, nodeID string, keyID []byte) error
}

// Log is where registrations are recorded.
type Log interface {
	// Append records an event durably. An event that has the id of one recorded
	// within the last minutes is not recorded, and the position says so.
	Append(ctx context.Context, e events.Event) (events.Position, error)
}

// Blobs holds the parcels.
type Blobs interface {
	// Get returns a stored parcel; blobs.ErrNotFound says that there is none.
	Get(ctx context.Context, key string) ([]byte, blobs.Meta, error)
}

// Mailboxes tells what is queued for private gateways.
type Mailboxes interface {
	// Open returns the feed of one private gateway's parcels, the oldest first:
	// those queued by now and, if follow is set, those that come. No parcel
	// accepted at any moment of opening may be missing. An idle feed must be
	// cheap: there are thousands.
	Open(ctx context.Context, privateGatewayID string, follow bool) (Feed, error)
}

// Feed yields one private gateway's parcels, each accepted version once. One
// goroutine reads it.
type Feed interface {
	// Next waits for the next parcel. io.EOF says that there are no more, in a
	// feed that does not follow. After any other error, which is transient or
	// ctx's, it may be called again and has lost nothing.
	Next(ctx context.Context) (projections.Item, error)
	// Close frees what the feed holds.
	Close()
}

// Acceptor takes parcels in (see [handlers.AcceptParcel]).
type Acceptor interface {
	// FromPrivateGateway validates and stores a parcel that one of our private
	// gateways hands in. When it returns nil the parcel is durable, or was
	// before.
	FromPrivateGateway(
		ctx context.Context, parcel []byte, privateGatewayID string, via events.Ingress, cause *events.Event,
	) (handlers.Accepted, error)
}

// Collector ends the life of parcels (see [handlers.CollectParcel]).
type Collector interface {
	// Acknowledged records that the private gateway acknowledged the parcel. When
	// it returns nil that is durable. It may be called again for the same parcel.
	Acknowledged(ctx context.Context, parcel projections.Item, via events.Ingress) error
}

// Reporter hears of parcels that were passed over because they cannot be
// delivered, now or ever; that one has ended meanwhile is for it to find out. It must
// not block.
type Reporter interface {
	// Undeliverable reports one parcel and why.
	Undeliverable(ctx context.Context, parcel projections.Item, reason error)
}
