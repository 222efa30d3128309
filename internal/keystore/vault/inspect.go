package vault

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/vault/api"
)

// Health is what a server says to everybody.
type Health struct {
	Initialized, Sealed bool
	Version             string
	// Time is the server's clock, in whole seconds.
	Time time.Time
}

// Health asks the server how it is.
func (s *Secrets) Health(ctx context.Context) (Health, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	h, err := s.client.Sys().HealthWithContext(ctx)
	if err != nil {
		return Health{}, fmt.Errorf("vault: health: %w", err)
	}
	return Health{
		Initialized: h.Initialized, Sealed: h.Sealed, Version: h.Version, Time: time.Unix(h.ServerTimeUTC, 0).UTC(),
	}, nil
}

// Token is what the server says of our token.
type Token struct {
	// Life is how long it still lasts; 0 is for ever.
	Life      time.Duration
	Renewable bool
	// Periodic tells that it can be renewed for ever.
	Periodic bool
	// Root tells that it may do anything.
	Root bool
}

// Token asks about the token. The error wraps ErrDenied if it is not accepted.
func (s *Secrets) Token(ctx context.Context) (Token, error) {
	var secret *api.Secret
	err := s.do(ctx, func(ctx context.Context) (err error) {
		secret, err = s.client.Auth().Token().LookupSelfWithContext(ctx)
		return err
	})
	if err != nil {
		return Token{}, fmt.Errorf("vault: look up the token: %w", err)
	}
	var t Token
	if t.Life, err = secret.TokenTTL(); err != nil {
		return Token{}, fmt.Errorf("vault: look up the token: %w", err)
	}
	// What an older server does not tell is taken as no.
	t.Renewable, _ = secret.TokenIsRenewable()
	t.Periodic = t.Renewable && secret.Data["period"] != nil
	policies, _ := secret.TokenPolicies()
	t.Root = slices.Contains(policies, "root")
	return t, nil
}

// EngineVersion returns the version of the KV engine at the mount: "1" or "2". The
// error wraps ErrMount if there is none.
func (s *Secrets) EngineVersion(ctx context.Context) (string, error) {
	var secret *api.Secret
	err := s.do(ctx, func(ctx context.Context) (err error) {
		secret, err = s.client.Logical().ReadWithContext(ctx, "sys/internal/ui/mounts/"+s.mount)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("vault: look at the engine: %w", err)
	}
	if secret == nil || secret.Data["type"] != "kv" {
		return "", fmt.Errorf("vault: look at the engine: %w", ErrMount)
	}
	options, _ := secret.Data["options"].(map[string]any)
	if version, ok := options["version"].(string); ok {
		return version, nil
	}
	return "1", nil
}

// needed are the capabilities that a key store needs, by the part of the engine.
var needed = map[string][]string{
	"data":     {"create", "read", "update"},
	"metadata": {"delete", "list"},
}

// MissingCapabilities lists what the token may not do and has to, each as "delete on
// gw-keys/metadata/*".
func (s *Secrets) MissingCapabilities(ctx context.Context) ([]string, error) {
	var missing []string
	for _, part := range []string{"data", "metadata"} {
		path := s.mount + "/" + part + "/" + s.folder
		var have []string
		err := s.do(ctx, func(ctx context.Context) (err error) {
			have, err = s.client.Sys().CapabilitiesSelfWithContext(ctx, path+"doctor")
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("vault: ask for capabilities: %w", err)
		}
		for _, want := range needed[part] {
			if !slices.Contains(have, want) && !slices.Contains(have, "root") {
				missing = append(missing, want+" on "+path+"*")
			}
		}
	}
	return missing, nil
}
