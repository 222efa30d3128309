package identity

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"awala.network/gateway/awala/pki"
	"awala.network/gateway/events"
	"awala.network/gateway/internal/fault"
	"awala.network/gateway/internal/keystore"
)

// source names this package as the recorder of its events.
const source = "identity"

// Ensure returns the gateway's identity, and on the first start makes it: the
// key, the event, the first certificate and the initial session key, in this
// order. Every step looks first at what is there, so a start after a crash at
// any point goes on from there; the most that is left behind is a key in the
// key store that nothing names. Several processes may call it at once.
//
// The error is fatal when the recorded Internet address is another one, when the
// identity key is not in the key store, or when what is recorded cannot be read.
func Ensure(ctx context.Context, deps Deps, address string) (*Identity, error) {
	deps = deps.withDefaults()
	address = NormalizeAddress(address)
	s, err := state{}.catchUp(ctx, deps.Log)
	if err != nil {
		return nil, err
	}
	if s.nodeID == "" {
		if s, err = create(ctx, deps, s, address); err != nil {
			return nil, err
		}
	}
	if s.address != address {
		return nil, fault.Fatal(fmt.Errorf(
			"this gateway's Internet address is %s since its first start; it cannot be changed to %s", s.address, address))
	}
	return open(ctx, deps, s)
}

// NormalizeAddress returns an Internet address in the form that two spellings of
// one name share: lowercase, without a trailing dot.
func NormalizeAddress(address string) string {
	return strings.ToLower(strings.TrimSuffix(address, "."))
}

// create records an identity, and returns the state of whoever was first.
func create(ctx context.Context, deps Deps, s state, address string) (state, error) {
	key, err := pki.GenerateIdentityKey()
	if err != nil {
		return s, err
	}
	nodeID, err := deps.Keys.SaveIdentityKey(ctx, key)
	if err != nil {
		return s, fmt.Errorf("create the identity: %w", err)
	}
	created := events.IdentityCreated{NodeID: nodeID, InternetAddress: address}
	if _, err := deps.Log.Append(ctx, events.New("", source, deps.Now(), created)); err != nil {
		return s, fmt.Errorf("create the identity: %w", err)
	}
	if s, err = s.catchUp(ctx, deps.Log); err != nil {
		return s, err
	}
	if s.nodeID == "" {
		return s, errors.New("create the identity: the history does not show what it took")
	}
	deps.Logger.InfoContext(ctx, "identity created", "node_id", s.nodeID, "internet_address", s.address)
	return s, nil
}

// open makes an identity of recorded facts, and makes what is missing of them.
func open(ctx context.Context, deps Deps, s state) (*Identity, error) {
	key, err := deps.Keys.IdentityKey(ctx, s.nodeID)
	if errors.Is(err, keystore.ErrNotFound) {
		return nil, fault.Fatal(fmt.Errorf(
			"the key store does not hold this gateway's identity key (node id %s): restore it, or point to the right key store: %w", s.nodeID, err))
	}
	if err != nil {
		return nil, fmt.Errorf("open the identity: %w", err)
	}
	i := &Identity{
		deps: deps, key: key,
		signatures: pki.NewSignatureCache(signatureCacheEntries, signatureCacheLife),
	}
	i.adopt(s)
	if _, err := i.RotateIfDue(ctx); err != nil {
		return nil, err
	}
	return i, i.ensureSessionKey(ctx)
}

// ensureSessionKey makes the initial session key if there is none.
func (i *Identity) ensureSessionKey(ctx context.Context) error {
	_, err := i.InitialSessionKey(ctx)
	if !errors.Is(err, keystore.ErrNotFound) {
		return err
	}
	key, err := pki.GenerateSessionKey()
	if err != nil {
		return err
	}
	if err := i.deps.Keys.SaveSessionKey(ctx, i.NodeID(), "", key); err != nil {
		return fmt.Errorf("create the initial session key: %w", err)
	}
	return nil
}
