// Package ramf reads and writes RAMF messages, the signed envelopes in which
// Awala nodes exchange parcels, cargoes and cargo collection authorisations
// (RS-001).
//
// Reading is strict where real clients are regular: exactly five fields, a
// creation date of exactly 14 digits, no trailing octets. Only the CMS shell
// around the fields is read as BER, because both client libraries write it so.
// Writing is DER throughout.
//
// Guarantees: a [Message] returned by [Parse] carries a signature that verified
// with the key of its Sender certificate, and [Message.Authorize] starts the
// certification path at that very certificate, whatever else is attached. The
// payload is not copied by this package.
package ramf

import (
	"time"

	"awala.network/gateway/awala/pki"
)

// Type is the octet of a format signature that tells the kinds of messages
// apart (RS-000, "Message Format Signature").
type Type byte

// The types of messages that are enveloped in RAMF.
const (
	TypeParcel Type = 0x50
	TypeCargo  Type = 0x43
	// TypeCCA is a Cargo Collection Authorisation.
	TypeCCA Type = 0x44
)

// String names the type for logs and errors.
func (t Type) String() string {
	switch t {
	case TypeParcel:
		return "parcel"
	case TypeCargo:
		return "cargo"
	case TypeCCA:
		return "cargo collection authorisation"
	default:
		return "unknown message type"
	}
}

// Limits of what is read and written, in octets unless they say otherwise.
// Those on reading are the widest that a deployed client or server has; those
// on writing are the tightest, so that every peer can read what we write.
const (
	// MaxMessageLen bounds a message on reading (9 MiB, both client libraries).
	MaxMessageLen = 9 << 20
	// MaxWrittenMessageLen bounds a message on writing (RS-001).
	MaxWrittenMessageLen = 8_396_800
	// MaxPayloadLen bounds the payload on reading (RS-001).
	MaxPayloadLen = 8 << 20
	// MaxWrittenPayloadLen bounds the payload on writing: the JavaScript library
	// refuses one more octet.
	MaxWrittenPayloadLen = MaxPayloadLen - 1
	// MaxPlaintextLen bounds a payload before encryption (RS-001).
	MaxPlaintextLen = 8_322_048
	// MaxIDLen bounds a message id, in characters.
	MaxIDLen = 64
	// MaxTTL bounds the time to live (180 days).
	MaxTTL = 15_552_000 * time.Second
)

// Recipient says for whom a message is meant.
type Recipient struct {
	// ID is the node id of the recipient.
	ID string
	// InternetAddress is the domain name of the Internet node, "" for none. It
	// is set when the message is bound for an Internet node.
	InternetAddress string
}

// Message is one RAMF message. It is not changed by any method, so it is safe
// for concurrent use as long as its fields are left alone.
type Message struct {
	// Type is not covered by the signature: who carries a message can change it.
	Type      Type
	Recipient Recipient
	// ID identifies the message among those of the same sender and recipient: 1
	// to 64 visible ASCII characters.
	ID string
	// CreatedAt is in UTC, whole seconds.
	CreatedAt time.Time
	// TTL is the time to live from CreatedAt on: whole seconds, 0 to MaxTTL.
	TTL time.Duration
	// Payload is normally a CMS EnvelopedData value. After Parse it may share
	// memory with the octets that were parsed.
	Payload []byte
	// Sender is the certificate whose key signed the message.
	Sender *pki.Certificate
	// Attached holds the other certificates in the message, in its order,
	// without Sender.
	Attached []*pki.Certificate
}

// ExpiresAt is the last instant at which the message is valid.
func (m *Message) ExpiresAt() time.Time { return m.CreatedAt.Add(m.TTL) }

// SenderID is the node id of the sender: that of the key that signed.
func (m *Message) SenderID() string { return m.Sender.SubjectID() }
