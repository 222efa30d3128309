package pki

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"awala.network/gateway/awala/internal/vectors"
)

// TestIssuedLikeClients issues again what the JavaScript library issued. What is
// signed must be the same octet for octet but for the serial number.
func TestIssuedLikeClients(t *testing.T) {
	cases := map[string]struct {
		profile                 issuing
		subject, issuer, parent string
	}{
		"cert-igw-self":          {IssueInternetGateway, "igw", "igw", ""},
		"cert-pgw":               {IssuePrivateGateway, "pgw", "igw", "cert-igw-self"},
		"cert-epA":               {IssueEndpoint, "epA", "pgw", "cert-pgw"},
		"cert-epA-self":          {IssueEndpoint, "epA", "epA", ""},
		"cert-pda-epB-by-epA":    {IssueDeliveryAuthorization, "epB", "epA", "cert-epA"},
		"cert-cda-igw-by-pgw":    {IssuePrivateGateway, "igw", "pgw", "cert-pgw-self"},
		"cert-cda-da-igw-by-pgw": {IssueDeliveryAuthorization, "igw", "pgw", "cert-pgw-self"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			theirs := readCertificate(t, "js/"+name+".der")
			request := IssueRequest{
				Subject: &ownerKey(t, tc.subject).PublicKey, IssuerKey: ownerKey(t, tc.issuer),
				NotBefore: theirs.NotBefore(), NotAfter: theirs.NotAfter(),
			}
			if tc.parent != "" {
				request.Issuer = readCertificate(t, "js/"+tc.parent+".der")
			}
			ours, err := tc.profile(request)
			if err != nil {
				t.Fatal(err)
			}
			a, _ := readShell(theirs.der)
			b, _ := readShell(ours.der)
			if !bytes.Equal(a.afterSerial, b.afterSerial) {
				t.Errorf("signed octets after the serial number:\n%x\nwant\n%x", b.afterSerial, a.afterSerial)
			}
			parent := ours
			if request.Issuer != nil {
				parent = request.Issuer
			}
			if err := ours.CheckSignatureFrom(parent); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestIssueCapsValidity(t *testing.T) {
	key := ownerKey(t, "igw")
	root := mustIssue(t, IssueInternetGateway, "igw", nil, key)
	c, err := IssuePrivateGateway(IssueRequest{
		Subject: &ownerKey(t, "pgw").PublicKey, IssuerKey: key, Issuer: root,
		NotBefore: vectors.Now.Add(999 * time.Millisecond), NotAfter: vectors.Now.Add(1000 * time.Hour),
	})
	if err != nil {
		t.Fatal(err)
	}
	if !c.NotBefore().Equal(vectors.Now) || !c.NotAfter().Equal(root.NotAfter()) {
		t.Errorf("valid from %v to %v", c.NotBefore(), c.NotAfter())
	}
}

func TestIssueRefuses(t *testing.T) {
	key := ownerKey(t, "igw")
	root := mustIssue(t, IssueInternetGateway, "igw", nil, key)
	delivery := mustIssue(t, IssueDeliveryAuthorization, "epA", root, key)
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		change func(*IssueRequest)
		want   error
	}{
		"no subject":         {func(r *IssueRequest) { r.Subject = nil }, ErrKey},
		"no issuer key":      {func(r *IssueRequest) { r.IssuerKey = nil }, ErrKey},
		"issuer key not RSA": {func(r *IssueRequest) { r.IssuerKey = ec }, ErrKey},
		"another's key":      {func(r *IssueRequest) { r.IssuerKey = ownerKey(t, "epB") }, ErrKey},
		"self for another":   {func(r *IssueRequest) { r.Issuer = nil }, ErrKey},
		"issuer not a CA":    {func(r *IssueRequest) { r.Issuer, r.IssuerKey = delivery, ownerKey(t, "epA") }, ErrNotCA},
		"no time":            {func(r *IssueRequest) { r.NotAfter = r.NotBefore }, ErrValidity},
		"after issuer's end": {func(r *IssueRequest) { r.NotBefore = root.NotAfter() }, ErrValidity},
		"before UTCTime":     {func(r *IssueRequest) { r.NotBefore = time.Date(1949, 12, 31, 0, 0, 0, 0, time.UTC) }, ErrValidity},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			request := IssueRequest{
				Subject: &ownerKey(t, "pgw").PublicKey, IssuerKey: key, Issuer: root,
				NotBefore: vectors.Now, NotAfter: vectors.Now.Add(time.Hour),
			}
			tc.change(&request)
			if _, err := IssuePrivateGateway(request); !errors.Is(err, tc.want) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
		})
	}
	_, err = IssueInternetGateway(IssueRequest{
		Subject: &key.PublicKey, IssuerKey: key,
		NotBefore: vectors.Now, NotAfter: time.Date(2050, 1, 1, 0, 0, 0, 0, time.UTC),
	})
	if !errors.Is(err, ErrValidity) {
		t.Errorf("after UTCTime: got %v, want ErrValidity", err)
	}
}

func TestSerialsAreDistinctAndMinimal(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		serial, err := newSerial()
		if err != nil {
			t.Fatal(err)
		}
		if serial.Sign() != 1 || serial.BitLen() > 63 {
			t.Fatalf("serial %v", serial)
		}
		seen[serial.String()] = true
	}
	if len(seen) != 1000 {
		t.Errorf("%d of 1000 serials are distinct", len(seen))
	}
}
