package ramf

import (
	"errors"
	"fmt"

	"awala.network/gateway/awala/cms"
)

// Parse reads a message and verifies its signature. It checks neither the dates
// nor whether the sender may write to the recipient: see [Message.CheckTiming]
// and [Message.Authorize].
//
// The error wraps ErrMalformed or ErrSignature. The message may share memory
// with raw, which must not be changed afterwards.
func Parse(raw []byte) (*Message, error) {
	if len(raw) > MaxMessageLen {
		return nil, malformed("message of %d octets", len(raw))
	}
	kind, body, err := parseFormatSignature(raw)
	if err != nil {
		return nil, err
	}
	signed, err := verifySigned(body)
	if err != nil {
		return nil, err
	}
	m := &Message{Type: kind, Sender: signed.Signer, Attached: signed.Others}
	if err := parseFields(signed.Content, m); err != nil {
		return nil, err
	}
	return m, nil
}

// verifySigned opens the CMS shell and gives its errors this package's kinds.
func verifySigned(body []byte) (*cms.Signature, error) {
	data, err := cms.ParseSigned(body)
	if err != nil {
		return nil, cmsError(err)
	}
	signed, err := data.Verify()
	if err != nil {
		return nil, cmsError(err)
	}
	return signed, nil
}

func cmsError(err error) error {
	if errors.Is(err, cms.ErrMalformed) {
		return malformed("%w", err)
	}
	return fmt.Errorf("%w: %w", ErrSignature, err)
}
