package former

import (
	"maps"
	"os"
	"strings"
	"testing"

	"github.com/hashicorp/vault/api"

	"awala.network/gateway/internal/keystore/vault/vaulttest"
)

// secrets is the other gateway's Vault: an engine of its own, at mount, and a token that
// may read and list there and nothing else.
type secrets interface {
	Put(path string, data map[string]any)
	Snapshot() map[string]any
	access() vaultAccess
}

// vaultAccess is how the engine is reached.
type vaultAccess struct{ address, token, mount string }

// startVault returns an engine in the real Vault where the services have one, and else
// in one that stands in for it.
func startVault(t *testing.T, name string) secrets {
	t.Helper()
	if os.Getenv("AWALA_TEST_VAULT_ADDR") != "" {
		return newRealVault(t, name)
	}
	server, url := vaulttest.Start(t)
	return standIn{server, vaultAccess{address: url, token: vaulttest.ReadToken, mount: vaulttest.Mount}}
}

// standIn is no real Vault.
type standIn struct {
	*vaulttest.Server
	vaultAccess
}

func (s standIn) access() vaultAccess { return s.vaultAccess }

// realVault is an engine of its own in HashiCorp Vault.
type realVault struct {
	t      *testing.T
	client *api.Client
	vaultAccess
}

// newRealVault mounts the engine, which goes with the test.
func newRealVault(t *testing.T, name string) *realVault {
	t.Helper()
	c := api.DefaultConfig()
	c.Address = os.Getenv("AWALA_TEST_VAULT_ADDR")
	v := &realVault{t: t, vaultAccess: vaultAccess{address: c.Address, mount: name}}
	v.check(c.ConfigureTLS(&api.TLSConfig{CACert: os.Getenv("AWALA_TEST_TLS_CA")}))
	client, err := api.NewClient(c)
	v.check(err)
	v.client = client
	client.SetToken(os.Getenv("AWALA_TEST_VAULT_TOKEN"))
	v.check(client.Sys().Mount(name, &api.MountInput{Type: "kv", Options: map[string]string{"version": "2"}}))
	t.Cleanup(func() {
		_ = client.Sys().Unmount(name) // the services are thrown away
		c.HttpClient.CloseIdleConnections()
	})
	v.check(client.Sys().PutPolicy(name, `path "`+name+`/*" { capabilities = ["read", "list"] }`))
	reader, err := client.Auth().Token().Create(&api.TokenCreateRequest{Policies: []string{name}, NoParent: true})
	v.check(err)
	v.token = reader.Auth.ClientToken
	return v
}

func (v *realVault) check(err error) {
	v.t.Helper()
	if err != nil {
		v.t.Fatalf("Vault: %v", err)
	}
}

func (v *realVault) access() vaultAccess { return v.vaultAccess }

// Put stores a secret.
func (v *realVault) Put(path string, data map[string]any) {
	v.t.Helper()
	_, err := v.client.Logical().Write(v.mount+"/data/"+path, map[string]any{"data": data})
	v.check(err)
}

// Snapshot is every secret with its versions.
func (v *realVault) Snapshot() map[string]any {
	v.t.Helper()
	all := map[string]any{}
	listed, err := v.client.Logical().List(v.mount + "/metadata")
	v.check(err)
	if listed == nil {
		return all
	}
	for _, name := range listed.Data["keys"].([]any) {
		path := strings.TrimSuffix(name.(string), "/")
		secret, err := v.client.Logical().Read(v.mount + "/data/" + path)
		v.check(err)
		all[path] = maps.Clone(secret.Data)
	}
	return all
}
