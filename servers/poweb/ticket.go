package poweb

import (
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"awala.network/gateway/awala/registration"
	"awala.network/gateway/events"
)

// Registration limits (RS-000 §Private Node Registration, RS-016).
const (
	// authorizationLife is how long an authorisation may be used.
	authorizationLife = 10 * time.Second
	// clockSkew is how far the clocks of replicas may be apart: an authorisation
	// made by one must not be stale for another. It must be well below the window
	// in which the history recognises a second use.
	clockSkew = 5 * time.Second
	// maxDigestBody leaves room for a wrong body to be told from an abusive one.
	maxDigestBody = 1 << 10
	// maxRequestBody is what RS-016 suggests.
	maxRequestBody = 1 << 20
)

const nonceLen = 16

// ticket is what an authorisation says to ourselves: which key may register, and
// a nonce that makes the authorisation one of a kind.
type ticket struct {
	digest registration.KeyDigest
	nonce  [nonceLen]byte
}

func (t ticket) marshal() []byte { return slices.Concat(t.digest[:], t.nonce[:]) }

func parseTicket(gatewayData []byte) (ticket, error) {
	var t ticket
	if len(gatewayData) != len(t.digest)+len(t.nonce) {
		return t, fmt.Errorf("gateway data of %d octets", len(gatewayData))
	}
	copy(t.digest[:], gatewayData)
	copy(t.nonce[:], gatewayData[len(t.digest):])
	return t, nil
}

// eventID is the id of the registration that the ticket is good for. A second
// registration with it would have the same id, and the history takes an id once.
func (t ticket) eventID() string {
	return events.DeriveID("poweb registration", hex.EncodeToString(t.nonce[:]))
}
