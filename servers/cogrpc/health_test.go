package cogrpc_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health/grpc_health_v1"

	"awala.network/gateway/internal/certfiles"
	"awala.network/gateway/internal/courierclient"
)

func TestHealthTellsTheTruth(t *testing.T) {
	g := newGateway(t)
	client := grpc_health_v1.NewHealthClient(g.courier.Conn())
	for _, ready := range []bool{true, false, true} {
		g.ready.Store(ready)
		want := grpc_health_v1.HealthCheckResponse_NOT_SERVING
		if ready {
			want = grpc_health_v1.HealthCheckResponse_SERVING
		}
		for _, service := range []string{"", "relaynet.cogrpc.CargoRelay", "awala.cogrpc.CargoRelay"} {
			got, err := client.Check(t.Context(), &grpc_health_v1.HealthCheckRequest{Service: service})
			if err != nil || got.GetStatus() != want {
				t.Errorf("%q: %v, %v; want %v", service, got, err, want)
			}
		}
	}
	_, err := client.Check(t.Context(), &grpc_health_v1.HealthCheckRequest{Service: "another"})
	wantCode(t, err, codes.NotFound)
}

func TestHealthIsWatched(t *testing.T) {
	g := newGateway(t)
	g.server.SetHealthInterval(time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	stream, err := grpc_health_v1.NewHealthClient(g.courier.Conn()).Watch(ctx, &grpc_health_v1.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []grpc_health_v1.HealthCheckResponse_ServingStatus{
		grpc_health_v1.HealthCheckResponse_SERVING, grpc_health_v1.HealthCheckResponse_NOT_SERVING,
	} {
		got, err := stream.Recv()
		if err != nil || got.GetStatus() != want {
			t.Errorf("%v, %v; want %v", got, err, want)
		}
		g.ready.Store(false)
	}
}

// writeCertificate makes a self-signed certificate in two files.
func writeCertificate(t *testing.T, certificateFile, keyFile string) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"cogrpc.example"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{
		certificateFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: pkcs8},
	} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

func TestTLS(t *testing.T) {
	dir := t.TempDir()
	certificateFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	quiet := slog.New(slog.DiscardHandler)
	if _, err := certfiles.Server(certificateFile, keyFile, quiet); err == nil {
		t.Error("files that are not there were taken")
	}
	certificate := writeCertificate(t, certificateFile, keyFile)
	config, err := certfiles.Server(certificateFile, keyFile, quiet)
	if err != nil {
		t.Fatal(err)
	}
	config.NextProtos = []string{"h2"}
	g := newGateway(t)
	listener, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- g.server.Serve(listener) }()
	defer func() {
		g.stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	}()
	pool := x509.NewCertPool()
	pool.AddCert(certificate)
	secure, err := courierclient.New(listener.Addr().String(),
		grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{RootCAs: pool, ServerName: "cogrpc.example"})))
	if err != nil {
		t.Fatal(err)
	}
	defer secure.Close()
	p := g.register(t)
	if n, err := secure.Deliver(t.Context(), cargo(t, p)); n != 1 || err != nil {
		t.Errorf("%d acknowledged, %v", n, err)
	}
}
