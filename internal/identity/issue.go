package identity

import (
	"context"
	"crypto/rsa"
	"fmt"
	"time"

	"awala.network/gateway/awala/pki"
	"awala.network/gateway/events"
)

const (
	// CertificateLife is from the start to the end of every certificate that
	// this gateway issues: the most that RS-002 allows.
	CertificateLife = 180 * 24 * time.Hour

	// Backdating is how far before the moment of issue a certificate starts, for
	// peers whose clocks are slow.
	Backdating = 3 * time.Hour

	// RotationAge is the age at which the newest own certificate is followed by
	// another. It is short beside CertificateLife because no certificate of a
	// private gateway outlives that of its issuer, and clients renew theirs when
	// 90 days are left: an issuer late in its life would hand out certificates
	// that are due for renewal at once.
	RotationAge = 30 * 24 * time.Hour
)

// IssueFor issues the certificate of a private gateway (RS-002), valid for
// CertificateLife or until our own certificate ends. It records nothing.
func (i *Identity) IssueFor(privateGateway *rsa.PublicKey) (*pki.Certificate, error) {
	issuer := i.Certificate()
	request := i.request(privateGateway)
	request.Issuer = issuer
	if request.NotBefore.Before(issuer.NotBefore()) {
		request.NotBefore = issuer.NotBefore() // RS-002: not before its issuer
	}
	return pki.IssuePrivateGateway(request)
}

// Rotate issues a new own certificate for the same key and records it. Other
// processes learn of it by Follow. Run twice, it issues two; both are good.
func (i *Identity) Rotate(ctx context.Context) error {
	certificate, err := pki.IssueInternetGateway(i.request(&i.key.PublicKey))
	if err != nil {
		return fmt.Errorf("rotate the own certificate: %w", err)
	}
	issued := events.OwnCertificateIssued{
		NodeID:      i.NodeID(),
		Certificate: certificate.DER(),
		NotBefore:   certificate.NotBefore(),
		NotAfter:    certificate.NotAfter(),
	}
	if _, err := i.deps.Log.Append(ctx, events.New("", source, i.deps.Now(), issued)); err != nil {
		return fmt.Errorf("rotate the own certificate: %w", err)
	}
	i.deps.Logger.InfoContext(ctx, "own certificate issued",
		"node_id", issued.NodeID, "expires_at", issued.NotAfter)
	return i.Refresh(ctx)
}

// RotateIfDue calls Rotate when the newest own certificate has reached
// RotationAge or there is none, and tells whether it did. Call it daily.
func (i *Identity) RotateIfDue(ctx context.Context) (bool, error) {
	certificates := i.current.Load().certificates
	left := CertificateLife - RotationAge - Backdating
	if len(certificates) > 0 && certificates[0].NotAfter().Sub(i.deps.Now()) > left {
		return false, nil
	}
	return true, i.Rotate(ctx)
}

// request is what all our certificates have in common.
func (i *Identity) request(subject *rsa.PublicKey) pki.IssueRequest {
	start := i.deps.Now().Add(-Backdating)
	return pki.IssueRequest{
		Subject: subject, IssuerKey: i.key,
		NotBefore: start, NotAfter: start.Add(CertificateLife),
	}
}
