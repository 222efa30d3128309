package ramf

import (
	"crypto"
	"fmt"

	"awala.network/gateway/awala/cms"
)

// Sign serialises the message and signs it with key, whose public half must be
// in the Sender certificate. Sender and Attached are enclosed, in this order.
//
// CreatedAt is rounded down to the second. An error that wraps ErrMalformed
// says that a field breaks its rules or that the result would be longer than
// [MaxWrittenMessageLen]; any other error comes from the key.
func (m *Message) Sign(key crypto.Signer) ([]byte, error) {
	switch m.Type {
	case TypeParcel, TypeCargo, TypeCCA:
	default:
		return nil, malformed("message type %#02x is not enveloped in RAMF", byte(m.Type))
	}
	if m.Sender == nil {
		return nil, malformed("no sender certificate")
	}
	fields, err := m.marshalFields()
	if err != nil {
		return nil, err
	}
	signed, err := cms.Sign(fields, key, m.Sender, m.Attached...)
	if err != nil {
		return nil, fmt.Errorf("ramf: sign %s: %w", m.Type, err)
	}
	if formatSignatureLen+len(signed) > MaxWrittenMessageLen {
		return nil, malformed("message of %d octets", formatSignatureLen+len(signed))
	}
	raw := make([]byte, 0, formatSignatureLen+len(signed))
	return append(appendFormatSignature(raw, m.Type), signed...), nil
}
