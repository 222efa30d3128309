package handlers

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"awala.network/gateway/awala/channel"
	"awala.network/gateway/awala/pki"
	"awala.network/gateway/awala/ramf"
	"awala.network/gateway/events"
	"awala.network/gateway/internal/keystore"
)

// SessionKeyStore holds our private session keys (see [keystore.Keys]).
type SessionKeyStore interface {
	// SessionKey returns the key if it may be used for messages of the peer;
	// keystore.ErrNotFound says that it is certain that there is none.
	SessionKey(ctx context.Context, nodeID string, keyID []byte, peerID string) (pki.SessionKey, error)
	// SaveSessionKey stores a key bound to the peer. When it returns nil the key is
	// durable.
	SaveSessionKey(ctx context.Context, nodeID, peerID string, key pki.SessionKey) error
}

// ConditionalLog is the history for facts of which the last one on a subject
// counts.
type ConditionalLog interface {
	// Last returns the last record on the subject, which may have wildcards, or
	// io.EOF when there is none.
	Last(ctx context.Context, stream, subject string) (events.Record, error)
	// AppendAfter records an event durably if the last record on its subject is
	// still the one at the sequence last, 0 for none; else events.ErrConflict.
	AppendAfter(ctx context.Context, e events.Event, last uint64) (events.Position, error)
}

// Sessions opens and seals the payloads that private gateways and we exchange
// (RS-003). Our private keys rest in the key store. The newest key of each peer is
// the last PeerSessionKeyLearned on a subject of its own.
//
// Both methods may be run twice: a peer's key is recorded once, and only if it is
// of a later date than the one before it; a session key of ours that nobody was
// told of does no harm.
type Sessions struct {
	Keys SessionKeyStore
	Log  ConditionalLog
	// Now is the clock: time.Now, unless a test says otherwise.
	Now func() time.Time
}

// Open decrypts a message's payload and learns the sender's session key. The
// message must have been authorised. cause is the event that it came with, or nil.
// channel.IsFinal tells whether the error is the message's; other errors are
// transient, unless they are marked. ourKeyID identifies the session key of ours that
// the message is encrypted to, in lowercase hexadecimal.
func (s *Sessions) Open(ctx context.Context, m *ramf.Message, cause *events.Event) (plaintext []byte, ourKeyID string, err error) {
	ports := &sessionPorts{Sessions: s, cause: cause}
	plaintext, err = channel.Open(ctx, m, ports, ports)
	return plaintext, hex.EncodeToString(ports.ourKey), err
}

// Seal encrypts plaintext for a peer with the newest key that we know of it. The
// session key for its answer, which ourKeyID identifies, is durable on return.
func (s *Sessions) Seal(ctx context.Context, plaintext []byte, nodeID, peerID string) (payload []byte, ourKeyID string, err error) {
	ports := &sessionPorts{Sessions: s}
	payload, err = channel.Seal(ctx, plaintext, nodeID, peerID, ports, ports)
	return payload, hex.EncodeToString(ports.ourKey), err
}

// Learn records a session key of a peer that came in no message of ours, unless one
// of the same or a later date is known.
func (s *Sessions) Learn(ctx context.Context, nodeID, peerID string, key channel.PeerKey) error {
	return (&sessionPorts{Sessions: s}).SavePeerKey(ctx, nodeID, peerID, key)
}

// Known returns the newest session key that is known of a peer, or
// [channel.ErrKeyNotFound].
func (s *Sessions) Known(ctx context.Context, nodeID, peerID string) (channel.PeerKey, error) {
	return (&sessionPorts{Sessions: s}).PeerKey(ctx, nodeID, peerID)
}

// sessionPorts are the ports of package channel for one message.
type sessionPorts struct {
	*Sessions
	cause   *events.Event
	ourKey  []byte // the id of the key of ours that the message is about
	current uint64 // the sequence of the peer's recorded key, once asked for
}

// SessionKey implements [channel.Keys].
func (p *sessionPorts) SessionKey(ctx context.Context, nodeID string, keyID []byte, peerID string) (pki.SessionKey, error) {
	p.ourKey = keyID
	key, err := p.Keys.SessionKey(ctx, nodeID, keyID, peerID)
	if errors.Is(err, keystore.ErrNotFound) {
		return pki.SessionKey{}, fmt.Errorf("%w: %w", channel.ErrKeyNotFound, err)
	}
	return key, err
}

// SaveSessionKey implements [channel.Keys].
func (p *sessionPorts) SaveSessionKey(ctx context.Context, nodeID, peerID string, key pki.SessionKey) error {
	p.ourKey = key.ID
	return p.Keys.SaveSessionKey(ctx, nodeID, peerID, key)
}

// PeerKey implements [channel.PeerKeys]. There is one node of ours, so what its
// peers told it needs no node id.
func (p *sessionPorts) PeerKey(ctx context.Context, _, peerID string) (channel.PeerKey, error) {
	record, err := p.Log.Last(ctx, events.StreamGateway, events.SessionKeyChannel(peerID))
	if errors.Is(err, io.EOF) {
		p.current = 0
		return channel.PeerKey{}, channel.ErrKeyNotFound
	}
	if err != nil {
		return channel.PeerKey{}, fmt.Errorf("find the peer's session key: %w", err)
	}
	p.current = record.Sequence
	data, ok := record.Data.(events.PeerSessionKeyLearned)
	if !ok {
		return channel.PeerKey{}, unreadableKey(record.Sequence, nil)
	}
	id, err := hex.DecodeString(data.KeyID)
	if err != nil {
		return channel.PeerKey{}, unreadableKey(record.Sequence, err)
	}
	key, err := pki.ParseSessionPublicKey(id, data.PublicKey)
	if err != nil {
		return channel.PeerKey{}, unreadableKey(record.Sequence, err)
	}
	return channel.PeerKey{SessionPublicKey: key, CreatedAt: data.MessageCreatedAt}, nil
}

// unreadableKey says that the record of a key is of no use. That is as if there were
// none: the peer's next message brings another, and must not be kept out by this one.
func unreadableKey(sequence uint64, cause error) error {
	if cause == nil {
		return fmt.Errorf("%w: sequence %d holds none", channel.ErrKeyNotFound, sequence)
	}
	return fmt.Errorf("%w: sequence %d: %w", channel.ErrKeyNotFound, sequence, cause)
}

// maxSaves bounds how often a key is offered while others of the same peer come
// first.
const maxSaves = 10

// SavePeerKey implements [channel.PeerKeys].
func (p *sessionPorts) SavePeerKey(ctx context.Context, nodeID, peerID string, key channel.PeerKey) error {
	e, err := p.learned(peerID, key)
	if err != nil {
		return err
	}
	for range maxSaves {
		stored, err := p.PeerKey(ctx, nodeID, peerID)
		if err != nil && !errors.Is(err, channel.ErrKeyNotFound) {
			return err
		}
		if err == nil && !key.Supersedes(stored) {
			return nil
		}
		_, err = p.Log.AppendAfter(ctx, e, p.current)
		if err == nil {
			return nil
		}
		if !errors.Is(err, events.ErrConflict) {
			return fmt.Errorf("record the peer's session key: %w", err)
		}
	}
	return fmt.Errorf("record the peer's session key: %w", events.ErrConflict)
}

// learned returns the event that records the key, under an id of its own: the
// event of another message is another one, though the key be the same.
func (p *sessionPorts) learned(peerID string, key channel.PeerKey) (events.Event, error) {
	spki, err := key.Marshal()
	if err != nil {
		return events.Event{}, fmt.Errorf("record the peer's session key: %w", err)
	}
	data := events.PeerSessionKeyLearned{
		PrivateGatewayID: peerID,
		KeyID:            hex.EncodeToString(key.ID),
		PublicKey:        spki,
		MessageCreatedAt: key.CreatedAt,
		OurKeyID:         hex.EncodeToString(p.ourKey),
	}
	id := events.DeriveID(string(data.EventType()), peerID, data.KeyID, data.OurKeyID, key.CreatedAt.UTC().Format(time.RFC3339))
	e := events.New(id, string(events.ViaCargo), p.Now(), data)
	if p.cause != nil {
		e.CausationID, e.CorrelationID, e.TraceParent = p.cause.ID, p.cause.CorrelationID, p.cause.TraceParent
	}
	return e, nil
}
