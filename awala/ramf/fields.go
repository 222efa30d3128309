package ramf

import (
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"awala.network/gateway/awala/internal/ber"
)

// The implicit tags of the five fields and of the recipient's two (RS-001,
// ASN.1 module).
var (
	tagRecipient = asn1.Tag(0).ContextSpecific().Constructed()
	tagID        = asn1.Tag(1).ContextSpecific()
	tagCreatedAt = asn1.Tag(2).ContextSpecific()
	tagTTL       = asn1.Tag(3).ContextSpecific()
	tagPayload   = asn1.Tag(4).ContextSpecific()

	tagRecipientID     = asn1.Tag(0).ContextSpecific()
	tagInternetAddress = asn1.Tag(1).ContextSpecific()
	maxTTLSeconds      = int64(MaxTTL / time.Second)
)

// parseFields decodes the field set into m. The payload shares der's memory.
func parseFields(der []byte, m *Message) error {
	input := cryptobyte.String(der)
	var set, recipient, id, createdAt, payload cryptobyte.String
	var ttl int64
	ok := input.ReadASN1(&set, asn1.SEQUENCE) && input.Empty() &&
		set.ReadASN1(&recipient, tagRecipient) &&
		set.ReadASN1(&id, tagID) &&
		set.ReadASN1(&createdAt, tagCreatedAt) &&
		set.ReadASN1Int64WithTag(&ttl, tagTTL) &&
		set.ReadASN1(&payload, tagPayload) && set.Empty()
	if !ok {
		return malformed("the content is no DER sequence of exactly five fields")
	}
	if ttl < 0 || ttl > maxTTLSeconds {
		return malformed("time to live of %d seconds", ttl)
	}
	var err error
	if m.CreatedAt, err = ParseDate(createdAt); err != nil {
		return malformed("creation date: %w", err)
	}
	if m.Recipient, err = parseRecipient(recipient); err != nil {
		return err
	}
	m.ID, m.TTL, m.Payload = string(id), time.Duration(ttl)*time.Second, payload
	if len(payload) > MaxPayloadLen {
		return malformed("payload of %d octets", len(payload))
	}
	return m.checkNames()
}

// parseRecipient decodes the contents of the recipient field.
func parseRecipient(der cryptobyte.String) (Recipient, error) {
	var id, address cryptobyte.String
	var addressed bool
	ok := der.ReadASN1(&id, tagRecipientID) &&
		der.ReadOptionalASN1(&address, &addressed, tagInternetAddress) && der.Empty()
	if !ok || (addressed && len(address) == 0) {
		return Recipient{}, malformed("the recipient is no id with an optional Internet address")
	}
	return Recipient{ID: string(id), InternetAddress: string(address)}, nil
}

// checkNames applies the rules for names that hold on reading and on writing.
func (m *Message) checkNames() error {
	switch {
	case !ValidRecipientID(m.Recipient.ID):
		return malformed("recipient id is not 0 and hexadecimal digits")
	case m.Recipient.InternetAddress != "" && !ValidInternetAddress(m.Recipient.InternetAddress):
		return malformed("recipient Internet address is no domain name")
	case !ValidMessageID(m.ID):
		return malformed("message id of %d characters is not 1 to %d visible ones", len(m.ID), MaxIDLen)
	}
	return nil
}

// marshalFields encodes the field set as DER. It copies the payload once.
func (m *Message) marshalFields() ([]byte, error) {
	if err := m.checkWritable(); err != nil {
		return nil, err
	}
	createdAt, err := FormatDate(m.CreatedAt)
	if err != nil {
		return nil, malformed("creation date: %w", err)
	}
	var head cryptobyte.Builder
	head.AddASN1(tagRecipient, func(b *cryptobyte.Builder) {
		addString(b, tagRecipientID, m.Recipient.ID)
		if m.Recipient.InternetAddress != "" {
			addString(b, tagInternetAddress, m.Recipient.InternetAddress)
		}
	})
	addString(&head, tagID, m.ID)
	addString(&head, tagCreatedAt, string(createdAt))
	head.AddASN1Int64WithTag(int64(m.TTL/time.Second), tagTTL)
	fields, err := head.Bytes()
	if err != nil {
		return nil, malformed("%w", err)
	}
	// The payload can be large and cryptobyte would move it once per level of
	// nesting, so the last field and the outer header are written by hand.
	fields = ber.AppendHeader(fields, ber.Tag(tagPayload), len(m.Payload))
	length := len(fields) + len(m.Payload)
	set := ber.AppendHeader(make([]byte, 0, ber.ElementLen(length)), ber.Sequence, length)
	return append(append(set, fields...), m.Payload...), nil
}

// checkWritable applies the rules for what we write ourselves.
func (m *Message) checkWritable() error {
	switch {
	case m.TTL < 0 || m.TTL > MaxTTL || m.TTL%time.Second != 0:
		return malformed("time to live of %s", m.TTL)
	case len(m.Payload) > MaxWrittenPayloadLen:
		return malformed("payload of %d octets", len(m.Payload))
	}
	return m.checkNames()
}

func addString(b *cryptobyte.Builder, tag asn1.Tag, s string) {
	b.AddASN1(tag, func(b *cryptobyte.Builder) { b.AddBytes([]byte(s)) })
}
