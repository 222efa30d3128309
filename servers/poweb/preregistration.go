package poweb

import (
	"crypto/rand"
	"net/http"

	"awala.network/gateway/awala/registration"
	"awala.network/gateway/servers/internal/web"
)

// preRegister answers with an authorisation for the key whose digest the body
// is (RS-016 §Pre-registration).
func (s *Server) preRegister(w http.ResponseWriter, r *http.Request) error {
	if !web.HasMediaType(r, typePlainText) {
		return web.NewProblem(http.StatusUnsupportedMediaType, "the content type must be %s", typePlainText)
	}
	if err := s.Guard.Register(web.Client(r)); err != nil {
		return err
	}
	return s.bodies.Read(w, r, maxDigestBody, func(body []byte) error {
		digest, err := registration.ParseKeyDigest(body)
		if err != nil {
			return web.NewProblem(http.StatusBadRequest, "the body must be a SHA-256 digest in 64 lowercase hexadecimal digits").Because(err)
		}
		var nonce [nonceLen]byte
		rand.Read(nonce[:]) // never fails; see the package's documentation
		authorization := registration.Authorization{
			ExpiresAt:   s.now().Add(authorizationLife),
			GatewayData: ticket{digest: digest, nonce: nonce}.marshal(),
		}
		var serialized []byte
		err = s.signing(r.Context(), func() (err error) {
			serialized, err = authorization.Sign(s.Identity.Key())
			return err
		})
		if err != nil {
			return err
		}
		return web.Respond(w, http.StatusOK, typeAuthorization, serialized)
	})
}
