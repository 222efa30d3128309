package identity

import (
	"context"

	"awala.network/gateway/awala/pki"
)

// Recorded is what the history says of an identity.
type Recorded struct {
	// NodeID and InternetAddress are "" if there is no identity yet.
	NodeID, InternetAddress string
	// Newest is the own certificate that expires last; nil if there is none.
	Newest *pki.Certificate
}

// Inspect reads the identity from the history. It makes nothing, and needs no key.
func Inspect(ctx context.Context, log Log) (Recorded, error) {
	s, err := state{}.catchUp(ctx, log)
	if err != nil {
		return Recorded{}, err
	}
	r := Recorded{NodeID: s.nodeID, InternetAddress: s.address}
	if len(s.certificates) > 0 {
		r.Newest = s.certificates[0]
	}
	return r, nil
}
