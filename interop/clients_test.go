package interop

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"awala.network/gateway/interop/process"
)

// internetAddress is the gateway's name in these tests: the real clients accept
// none without a dot.
const internetAddress = "gw.example.com"

// installClients installs the pinned npm packages, once.
var installClients = sync.OnceValue(func() error {
	if _, err := os.Stat(filepath.Join("clients", "node_modules", ".package-lock.json")); err == nil {
		return nil
	}
	install := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	install.Dir = "clients"
	install.Stdout, install.Stderr = os.Stdout, os.Stderr
	return install.Run()
})

// TestClients runs every script of clients/ against a gateway of its own.
func TestClients(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a gateway and Node.js")
	}
	if err := installClients(); err != nil {
		t.Fatalf("npm ci: %v", err)
	}
	scripts, err := filepath.Glob(filepath.Join("clients", "*.test.mjs"))
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, script := range scripts {
		t.Run(filepath.Base(script), func(t *testing.T) {
			t.Parallel()
			runScript(t, filepath.Base(script))
		})
	}
}

func runScript(t *testing.T, script string) {
	gateway := process.StartStandalone(t, t.TempDir(), "--internet-address", internetAddress)
	node := exec.Command("node", "--test", "--test-reporter=spec", script)
	node.Dir = "clients"
	node.Env = append(os.Environ(),
		"AWALA_POWEB_PORT="+port(t, gateway, "poweb"),
		"AWALA_POHTTP_PORT="+port(t, gateway, "pohttp"),
		"AWALA_INTERNET_ADDRESS="+internetAddress,
	)
	out, err := node.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Errorf("%v\nthe gateway said:\n%s", err, gateway.Log())
	}
}

func port(t *testing.T, gateway *process.Standalone, server string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(gateway.Servers[server])
	if err != nil {
		t.Fatalf("%s server: %v", server, err)
	}
	return port
}
