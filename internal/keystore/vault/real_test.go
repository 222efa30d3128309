package vault_test

import (
	"errors"
	"testing"
	"time"

	"github.com/hashicorp/vault/api"

	"awala.network/gateway/internal/keystore"
	"awala.network/gateway/internal/keystore/vault"
	"awala.network/gateway/internal/servicestest"
)

// realServer is the Vault that `services.sh start all` has started.
type realServer struct {
	t       *testing.T
	options vault.Options
}

func realVault(t *testing.T) *realServer {
	return &realServer{t: t, options: vault.Options{
		Address: servicestest.Env(t, "VAULT_ADDR"), Token: is(servicestest.Env(t, "VAULT_TOKEN")), CAFile: servicestest.Env(t, "TLS_CA"),
	}}
}

// asGateway logs in with no more rights than deployments/compose/vault-policy.hcl gives.
func (r *realServer) asGateway() vault.Options {
	o := r.options
	o.AppRole = &vault.AppRole{RoleID: servicestest.Secret(r.t, "vault-role-id"), SecretID: is(servicestest.Secret(r.t, "vault-secret-id"))}
	return o
}

// administrator is Vault's own client with the root token.
func (r *realServer) administrator() *api.Client {
	r.t.Helper()
	config := api.DefaultConfig()
	config.Address = r.options.Address
	if err := config.ConfigureTLS(&api.TLSConfig{CACert: r.options.CAFile}); err != nil {
		r.t.Fatal(err)
	}
	client, err := api.NewClient(config)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(config.HttpClient.CloseIdleConnections)
	token, _ := r.options.Token()
	client.SetToken(token)
	return client
}

func TestRealConformance(t *testing.T) {
	server := realVault(t)
	t.Run("root", func(t *testing.T) { conform(t, server.options) })
	t.Run("gateway's policy", func(t *testing.T) { conform(t, server.asGateway()) })
}

// What the fake is believed to do, a real server does.
func TestRealAnswers(t *testing.T) {
	server := realVault(t)
	check(t, open(t, server.asGateway()), nil)
	if _, err := open(t, server.options).Get(t.Context(), "t-never-was"); !errors.Is(err, keystore.ErrNotFound) {
		t.Errorf("Get() of nothing: %v", err)
	}
	wrong := server.options
	wrong.Mount = "no/such/mount"
	check(t, open(t, wrong), vault.ErrMount)
	wrong = server.options
	wrong.Token = is("wrong")
	check(t, open(t, wrong), vault.ErrDenied)
	wrong = server.asGateway()
	wrong.AppRole.SecretID = is("wrong")
	check(t, open(t, wrong), vault.ErrLogin)
	missing, err := open(t, server.asGateway()).MissingCapabilities(t.Context())
	if err != nil || len(missing) > 0 {
		t.Errorf("the policy lacks %v, %v", missing, err)
	}
}

// TestRealTokens ends tokens in every way that they end.
func TestRealTokens(t *testing.T) {
	server := realVault(t)
	admin, file := server.administrator(), new(source)
	create := func(ttl string) string {
		secret, err := admin.Auth().Token().CreateOrphan(&api.TokenCreateRequest{TTL: ttl, Policies: []string{"awala-gateway"}})
		if err != nil {
			t.Fatal(err)
		}
		return secret.Auth.ClientToken
	}
	o := server.options
	o.Token = file.get
	secrets := open(t, o)
	file.set(create("1s"))
	check(t, secrets, nil)
	for deadline := time.Now().Add(20 * time.Second); ; {
		if _, err := secrets.List(t.Context(), ""); errors.Is(err, vault.ErrDenied) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("a token of one second still works")
		}
		<-time.After(100 * time.Millisecond)
	}
	file.set(create("1h"))
	check(t, secrets, nil)

	logsIn := open(t, server.asGateway())
	check(t, logsIn, nil)
	if err := admin.Sys().RevokePrefix("auth/approle/login"); err != nil {
		t.Fatal(err)
	}
	<-time.After(3 * time.Second) // a login is not repeated at once
	check(t, logsIn, nil)
}

// TestRealSealAndRestart takes Vault away by sealing it, and by kill -9.
func TestRealSealAndRestart(t *testing.T) {
	server := realVault(t)
	secrets := open(t, server.asGateway())
	if err := secrets.Put(t.Context(), "t-restart", keystore.Record{"k": "v"}); err != nil {
		t.Fatal(err)
	}
	admin := server.administrator()
	if err := admin.Sys().Seal(); err != nil {
		t.Fatal(err)
	}
	check(t, secrets, vault.ErrSealed)
	if err := secrets.Put(t.Context(), "t-restart", keystore.Record{"k": "w"}); !errors.Is(err, vault.ErrSealed) {
		t.Errorf("Put() while sealed: %v", err)
	}
	servicestest.Script(t, "kill", "vault")
	if _, err := secrets.Get(t.Context(), "t-restart"); err == nil || errors.Is(err, keystore.ErrNotFound) {
		t.Errorf("Get() without a server: %v", err)
	}
	servicestest.Script(t, "revive", "vault")
	if r, err := secrets.Get(t.Context(), "t-restart"); err != nil || r["k"] != "v" {
		t.Errorf("Get() after the restart: %v, %v", r, err)
	}
	if err := secrets.Delete(t.Context(), "t-restart"); err != nil {
		t.Error(err)
	}
}
