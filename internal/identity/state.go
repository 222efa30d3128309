package identity

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"awala.network/gateway/awala/pki"
	"awala.network/gateway/events"
	"awala.network/gateway/internal/fault"
)

// state is the fold of the events on gateway.identity. It is not changed once
// it is shared.
type state struct {
	next         uint64 // the first sequence that is not folded in
	nodeID       string // "" before the first IdentityCreated
	address      string
	certificates []*pki.Certificate // the latest expiry first
}

// fold returns the state after one more event.
func (s state) fold(r events.Record) (state, error) {
	s.next = r.Sequence + 1
	switch data := r.Data.(type) {
	case events.IdentityCreated:
		if s.nodeID == "" {
			s.nodeID, s.address = data.NodeID, data.InternetAddress
		}
	case events.OwnCertificateIssued:
		if data.NodeID == s.nodeID {
			return s.withCertificate(data.Certificate)
		}
	}
	return s, nil
}

func (s state) withCertificate(der []byte) (state, error) {
	certificate, err := pki.ParseCertificate(der)
	if err != nil {
		return s, fault.Fatal(fmt.Errorf("own certificate in the history: %w", err))
	}
	s.certificates = append(slices.Clone(s.certificates), certificate)
	slices.SortStableFunc(s.certificates, func(a, b *pki.Certificate) int {
		return b.NotAfter().Compare(a.NotAfter())
	})
	return s, nil
}

// catchUp folds what the history holds beyond s.
func (s state) catchUp(ctx context.Context, log Log) (state, error) {
	for {
		r, err := log.Next(ctx, events.StreamGateway, events.IdentityChannel, s.next)
		if errors.Is(err, io.EOF) {
			return s, nil
		}
		if err != nil {
			return s, fmt.Errorf("read the identity's history: %w", err)
		}
		if s, err = s.fold(r); err != nil {
			return s, err
		}
	}
}
