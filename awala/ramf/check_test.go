package ramf_test

import (
	"errors"
	"testing"
	"time"

	"awala.network/gateway/awala/internal/vectors"
	"awala.network/gateway/awala/pki"
	"awala.network/gateway/awala/ramf"
)

func TestCheckTiming(t *testing.T) {
	created := vectors.Now
	m := &ramf.Message{CreatedAt: created, TTL: time.Hour}
	for name, test := range map[string]struct {
		at        time.Time
		tolerance time.Duration
		want      error
	}{
		"at creation":                   {at: created},
		"at expiry":                     {at: created.Add(time.Hour)},
		"just before creation":          {at: created.Add(-1), want: ramf.ErrFromFuture},
		"just after expiry":             {at: created.Add(time.Hour + 1), want: ramf.ErrExpired},
		"at the end of the tolerance":   {at: created.Add(-2 * time.Hour), tolerance: 2 * time.Hour},
		"beyond the tolerance":          {at: created.Add(-2*time.Hour - 1), tolerance: 2 * time.Hour, want: ramf.ErrFromFuture},
		"expiry is not tolerated later": {at: created.Add(time.Hour + 1), tolerance: 2 * time.Hour, want: ramf.ErrExpired},
	} {
		t.Run(name, func(t *testing.T) {
			if err := m.CheckTiming(test.at, test.tolerance); !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}

func TestCheckSender(t *testing.T) {
	m := newParcel(t, nil)
	for name, test := range map[string]struct {
		at   time.Time
		want error
	}{
		"first instant": {at: m.Sender.NotBefore()},
		"last instant":  {at: m.Sender.NotAfter()},
		"before":        {at: m.Sender.NotBefore().Add(-1), want: pki.ErrNotYetValid},
		"after":         {at: m.Sender.NotAfter().Add(time.Second), want: pki.ErrExpired},
	} {
		t.Run(name, func(t *testing.T) {
			err := m.CheckSender(test.at)
			if !errors.Is(err, test.want) || (err != nil && !errors.Is(err, ramf.ErrUnauthorized)) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}

func TestAuthorizeReturnsThePath(t *testing.T) {
	m, err := ramf.Parse(vectors.Read(t, "js/parcel-to-private-fullchain.ramf"))
	if err != nil {
		t.Fatal(err)
	}
	path, err := m.Authorize(trusting(t, "js/cert-igw-self.der"), vectors.Now)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"js/cert-pda-epB-by-epA.der", "js/cert-epA.der", "js/cert-pgw.der", "js/cert-igw-self.der"}
	if len(path) != len(names) {
		t.Fatalf("path of %d", len(path))
	}
	for i, name := range names {
		if !path[i].Equal(certificate(t, name)) {
			t.Errorf("certificate %d is not %s", i, name)
		}
	}
}

func TestAuthorizeRefusals(t *testing.T) {
	root := trusting(t, "js/cert-igw-self.der")
	for name, test := range map[string]struct {
		spoil     func(*ramf.Message)
		validator *pki.Validator
		at        time.Time
		want      error // besides ErrUnauthorized
	}{
		"issuer is not the recipient": {spoil: func(m *ramf.Message) { m.Recipient.ID = nodeID(t, "js", "pgw") }},
		"recipient is the sender":     {spoil: func(m *ramf.Message) { m.Recipient.ID = m.SenderID() }},
		"recipient is the root":       {spoil: func(m *ramf.Message) { m.Recipient.ID = nodeID(t, "js", "igw") }},
		"missing intermediate":        {spoil: func(m *ramf.Message) { m.Attached = m.Attached[:1] }, want: pki.ErrUntrusted},
		"self-issued sender": {spoil: func(m *ramf.Message) {
			m.Sender, m.Attached = certificate(t, "js/cert-epA-self.der"), nil
		}, want: pki.ErrUntrusted},
		"sender is the trust anchor": {spoil: func(m *ramf.Message) {
			m.Sender, m.Recipient.ID = certificate(t, "js/cert-igw-self.der"), nodeID(t, "js", "igw")
		}, want: pki.ErrUntrusted},
		"other root":           {validator: trusting(t, "js/cert-self-rsa3072.der"), want: pki.ErrUntrusted},
		"root of other stack":  {validator: trusting(t, "jvm/cert-igw-self.der"), want: pki.ErrUntrusted},
		"nobody trusted":       {validator: pki.NewValidator(nil, nil), want: pki.ErrUntrusted},
		"expired certificates": {at: time.Date(2049, 12, 2, 0, 0, 0, 0, time.UTC), want: pki.ErrExpired},
		"future certificates":  {at: time.Date(2025, 12, 31, 0, 0, 0, 0, time.UTC), want: pki.ErrNotYetValid},
	} {
		t.Run(name, func(t *testing.T) {
			m, validator, at := newParcel(t, nil), root, vectors.Now
			if test.spoil != nil {
				test.spoil(m)
			}
			if test.validator != nil {
				validator = test.validator
			}
			if !test.at.IsZero() {
				at = test.at
			}
			_, err := m.Authorize(validator, at)
			if !errors.Is(err, ramf.ErrUnauthorized) || (test.want != nil && !errors.Is(err, test.want)) {
				t.Errorf("got %v, want ErrUnauthorized and %v", err, test.want)
			}
		})
	}
}

// A stranger attaches somebody's genuine path beside a certificate of their own
// making. The reference's path building can be led to check the genuine
// certificate; ours starts at the one whose key signed.
func TestAuthorizeIsNotMisledByGenuineCertificates(t *testing.T) {
	m := newParcel(t, nil)
	stranger := privateKey(t, "js/key-rsa-epI.pkcs8")
	forged, err := pki.IssueEndpoint(pki.IssueRequest{
		Subject: &stranger.PublicKey, IssuerKey: stranger,
		NotBefore: vectors.Now.Add(-time.Hour), NotAfter: vectors.Now.Add(time.Hour),
	})
	if err != nil {
		t.Fatal(err)
	}
	m.Attached = append(m.Attached, m.Sender)
	m.Sender = forged
	got, err := ramf.Parse(sign(t, m, stranger))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := got.Authorize(trusting(t, "js/cert-igw-self.der"), vectors.Now); !errors.Is(err, ramf.ErrUnauthorized) {
		t.Errorf("got %v, want ErrUnauthorized", err)
	}
}
