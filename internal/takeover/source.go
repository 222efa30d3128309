package takeover

import (
	"context"
	"errors"
	"iter"
	"time"

	"awala.network/gateway/internal/keystore"
)

// Source is the other gateway's deployment.
type Source struct {
	Records Records
	Keys    keystore.Secrets
	Objects Objects
	Queues  Queues
}

// Document is a document of the other gateway's database.
type Document[T any] struct {
	// Name tells it from the others of its kind.
	Name string
	Data T
	// Err says why it cannot be read; Data is then worth nothing.
	Err error
}

// Records is the other gateway's database. An error that is yielded ends the
// iteration; it is transient unless it is marked.
type Records interface {
	// CurrentID returns the id of the node that the other gateway is, "" for none.
	CurrentID(ctx context.Context) (string, error)
	Certificates(ctx context.Context) iter.Seq2[Document[Certificate], error]
	SessionKeys(ctx context.Context) iter.Seq2[Document[PeerSessionKey], error]
	IdentityKeys(ctx context.Context) iter.Seq2[Document[PeerIdentityKey], error]
	Collections(ctx context.Context) iter.Seq2[Document[ParcelCollection], error]
	Fulfilments(ctx context.Context) iter.Seq2[Document[Fulfilment], error]
}

// Certificate is a certification path that the other gateway keeps.
type Certificate struct {
	SubjectID, IssuerID string
	// Path is the serialised CertificationPath (RS-002).
	Path []byte
}

// PeerSessionKey is the newest session key that a private gateway told.
type PeerSessionKey struct {
	PeerID string
	KeyID  []byte
	// Key is a DER SubjectPublicKeyInfo.
	Key       []byte
	CreatedAt time.Time
}

// PeerIdentityKey is the identity key of a private gateway.
type PeerIdentityKey struct {
	PeerID string
	Key    []byte
}

// ParcelCollection says that an Internet-bound parcel was accepted.
type ParcelCollection struct {
	PrivateGatewayID, SenderID, RecipientID, ParcelID string
	ExpiresAt                                         time.Time
}

// Fulfilment says that a cargo collection authorisation was answered.
type Fulfilment struct {
	PrivateGatewayID, AuthorizationID string
	ExpiresAt                         time.Time
}

// Object is an object of the other gateway's bucket.
type Object struct {
	Key string
	// Tag changes when the content does.
	Tag string
}

// ErrGone says that an object is not there any more.
var ErrGone = errors.New("the object is gone")

// MaxObjectLen is the greatest length of an object that is read.
const MaxObjectLen = 16 << 20

// ErrTooLong says that an object is longer than [MaxObjectLen].
var ErrTooLong = errors.New("the object is longer than any parcel")

// Objects is the other gateway's bucket.
type Objects interface {
	// List yields the objects whose keys begin with prefix.
	List(ctx context.Context, prefix string) iter.Seq2[Object, error]
	// Get returns an object, ErrGone or ErrTooLong. dated tells whether it has the
	// metadata that say when it expires.
	Get(ctx context.Context, key string) (body []byte, dated bool, err error)
}

// Message is a message of a channel.
type Message struct {
	Sequence uint64
	Data     []byte
}

// Group is a durable queue group of a channel, and how far it is.
type Group struct {
	// First and Last are the sequences of the channel's first and last message; 0 if
	// there is none.
	First, Last uint64
	// Sent is the last message that the group was sent. Of those up to it, Pending are
	// not acknowledged.
	Sent    uint64
	Pending int
	// Members counts those in the group at the moment, ourselves apart.
	Members int
}

// Queues is the other gateway's NATS Streaming.
type Queues interface {
	// Serving returns a name of the server that serves clients now, which is another
	// after each start and failover, and directs what follows to it. What any other
	// server says of channels is old or nothing.
	Serving(ctx context.Context) (string, error)
	// Group returns a channel and one of its durable queue groups. Of a channel or
	// group that does not exist everything is zero.
	Group(ctx context.Context, channel, queue, durable string) (Group, error)
	// Read yields the messages of a channel from one sequence to another, in order,
	// until yield's error. It changes nothing.
	Read(ctx context.Context, channel string, from, to uint64, yield func(Message) error) error
	// Pending returns the messages of a group without members that it was sent and
	// has not acknowledged. They stay so.
	Pending(ctx context.Context, channel, queue, durable string, g Group) ([]Message, error)
	// Clients returns the ids of all clients that the server believes to be connected,
	// ours apart.
	Clients(ctx context.Context) ([]string, error)
}

// Names of channels and durable queue groups.
const (
	cargoChannel   = "crc-cargo"
	parcelsChannel = "internet-parcels"
	worker         = "worker" // queue and durable name of both
	peerChannels   = "pdc-parcel."
	peerQueue      = "active-parcels" // the durable name is the private gateway's id
)
