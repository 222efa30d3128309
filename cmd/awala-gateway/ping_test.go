package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"awala.network/gateway/internal/config"
	"awala.network/gateway/internal/gateway"
	"awala.network/gateway/internal/ping"
	"awala.network/gateway/internal/resolver/resolvertest"
)

// TestPingByAddress finds a gateway by its Internet address, as peers do, and shows
// what it says where they would not find it.
func TestPingByAddress(t *testing.T) {
	cert, key := testCertificate(t)
	c := config.Default()
	c.Standalone.DataDir = config.Path(t.TempDir())
	for _, l := range []*config.Listen{&c.PoWeb.Listen, &c.PoHTTP.Listen, &c.CogRPC.Listen, &c.Admin.Listen} {
		*l = "127.0.0.1:0"
	}
	c.PoWeb.TLSCert, c.PoWeb.TLSKey, c.PoHTTP.TLSCert, c.PoHTTP.TLSKey = cert, key, cert, key
	c.CogRPC.TLSCert, c.CogRPC.TLSKey = cert, key
	g, err := gateway.Start(t.Context(), gateway.Options{
		Kind: gateway.Standalone(), Config: c, Logger: slog.New(slog.DiscardHandler), Level: new(slog.LevelVar),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.Stop(context.Background()) })
	servers := g.Info().Servers
	records := func(q *dns.Msg) *dns.Msg {
		service, _, _ := strings.Cut(q.Question[0].Name, ".")
		name := map[string]string{"_awala-gsc": "poweb", "_awala-pdc": "pohttp", "_awala-crc": "cogrpc"}[service]
		_, port, _ := net.SplitHostPort(servers[name])
		return resolvertest.Reply(q, fmt.Sprintf("%s 60 IN SRV 0 0 %s 127.0.0.1.", q.Question[0].Name, port))
	}
	names := resolvertest.Start(t, records)
	pingAddress := func(more ...string) (code int, result struct {
		Works bool
		Steps []ping.Step
	}, said string,
	) {
		var out, errs bytes.Buffer
		code = run(append([]string{"ping", "gw.test", "--json", "--pdc-resolver", names.Address}, more...), nil, &out, &errs)
		if err := json.Unmarshal(out.Bytes(), &result); err != nil {
			t.Fatalf("%v: %s %s", err, &out, &errs)
		}
		return code, result, errs.String()
	}
	if code, result, said := pingAddress("--pdc-ca-file", string(cert)); code != exitOK || !result.Works || len(result.Steps) != 27 {
		t.Errorf("%d %+v %s", code, result, said)
	}
	if code, result, said := pingAddress(); code != exitFailed || result.Works || !strings.Contains(said, "certificate") {
		t.Errorf("not trusted: %d %+v %s", code, result, said)
	}
	names.Use(func(q *dns.Msg) *dns.Msg {
		answer := records(q)
		answer.AuthenticatedData = false
		return answer
	})
	if code, result, said := pingAddress("--pdc-ca-file", string(cert)); code != exitFailed || len(result.Steps) != 1 || !strings.Contains(said, "DNSSEC") {
		t.Errorf("not signed: %d %+v %s", code, result, said)
	}
}

// testCertificate returns files with a certificate for 127.0.0.1 and its key.
func testCertificate(t *testing.T) (cert, key config.Path) {
	t.Helper()
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	der, err := x509.MarshalPKCS8PrivateKey(server.TLS.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name, kind string, der []byte) config.Path {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return config.Path(path)
	}
	return write("cert.pem", "CERTIFICATE", server.Certificate().Raw), write("key.pem", "PRIVATE KEY", der)
}
