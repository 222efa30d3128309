package takeover

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"awala.network/gateway/awala/pki"
	"awala.network/gateway/awala/ramf"
	"awala.network/gateway/handlers"
	"awala.network/gateway/internal/fault"
	"awala.network/gateway/internal/identity"
	"awala.network/gateway/internal/keystore"
)

func isExpired(err error) bool { return errors.Is(err, ramf.ErrExpired) }

// reasonText is why something cannot be read, in few words.
func reasonText(err error) string {
	if refusal := handlers.AsRefusal(err); refusal != nil {
		return refusal.Reason
	}
	return err.Error()
}

// takeKeys copies the key records as they are.
func (r *run) takeKeys(ctx context.Context) error {
	var paths []string
	for _, prefix := range []string{"i-", "s-"} {
		found, err := r.Source.Keys.List(ctx, prefix)
		if err != nil {
			return fmt.Errorf("the other gateway's keys: %w", err)
		}
		paths = append(paths, found...)
	}
	var haveOwn atomic.Bool
	err := each(ctx, r.counting("keys", len(paths)), paths, func(ctx context.Context, path string) error {
		if r.mode == take && r.passes > 1 && r.settledKey(path) {
			return nil
		}
		record, err := keystore.ReadFormer(ctx, r.Source.Keys, path)
		if errors.Is(err, keystore.ErrNotFound) {
			return nil // deleted since, or softly before
		}
		if fault.IsPermanent(err) {
			r.ledger.note(kindOfPath(path), path, skipped(reasonUnreadable, reasonText(err)))
			return nil
		}
		if err != nil {
			return fmt.Errorf("the other gateway's keys: %w", err)
		}
		if record.Kind == keystore.KindIdentity && record.NodeID == r.nodeID {
			haveOwn.Store(true)
		}
		return r.key(ctx, record)
	})
	if err == nil && r.passes == 1 && !haveOwn.Load() {
		err = fault.Permanent(fmt.Errorf("the other gateway's key store does not hold the identity key of node %s", r.nodeID))
	}
	return err
}

// settledKey tells whether a key was dealt with. Only the initial session key changes.
func (r *run) settledKey(path string) bool {
	_, found := r.ledger.verdict(kindOfPath(path), path)
	return found && !isInitial(path)
}

func isInitial(path string) bool { return len(path) > 7 && path[:7] == "s-node-" }

// kindOfPath is the kind of a record that could not be read or is not yet.
func kindOfPath(path string) Kind {
	if path[0] == 'i' {
		return IdentityKey
	}
	return BoundKeys
}

func kindOfKey(k keystore.Kind) Kind {
	switch k {
	case keystore.KindIdentity:
		return IdentityKey
	case keystore.KindBound:
		return BoundKeys
	default:
		return UnboundKeys
	}
}

// key deals with one key record.
func (r *run) key(ctx context.Context, record keystore.FormerRecord) error {
	kind := kindOfKey(record.Kind)
	if record.NodeID != r.nodeID {
		r.ledger.note(kind, record.Path, skipped(reasonOtherNode, record.NodeID))
		return nil
	}
	if r.mode == predict {
		r.ledger.note(kind, record.Path, verdict{fate: Moved})
		return nil
	}
	held, err := record.HeldBy(ctx, r.Target.Secrets)
	switch {
	case errors.Is(err, keystore.ErrOther) && isInitial(record.Path):
		held = r.mode == verify // a newer one took its place there, or here
	case errors.Is(err, keystore.ErrOther):
		r.ledger.note(kind, record.Path, verdict{fate: Wrong, reason: reasonText(err)})
		return nil
	case err != nil:
		return err
	}
	v := verdict{fate: Already}
	switch {
	case held:
	case r.mode == verify:
		v = verdict{fate: Wrong, reason: "it is not here"}
	default:
		if err := record.PutInto(ctx, r.Target.Secrets); err != nil {
			return err
		}
		v.fate = Moved
	}
	r.ledger.note(kind, record.Path, v)
	return nil
}

// takeIdentity records the node's identity and its own certificates.
func (r *run) takeIdentity(ctx context.Context) error {
	own, names, err := r.ownCertificates(ctx)
	if err != nil {
		return err
	}
	if r.mode == predict {
		r.ledger.note(Identities, r.nodeID, verdict{fate: Moved})
		for _, name := range names {
			r.ledger.note(Certificates, name, verdict{fate: Moved})
		}
		return nil
	}
	here, recorded, err := identity.Certificates(ctx, r.Target.History)
	if err != nil {
		return err
	}
	has := func(c *pki.Certificate) bool {
		return slices.ContainsFunc(recorded, func(o *pki.Certificate) bool { return string(o.DER()) == string(c.DER()) })
	}
	missing := verdict{fate: Moved}
	if r.mode == verify {
		missing = verdict{fate: Wrong, reason: "it is not here"}
	} else {
		deps := identity.Deps{Keys: r.keys, Log: r.Target.History, Logger: r.Logger, Now: r.Now}
		if _, err := identity.TakeOver(ctx, deps, r.nodeID, r.Address, own); err != nil {
			return err
		}
	}
	note := func(kind Kind, name string, there bool) {
		if there {
			r.ledger.note(kind, name, verdict{fate: Already})
		} else {
			r.ledger.note(kind, name, missing)
		}
	}
	note(Identities, r.nodeID, here == r.nodeID)
	for i, c := range own {
		note(Certificates, names[i], has(c))
	}
	return nil
}

// ownCertificates returns the node's own certificates that are still valid, with
// their names in the account.
func (r *run) ownCertificates(ctx context.Context) (own []*pki.Certificate, names []string, err error) {
	for document, err := range r.Source.Records.Certificates(ctx) {
		if err != nil {
			return nil, nil, err
		}
		if document.Err == nil && (document.Data.SubjectID != r.nodeID || document.Data.IssuerID != r.nodeID) {
			r.ledger.note(Certificates, document.Name, skipped(reasonOtherNode, document.Data.SubjectID))
			continue
		}
		certificate, err := ownCertificate(document, r.nodeID)
		switch {
		case err != nil:
			r.ledger.note(Certificates, document.Name, skipped(reasonUnreadable, reasonText(err)))
		case r.Now().After(certificate.NotAfter()):
			r.ledger.note(Certificates, document.Name, skipped(reasonExpired, certificate.NotAfter().Format(time.DateOnly)))
		default:
			own, names = append(own, certificate), append(names, document.Name)
		}
	}
	return own, names, nil
}

func ownCertificate(document Document[Certificate], nodeID string) (*pki.Certificate, error) {
	if document.Err != nil {
		return nil, document.Err
	}
	path, err := pki.ParseCertificationPath(document.Data.Path)
	if err != nil {
		return nil, err
	}
	if path.Leaf.SubjectID() != nodeID {
		return nil, errors.New("the certificate is another node's")
	}
	return path.Leaf, nil
}
