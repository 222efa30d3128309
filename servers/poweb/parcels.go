package poweb

import (
	"context"
	"encoding/base64"
	"log/slog"
	"net/http"

	"awala.network/gateway/awala/poweb"
	"awala.network/gateway/awala/ramf"
	"awala.network/gateway/events"
	"awala.network/gateway/handlers"
	"awala.network/gateway/servers/internal/web"
)

// takeParcel takes a parcel that a private gateway hands in (RS-016 §Parcel
// delivery). The checks are in the order of the reference implementation.
func (s *Server) takeParcel(w http.ResponseWriter, r *http.Request) error {
	if !web.HasMediaType(r, typeParcel) {
		return web.NewProblem(http.StatusUnsupportedMediaType, "the content type must be %s", typeParcel)
	}
	signature, ok := countersignature(r.Header)
	if !ok {
		return unauthorized("the parcel delivery countersignature is missing")
	}
	return s.bodies.Read(w, r, ramf.MaxMessageLen, func(parcel []byte) error {
		gatewayID, err := s.countersigner(signature, parcel)
		if err != nil {
			return unauthorized("invalid parcel delivery countersignature").Because(err)
		}
		web.Annotate(r.Context(), slog.String("private_gateway_id", gatewayID))
		if err := s.accept(r.Context(), gatewayID, parcel); err != nil {
			return err
		}
		w.WriteHeader(http.StatusAccepted)
		return nil
	})
}

// countersigner returns the id of the private gateway that countersigned the
// parcel.
func (s *Server) countersigner(signature string, parcel []byte) (string, error) {
	der, err := base64.StdEncoding.DecodeString(signature)
	if err != nil {
		return "", err
	}
	signer, err := poweb.VerifyParcel(der, parcel, s.Identity.Validator(), s.now())
	if err != nil {
		return "", err
	}
	return signer.SubjectID(), nil
}

func (s *Server) accept(ctx context.Context, gatewayID string, parcel []byte) error {
	accepted, err := s.Acceptor.FromPrivateGateway(ctx, parcel, gatewayID, events.ViaPoWeb, nil)
	if refusal := handlers.AsRefusal(err); refusal != nil {
		status := http.StatusUnprocessableEntity
		if refusal.Kind == handlers.Malformed {
			status = http.StatusBadRequest
		}
		return web.NewProblem(status, "%s", refusal.Reason)
	}
	if err != nil {
		return err
	}
	web.Annotate(ctx, slog.String("parcel_id", accepted.Key.ParcelID), slog.String("event_id", accepted.EventID),
		slog.Bool("duplicate", accepted.Duplicate))
	return nil
}

func unauthorized(message string) *web.Problem {
	p := web.NewProblem(http.StatusUnauthorized, "%s", message)
	p.Header = http.Header{"Www-Authenticate": {authorizationSchemes[0]}}
	return p
}
