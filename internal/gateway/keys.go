package gateway

import (
	"context"
	"path/filepath"

	"awala.network/gateway/internal/keystore"
	"awala.network/gateway/internal/keystore/sealed"
	"awala.network/gateway/internal/names"
)

// openKeyFiles opens the sealed key store in the data folder.
func (s *services) openKeyFiles(_ context.Context, a *assembly, dir *dataDir) error {
	var o sealed.Options
	if passphrase := a.config.Standalone.KeysPassphrase.Reveal(); passphrase != "" {
		o.Passphrase = []byte(passphrase)
	}
	store, err := sealed.Open(filepath.Join(dir.path, "keys"), o)
	if err != nil {
		return err
	}
	s.opened("keys", func(context.Context) error { return store.Close() })
	s.useKeys(a.measured.Secrets(store))
	return nil
}

// useKeys takes the store of private keys.
func (s *services) useKeys(secrets keystore.Secrets) {
	s.keys, s.secrets = keystore.New(secrets), secrets
	s.names = names.New(s.keys)
	s.checks = append(s.checks, namedCheck{"keys", checkKeys(secrets)})
}

// checkKeys asks for the names of the identity keys, which takes an answer from
// the store.
func checkKeys(secrets keystore.Secrets) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := secrets.List(ctx, "i-")
		return err
	}
}
