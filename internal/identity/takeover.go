package identity

import (
	"context"
	"fmt"

	"awala.network/gateway/awala/pki"
	"awala.network/gateway/events"
	"awala.network/gateway/internal/fault"
)

// TakeOver records the identity of a gateway whose place this one takes: the node
// id, whose key must be in the key store already, and its own certificates, so that
// all that it issued stays valid. It returns how many certificates were new. It can
// be run again.
//
// The error is fatal if there is another identity already.
func TakeOver(ctx context.Context, deps Deps, nodeID, address string, certificates []*pki.Certificate) (added int, err error) {
	deps = deps.withDefaults()
	if _, err := deps.Keys.IdentityKey(ctx, nodeID); err != nil {
		return 0, fmt.Errorf("take over the identity: %w", err)
	}
	s, err := state{}.catchUp(ctx, deps.Log)
	if err != nil {
		return 0, err
	}
	address = NormalizeAddress(address)
	switch {
	case s.nodeID == "":
		data := events.IdentityCreated{NodeID: nodeID, InternetAddress: address}
		if err := deps.takeOver(ctx, data, nodeID, address); err != nil {
			return 0, err
		}
	case s.nodeID != nodeID:
		return 0, fault.Fatal(fmt.Errorf(
			"this gateway is node %s already and cannot become %s: take over into one that was never started", s.nodeID, nodeID))
	case s.address != address:
		return 0, fault.Fatal(fmt.Errorf("the Internet address of this gateway is %s, not %s", s.address, address))
	}
	known := map[string]bool{}
	for _, c := range s.certificates {
		known[string(c.DER())] = true
	}
	for _, c := range certificates {
		if known[string(c.DER())] {
			continue
		}
		known[string(c.DER())] = true
		data := events.OwnCertificateIssued{
			NodeID: nodeID, Certificate: c.DER(), NotBefore: c.NotBefore(), NotAfter: c.NotAfter(),
		}
		if err := deps.takeOver(ctx, data, string(c.DER())); err != nil {
			return added, err
		}
		added++
	}
	return added, nil
}

// takeOver records a fact of the other gateway, under an id that the parts determine.
func (d Deps) takeOver(ctx context.Context, data events.Data, parts ...string) error {
	id := events.DeriveID(append([]string{string(data.EventType())}, parts...)...)
	if _, err := d.Log.Append(ctx, events.New(id, string(events.ViaTakeover), d.Now(), data)); err != nil {
		return fmt.Errorf("take over the identity: %w", err)
	}
	return nil
}

// Certificates returns the own certificates that are recorded, and the node that they
// are of; "" if there is no identity.
func Certificates(ctx context.Context, log Log) (nodeID string, certificates []*pki.Certificate, err error) {
	s, err := state{}.catchUp(ctx, log)
	return s.nodeID, s.certificates, err
}
