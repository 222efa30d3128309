package events

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// Names keeps the names of private gateways, so that the history need not hold
// them: a private gateway stands in it under a pseudonym, and what tells something
// of it is encrypted with a key of its own. Who destroys the key makes all of it
// unreadable for ever, without changing an octet of the history.
//
// Its methods may be called concurrently, and answer from memory as a rule.
type Names interface {
	// Name returns the name under which a private gateway is recorded, which the
	// first call for it makes. Errors are transient.
	Name(ctx context.Context, gatewayID string) (Name, error)
	// Named returns the name with this pseudonym. The error is an
	// [*UnknownNameError] if nobody ever made it, or it was lost; others are
	// transient. That it was forgotten on purpose is no error: see [Name].
	Named(ctx context.Context, pseudonym string) (Name, error)
}

// Name is a private gateway's pseudonym and the key to what the history says of it.
type Name struct {
	// Pseudonym begins with [PseudonymPrefix].
	Pseudonym string
	// GatewayID is whom it stands for; "" if that was forgotten. Then Cipher is nil.
	GatewayID string
	// Cipher is deterministic authenticated encryption (RFC 5297): what is equal in
	// clear is equal sealed, so that events still fit together when the key is gone.
	Cipher Cipher
}

// Cipher is Tink's DeterministicAEAD.
type Cipher interface {
	EncryptDeterministically(plaintext, associatedData []byte) ([]byte, error)
	DecryptDeterministically(ciphertext, associatedData []byte) ([]byte, error)
}

// PseudonymPrefix begins every pseudonym. No node id begins like this.
const PseudonymPrefix = "p-"

// IsPseudonym tells whether what stands for a private gateway's id is a pseudonym:
// in an event that was read, that of one that was forgotten.
func IsPseudonym(id string) bool { return strings.HasPrefix(id, PseudonymPrefix) }

// UnknownNameError says that the key store has nothing of a pseudonym: neither its
// key nor that it was forgotten. A key store that was restored from an old backup
// lacks those made since.
type UnknownNameError struct{ Pseudonym string }

// Error returns the text of the error.
func (e *UnknownNameError) Error() string {
	return fmt.Sprintf("events: the key store does not know %s: was it restored from an old backup?", e.Pseudonym)
}

// sealedPrefix begins sealed text, so that people can tell it from what is meant to
// be read.
const sealedPrefix = "~"

// sealedUse is the associated data of everything that is sealed. It is the same
// everywhere, so that an id is sealed to the same in all events.
var sealedUse = []byte("awala gateway event")

// Sealed returns the text as it stands in every event of the private gateway in which
// it is sealed. Cipher must not be nil.
func (n Name) Sealed(clear string) (string, error) {
	sealed, err := n.Cipher.EncryptDeterministically([]byte(clear), sealedUse)
	return sealedPrefix + base64.RawURLEncoding.EncodeToString(sealed), err
}

var errNotSealed = errors.New("it is not sealed")

func (n Name) open(sealed string) (string, error) {
	encoded, ok := strings.CutPrefix(sealed, sealedPrefix)
	if !ok {
		return "", errNotSealed
	}
	octets, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		return "", errNotSealed
	}
	clear, err := n.Cipher.DecryptDeterministically(octets, sealedUse)
	return string(clear), err
}

// Seal returns the data as they are recorded: private gateways under their
// pseudonyms, what tells something of them encrypted. What is about one that was
// forgotten is sealed already and stays as it is. Errors are a [*MalformedError] for a
// channel that is no plain subject, so that no such thing gets a name, and those of names.
func Seal(ctx context.Context, names Names, data Data) (Data, error) {
	if channel := data.Channel(); !plainSubject(channel) {
		return nil, malformed("channel", fmt.Sprintf("%q is not a plain subject", channel))
	}
	v := veil{ctx: ctx, names: names, sealing: true}
	return v.lift(data)
}

// Open is the inverse of [Seal], and leaves as it is what was forgotten. The error is
// an [*UnknownNameError], a [*MalformedError], or one of names that is transient.
func Open(ctx context.Context, names Names, data Data) (Data, error) {
	v := veil{ctx: ctx, names: names}
	return v.lift(data)
}

// Open returns the record with its data opened, on the subject of those who do not
// know of pseudonyms. What cannot be opened, now or ever, becomes [Unreadable]. The
// error is transient.
func (r Record) Open(ctx context.Context, names Names) (Record, error) {
	return r.open(&veil{ctx: ctx, names: names})
}

func (r Record) open(v *veil) (Record, error) {
	if _, bad := r.Data.(Unreadable); bad {
		return r, nil
	}
	data, err := v.lift(r.Data)
	var unknown *UnknownNameError
	var malformed *MalformedError
	switch {
	case errors.As(err, &unknown) || errors.As(err, &malformed):
		r.Data = Unreadable{Err: err}
	case err != nil:
		return r, fmt.Errorf("events: open %s %d: %w", r.Stream, r.Sequence, err)
	default:
		r.Data, r.Subject = data, data.Channel()
	}
	return r, nil
}

// Reveal returns what is sealed in a message, by its sealed form, for those who show
// messages as they stand in a stream (see [Message.Names]). It is empty where nothing
// can be opened, and errors are transient.
func (m Message) Reveal(ctx context.Context, names Names) (map[string]string, error) {
	m.Names = nil
	sealed := m.Record()
	v := &veil{ctx: ctx, names: names, opened: map[string]string{}}
	opened, err := sealed.open(v)
	if err != nil {
		return nil, err
	}
	if _, bad := opened.Data.(Unreadable); bad {
		return nil, nil
	}
	if was, is := sealed.Data.AggregateID(), opened.Data.AggregateID(); was != is {
		v.opened[was] = is
	}
	return v.opened, nil
}

// revealed is the record with what is known in clear in its place.
func (r Record) revealed(known map[string]string) Record {
	v := &veil{known: known}
	opened, err := r.open(v)
	if err != nil {
		return r
	}
	return opened
}

// named are the subjects that hold a private gateway's id: what stands before it.
var named = []string{"pdc-parcel.", peerPrefix, sessionKeyPrefix, collectionPrefix, acknowledgementsPrefix, knownPrefix}

// cutSubject cuts a subject around the private gateway's id in it.
func cutSubject(subject string) (before, id, after string, ok bool) {
	for _, prefix := range named {
		if rest, found := strings.CutPrefix(subject, prefix); found {
			id, after, _ = strings.Cut(rest, ".")
			return prefix, id, after, id != "*" && id != ">" && !IsPseudonym(id)
		}
	}
	return subject, "", "", false
}

// SealSubject returns the subject on which what belongs on this one is recorded: with
// a pseudonym in place of a private gateway's id, if there is one in it.
func SealSubject(ctx context.Context, names Names, subject string) (string, error) {
	before, id, after, ok := cutSubject(subject)
	if !ok {
		return subject, nil
	}
	name, err := names.Name(ctx, id)
	if err != nil {
		return "", err
	}
	if before == collectionPrefix || before == knownPrefix {
		if after, err = name.sealToken(after); err != nil {
			return "", err
		}
	}
	sealed := before + name.Pseudonym
	if after != "" {
		sealed += "." + after
	}
	return sealed, nil
}

// sealToken seals what subjectToken wrote.
func (n Name) sealToken(token string) (string, error) {
	clear, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return token, nil // a wildcard
	}
	sealed, err := n.Sealed(string(clear))
	return subjectToken(sealed), err
}

// subjectToken writes any text as one token of a subject.
func subjectToken(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
