package doctor

import (
	"context"
	"errors"
	"strings"
	"time"

	"awala.network/gateway/internal/connect"
	"awala.network/gateway/internal/keystore/vault"
)

// Tokens that end sooner are told of.
const (
	tokenWarning = 7 * 24 * time.Hour
	tokenProblem = 24 * time.Hour
)

// examineVault looks at the key store.
func examineVault(ctx context.Context, c *Case, r *Report) {
	secrets, err := vault.New(connect.Vault(c.Config.Vault))
	if err != nil {
		r.problem("vault", "look at the settings that begin with --vault", "%v", err)
		return
	}
	defer func() { _ = secrets.Close() }()
	health, err := secrets.Health(ctx)
	switch {
	case err != nil:
		r.problem("vault", "start Vault, and look at --vault-address and --vault-tls-ca", "Vault cannot be reached: %v", err)
		return
	case !health.Initialized:
		r.problem("vault-seal", "vault operator init, and keep the unseal keys safe", "Vault is not initialised")
		return
	case health.Sealed:
		r.problem("vault-seal", "vault operator unseal", "Vault is sealed")
		return
	}
	r.ok("vault-seal", "Vault %s is unsealed", health.Version)
	examineClock(r, "vault-clock", "Vault", time.Until(health.Time).Truncate(time.Second))
	if examineToken(ctx, c, secrets, r) {
		examineEngine(ctx, secrets, r)
	}
}

// examineToken tells whether the token is accepted.
func examineToken(ctx context.Context, c *Case, secrets *vault.Secrets, r *Report) bool {
	token, err := secrets.Token(ctx)
	if errors.Is(err, vault.ErrLogin) {
		r.problem("vault-token", "look at --vault-role-id, and make a new secret id (vault write -f auth/approle/role/NAME/secret-id) for --vault-secret-id-file", "Vault refuses the login: %v", err)
		return false
	}
	if errors.Is(err, vault.ErrDenied) {
		r.problem("vault-token", "make a new token and put it into --vault-token-file, which is read again", "Vault does not accept the token: it has expired, was revoked, or is wrong")
		return false
	}
	if err != nil {
		r.problem("vault-token", "look at Vault's own log", "%v", err)
		return false
	}
	const fix = "make a periodic token (vault token create -orphan -period 768h -policy ...), which the roles renew, or log in as an AppRole (--vault-role-id)"
	switch {
	case token.Life == 0:
		r.ok("vault-token", "the token does not expire")
	case c.Config.Vault.RoleID != "":
		r.ok("vault-token", "the roles log in as an AppRole; a token lasts for %s and is renewed", token.Life)
	case token.Periodic:
		r.ok("vault-token", "the token is periodic: the roles renew it; it lasts for %s without them", token.Life)
	case token.Life < tokenProblem:
		r.problem("vault-token", fix, "the token ends in %s; from then on no key can be read", token.Life)
	case token.Life < tokenWarning:
		r.warning("vault-token", fix, "the token ends in %s", token.Life)
	default:
		r.ok("vault-token", "the token lasts for %s", token.Life)
	}
	if token.Root {
		r.warning("vault-token-policy", "make a token with a policy for the engine alone (see docs/install.md)", "the token is Vault's root token")
	} else {
		r.ok("vault-token-policy", "the token is not Vault's root token")
	}
	return true
}

// examineEngine looks at the KV engine.
func examineEngine(ctx context.Context, secrets *vault.Secrets, r *Report) {
	const enable = "vault secrets enable -path gw-keys -version 2 kv, or set --vault-mount"
	version, err := secrets.EngineVersion(ctx)
	switch {
	case errors.Is(err, vault.ErrMount), errors.Is(err, vault.ErrDenied):
		r.problem("vault-engine", enable+"; a token without any right on the engine does not see it either", "there is no KV engine at --vault-mount that the token can see")
		return
	case err != nil:
		r.problem("vault-engine", enable, "%v", err)
		return
	case version != "2":
		r.problem("vault-engine", "vault kv enable-versioning, or another engine", "the engine is KV version %s; it must be 2", version)
		return
	}
	r.ok("vault-engine", "the engine is KV version 2")
	missing, err := secrets.MissingCapabilities(ctx)
	switch {
	case err != nil:
		r.warning("vault-policy", "allow update on sys/capabilities-self, as the default policy does", "%v", err)
	case len(missing) > 0:
		r.problem("vault-policy", "add it to the token's policy (see docs/install.md)", "the token lacks: %s", strings.Join(missing, ", "))
	default:
		r.ok("vault-policy", "the token may do what the gateway needs")
	}
}
