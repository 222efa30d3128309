// Command certificates makes a certificate authority for the test services, and
// with it one certificate for the servers and one for their clients.
//
// Usage: certificates FOLDER [ADDRESS]. It writes ca.pem, server.pem, server-key.pem,
// client.pem and client-key.pem, for the loopback, the address and a day.
package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

func main() {
	if len(os.Args) < 2 || len(os.Args) > 3 {
		fmt.Fprintln(os.Stderr, "usage: certificates FOLDER [ADDRESS]")
		os.Exit(2)
	}
	if err := makeAll(os.Args[1], os.Args[2:]...); err != nil {
		fmt.Fprintln(os.Stderr, "certificates:", err)
		os.Exit(1)
	}
}

// issuer is an authority whose key is nowhere but in this process.
type issuer struct {
	folder      string
	certificate *x509.Certificate
	key         crypto.Signer
}

func makeAll(folder string, more ...string) error {
	addresses := []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	for _, text := range more {
		address := net.ParseIP(text)
		if address == nil {
			return fmt.Errorf("%q is no IP address", text)
		}
		addresses = append(addresses, address)
	}
	authority := &x509.Certificate{
		Subject: pkix.Name{CommonName: "test services' authority"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	i := &issuer{folder: folder}
	key, err := i.issue("ca", authority)
	if err != nil {
		return err
	}
	i.certificate, i.key = authority, key
	for name, use := range map[string]x509.ExtKeyUsage{"server": x509.ExtKeyUsageServerAuth, "client": x509.ExtKeyUsageClientAuth} {
		leaf := &x509.Certificate{
			Subject:     pkix.Name{CommonName: "test " + name},
			DNSNames:    []string{"localhost"},
			IPAddresses: addresses,
			KeyUsage:    x509.KeyUsageDigitalSignature,
			// Servers of one cluster are each other's clients.
			ExtKeyUsage: []x509.ExtKeyUsage{use, x509.ExtKeyUsageClientAuth},
		}
		if key, err = i.issue(name, leaf); err != nil {
			return err
		}
		if err := i.writeKey(name, key); err != nil {
			return err
		}
	}
	return nil
}

// issue writes NAME.pem and returns its key. The first certificate signs itself.
func (i *issuer) issue(name string, template *x509.Certificate) (crypto.Signer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)); err != nil {
		return nil, err
	}
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour)
	parent, signer := i.certificate, i.key
	if parent == nil {
		parent, signer = template, crypto.Signer(key)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		return nil, err
	}
	return key, i.write(name+".pem", "CERTIFICATE", der)
}

func (i *issuer) writeKey(name string, key crypto.Signer) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return i.write(name+"-key.pem", "PRIVATE KEY", der)
}

func (i *issuer) write(file, kind string, der []byte) error {
	block := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	return os.WriteFile(filepath.Join(i.folder, file), block, 0o600)
}
