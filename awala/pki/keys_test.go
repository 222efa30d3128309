package pki

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"math/big"
	"strings"
	"testing"

	"awala.network/gateway/awala/internal/vectors"
)

func TestValidNodeID(t *testing.T) {
	id := "0" + strings.Repeat("0123456789abcdef", 4)
	cases := map[string]bool{
		id: true, "": false, "0": false, id[:64]: false, id + "0": false,
		"1" + id[1:]: false, strings.ToUpper(id): false, id[:64] + "g": false, id[:64] + "\n": false,
	}
	for id, want := range cases {
		if got := ValidNodeID(id); got != want {
			t.Errorf("%q: got %v", id, got)
		}
	}
}

func TestGeneratedKeys(t *testing.T) {
	key, err := GenerateIdentityKey()
	if err != nil || key.N.BitLen() != 2048 {
		t.Fatalf("identity key %v, error %v", key, err)
	}
	pkcs8, err := MarshalPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParsePrivateKey(pkcs8)
	if err != nil || !again.Equal(key) {
		t.Errorf("read back: %v", err)
	}
	session, err := GenerateSessionKey()
	if err != nil || len(session.ID) != 8 {
		t.Fatalf("session key id %x, error %v", session.ID, err)
	}
	pkcs8, err = session.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	sessionAgain, err := ParseSessionKey(session.ID, pkcs8)
	if err != nil || !sessionAgain.Public().Equal(session.Public()) {
		t.Errorf("read back: %v", err)
	}
}

func TestUnacceptableKeys(t *testing.T) {
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	huge := &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), maxModulusBits), E: 65537}
	hugeSPKI, err := x509.MarshalPKIXPublicKey(huge)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, _ := ed25519.GenerateKey(rand.Reader)
	ec, _ := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	smallPKCS8, edPKCS8, ecPKCS8 := pkcs8(t, small), pkcs8(t, edKey), pkcs8(t, ec)
	for name, err := range map[string]error{
		"no key":            second(NodeID(nil)),
		"small key":         second(NodeID(&small.PublicKey)),
		"small private key": second(ParsePrivateKey(smallPKCS8)),
		"no private key":    second(MarshalPrivateKey(nil)),
		"huge key":          second(ParsePublicKey(hugeSPKI)),
		"EdDSA identity":    second(ParsePrivateKey(edPKCS8)),
		"EdDSA session":     second(ParseSessionKey(nil, edPKCS8)),
		"P-224 session":     second(ParseSessionKey(nil, ecPKCS8)),
		"RSA session":       second(ParseSessionPublicKey(nil, vectors.Read(t, "js/key-rsa-igw.spki"))),
		"no session key":    second(SessionKey{}.Marshal()),
		"no session public": second(SessionPublicKey{}.Marshal()),
		"write small key":   second(MarshalPublicKey(&small.PublicKey)),
	} {
		if !errors.Is(err, ErrKey) {
			t.Errorf("%s: got %v, want ErrKey", name, err)
		}
	}
	spki := vectors.Read(t, "js/key-rsa-igw.spki")
	for name, err := range map[string]error{
		"EC identity":     second(ParsePublicKey(vectors.Read(t, "js/key-ec-P-256.spki"))),
		"trailing octet":  second(ParsePublicKey(append(bytes.Clone(spki), 0))),
		"no octets":       second(ParsePublicKey(nil)),
		"no private":      second(ParsePrivateKey(nil)),
		"no session":      second(ParseSessionKey(nil, nil)),
		"no session SPKI": second(ParseSessionPublicKey(nil, nil)),
	} {
		if !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: got %v, want ErrMalformed", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func pkcs8(t *testing.T, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func TestErrorText(t *testing.T) {
	err := refuse(ErrUntrusted, "leaf", refuse(ErrExpired, "issuer", nil))
	if got, want := err.Error(), "pki: untrusted: leaf: pki: expired: issuer"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	var typed *Error
	if !errors.As(err, &typed) || typed.Kind != ErrUntrusted || !errors.Is(err, ErrExpired) {
		t.Errorf("got %#v", err)
	}
}
