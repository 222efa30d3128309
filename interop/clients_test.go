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
// none without a dot. It is not the one of the examples, which `doctor` refuses.
const internetAddress = "gateway.example.org"

// site is where the clients of a gateway find its servers: a process, or what stands
// before several.
type site interface {
	// Address is HOST:PORT, URL is http:// and that, of a server: admin, cogrpc, pohttp
	// or poweb.
	Address(server string) string
	URL(server string) string
	// Log is what the gateway has written.
	Log() string
}

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
	for _, script := range clientScripts(t) {
		t.Run(script, func(t *testing.T) {
			t.Parallel()
			runScript(t, script)
		})
	}
}

// clientScripts installs what the scripts of clients/ need, and returns their names.
func clientScripts(t *testing.T) (names []string) {
	t.Helper()
	if err := installClients(); err != nil {
		t.Fatalf("npm ci: %v", err)
	}
	scripts, err := filepath.Glob(filepath.Join("clients", "*.test.mjs"))
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, script := range scripts {
		names = append(names, filepath.Base(script))
	}
	return names
}

func runScript(t *testing.T, script string) {
	receiver := freePort(t)
	gateway := process.StartStandalone(t, t.TempDir(), "--internet-address", internetAddress,
		"--pdc-override", "receiver.example=http://127.0.0.1:"+receiver, "--delivery-retry-initial", "1s")
	runNode(t, gateway, script, "AWALA_RECEIVER_PORT="+receiver)
}

// runNode runs a script of clients/ against the gateway, with these variables
// beside those that tell where its servers are.
func runNode(t *testing.T, gateway site, script string, env ...string) {
	t.Helper()
	node := exec.Command("node", "--test", "--test-reporter=spec", script)
	node.Dir = "clients"
	node.Env = append(os.Environ(),
		"AWALA_POWEB_PORT="+port(t, gateway, "poweb"),
		"AWALA_POHTTP_PORT="+port(t, gateway, "pohttp"),
		"AWALA_COGRPC_PORT="+port(t, gateway, "cogrpc"),
		"AWALA_INTERNET_ADDRESS="+internetAddress,
	)
	node.Env = append(node.Env, env...)
	out, err := node.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Errorf("%v\nthe gateway said:\n%s", err, gateway.Log())
	}
}

func port(t *testing.T, gateway site, server string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(gateway.Address(server))
	if err != nil {
		t.Fatalf("%s server: %v", server, err)
	}
	return port
}

// freePort returns a port on which nothing listened a moment ago, for the server
// that a script runs: the gateway must know it beforehand.
func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}
