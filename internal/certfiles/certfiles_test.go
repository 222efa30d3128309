package certfiles_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"awala.network/gateway/internal/certfiles"
)

// write puts a new pair into the files, as of a time, and returns the certificate.
func write(t *testing.T, certificate, key string, at time.Time) []byte {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(at.UnixNano()), DNSNames: []string{"gw.example"},
		NotBefore: at.Add(-time.Hour), NotAfter: at.Add(24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{
		certificate: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: encoded},
	} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(name, at, at); err != nil {
			t.Fatal(err)
		}
	}
	return der
}

// TestRenewed changes the files under a server: a new pair is taken within a minute,
// a broken one is not.
func TestRenewed(t *testing.T) {
	certificate, key := filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	synctest.Test(t, func(t *testing.T) {
		first := write(t, certificate, key, time.Now())
		config, err := certfiles.Server(certificate, key, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		shown := func(when string, want []byte) {
			t.Helper()
			got, err := config.GetCertificate(nil)
			if err != nil || !bytes.Equal(got.Certificate[0], want) {
				t.Errorf("%s another certificate is shown (%v)", when, err)
			}
		}
		shown("at first", first)
		time.Sleep(time.Minute)
		second := write(t, certificate, key, time.Now())
		shown("after renewal", second)
		time.Sleep(time.Minute)
		if err := os.WriteFile(key, []byte("broken"), 0o600); err != nil {
			t.Fatal(err)
		}
		shown("with a broken key", second)
		time.Sleep(time.Minute)
		third := write(t, certificate, key, time.Now())
		shown("after the repair", third)
	})
}

// TestOldVersions wants TLS 1.1 refused and forward secrecy under TLS 1.2.
func TestOldVersions(t *testing.T) {
	certificate, key := filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	write(t, certificate, key, time.Now())
	config, err := certfiles.Server(certificate, key, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		client *tls.Config
		ok     bool
	}{
		"TLS 1.3":      {&tls.Config{MinVersion: tls.VersionTLS13}, true},
		"TLS 1.2":      {&tls.Config{MaxVersion: tls.VersionTLS12}, true},
		"TLS 1.1":      {&tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, false},
		"TLS 1.2, CBC": {&tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}}, false},
	}
	for name, test := range tests {
		test.client.InsecureSkipVerify = true
		one, other := net.Pipe()
		answered := make(chan error, 1)
		go func() {
			server := tls.Server(other, config)
			answered <- server.Handshake()
			_ = other.Close()
		}()
		err := tls.Client(one, test.client).Handshake()
		_ = one.Close()
		if refused := <-answered; (err == nil) != test.ok || (refused == nil) != test.ok {
			t.Errorf("%s: client %v, server %v", name, err, refused)
		}
	}
}
