package poweb

import (
	"context"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"awala.network/gateway/awala/pki"
	"awala.network/gateway/awala/registration"
	"awala.network/gateway/events"
	"awala.network/gateway/internal/fault"
	"awala.network/gateway/servers/internal/web"
)

// source names this package as the recorder of its events.
const source = "poweb"

// register makes the sender a client of this gateway (RS-016 §Registration).
func (s *Server) register(w http.ResponseWriter, r *http.Request) error {
	if !web.HasMediaType(r, typeRequest) {
		return web.NewProblem(http.StatusUnsupportedMediaType, "the content type must be %s", typeRequest)
	}
	if err := s.Guard.Register(web.Client(r)); err != nil {
		return err
	}
	return s.bodies.Read(w, r, maxRequestBody, func(body []byte) error {
		key, t, err := s.admit(body)
		if err != nil {
			return err
		}
		answer, err := s.enrol(r.Context(), key, t)
		if err != nil {
			return err
		}
		return web.Respond(w, http.StatusOK, typeRegistration, answer)
	})
}

// admit tells whether the request may register its key. It changes nothing.
func (s *Server) admit(body []byte) (*rsa.PublicKey, ticket, error) {
	refuse := func(status int, message string, err error) (*rsa.PublicKey, ticket, error) {
		return nil, ticket{}, web.NewProblem(status, "%s", message).Because(err)
	}
	request, err := registration.ParseRequest(body)
	if err != nil {
		return refuse(http.StatusBadRequest, "malformed registration request", err)
	}
	if err := request.Verify(); err != nil {
		return refuse(http.StatusBadRequest, "invalid registration request countersignature", err)
	}
	authorization, err := registration.ParseAuthorization(request.Authorization)
	if err != nil {
		return refuse(http.StatusBadRequest, "malformed registration authorization", err)
	}
	err = authorization.Verify(s.Identity.Certificate().PublicKey(), s.now().Add(-clockSkew))
	if errors.Is(err, registration.ErrExpired) {
		return refuse(http.StatusBadRequest, "expired registration authorization", err)
	}
	if err != nil {
		return refuse(http.StatusBadRequest, "invalid registration authorization", err)
	}
	t, err := parseTicket(authorization.GatewayData)
	if err != nil {
		return refuse(http.StatusBadRequest, "invalid registration authorization", err)
	}
	digest, err := registration.DigestKey(request.Key)
	if err != nil {
		return refuse(http.StatusBadRequest, "unacceptable key", err)
	}
	if digest != t.digest {
		return refuse(http.StatusForbidden, "the registration authorization is for another key", nil)
	}
	return request.Key, t, nil
}

// enrol gives the private gateway a certificate and a session key, and records
// that, in an order that leaves nothing half done: the key first, because from
// the event on the gateway is registered, and the answer last.
func (s *Server) enrol(ctx context.Context, key *rsa.PublicKey, t ticket) ([]byte, error) {
	var certificate *pki.Certificate
	err := s.signing(ctx, func() (err error) {
		certificate, err = s.Identity.IssueFor(key)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("issue the certificate: %w", err)
	}
	sessionKey, err := pki.GenerateSessionKey()
	if err != nil {
		return nil, err
	}
	public := sessionKey.Public()
	answer, err := (&registration.Registration{
		NodeCertificate:    certificate,
		GatewayCertificate: s.Identity.Certificate(),
		InternetAddress:    s.Identity.InternetAddress(),
		SessionKey:         &public,
	}).Marshal()
	if err != nil {
		return nil, fault.Permanent(fmt.Errorf("write the registration: %w", err))
	}
	peerID := t.digest.NodeID()
	web.Annotate(ctx, slog.String("private_gateway_id", peerID))
	if err := s.SessionKeys.SaveSessionKey(ctx, s.Identity.NodeID(), peerID, sessionKey); err != nil {
		return nil, fmt.Errorf("save the session key: %w", err)
	}
	if err := s.record(ctx, certificate, sessionKey.ID, t); err != nil {
		return nil, err
	}
	return answer, nil
}

func (s *Server) record(ctx context.Context, certificate *pki.Certificate, keyID []byte, t ticket) error {
	digest := sha256.Sum256(certificate.DER())
	position, err := s.Log.Append(ctx, events.New(t.eventID(), source, s.now(), events.PrivateGatewayRegistered{
		PrivateGatewayID:     certificate.SubjectID(),
		SessionKeyID:         hex.EncodeToString(keyID),
		CertificateSHA256:    hex.EncodeToString(digest[:]),
		CertificateExpiresAt: certificate.NotAfter().UTC(),
	}))
	if err != nil {
		// The event may be stored, so the key that it names stays.
		return fmt.Errorf("record the registration: %w", err)
	}
	if !position.Duplicate {
		return nil
	}
	if err := s.SessionKeys.DeleteSessionKey(ctx, s.Identity.NodeID(), keyID); err != nil {
		web.Logger(ctx).WarnContext(ctx, "Session key of a refused registration stays behind",
			slog.String("session_key_id", hex.EncodeToString(keyID)), slog.Any("error", err))
	}
	return web.NewProblem(http.StatusBadRequest, "the registration authorization was used before")
}
