package registration

import (
	"fmt"

	"golang.org/x/crypto/cryptobyte"

	"awala.network/gateway/awala/pki"
)

// readSessionKey reads the fields of a session key: its id, its DER
// SubjectPublicKeyInfo.
func readSessionKey(fields cryptobyte.String) (pki.SessionPublicKey, error) {
	var id, spki cryptobyte.String
	ok := fields.ReadASN1(&id, field(0)) && fields.ReadASN1(&spki, field(1)) && fields.Empty()
	if !ok || len(id) == 0 {
		return pki.SessionPublicKey{}, fmt.Errorf("%w: no session key", ErrMalformed)
	}
	key, err := pki.ParseSessionPublicKey(id, spki)
	if err != nil {
		return pki.SessionPublicKey{}, fmt.Errorf("%w: session key: %w", ErrMalformed, err)
	}
	return key, nil
}

// addSessionKey writes a session key as the nth field of a message.
func addSessionKey(b *cryptobyte.Builder, n uint8, key pki.SessionPublicKey) {
	b.AddASN1(field(n).Constructed(), func(b *cryptobyte.Builder) {
		spki, err := key.Marshal()
		switch {
		case err != nil:
			b.SetError(fmt.Errorf("%w: session key: %w", ErrMalformed, err))
		case len(key.ID) == 0:
			b.SetError(fmt.Errorf("%w: session key without id", ErrMalformed))
		}
		addField(b, 0, key.ID)
		addField(b, 1, spki)
	})
}
