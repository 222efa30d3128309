package poweb

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"awala.network/gateway/awala/registration"
	"awala.network/gateway/servers/internal/web"
)

// connectionParamsLife is how long serialised connection parameters are served
// before they are made anew.
const connectionParamsLife = 5 * time.Minute

// connectionParams keeps the serialised connection parameters.
type connectionParams struct {
	mu         sync.Mutex
	serialized []byte
	madeAt     time.Time
}

// getConnectionParams serves what others need to know to reach this gateway
// (RS-003). They are public and change hardly ever; outdated ones are better
// than none.
func (s *Server) getConnectionParams(w http.ResponseWriter, r *http.Request) error {
	serialized, err := s.connectionParams(r.Context())
	if err != nil {
		return err
	}
	return web.Respond(w, http.StatusOK, typeConnectionParams, serialized)
}

func (s *Server) connectionParams(ctx context.Context) ([]byte, error) {
	s.params.mu.Lock()
	defer s.params.mu.Unlock()
	now := s.now()
	if s.params.serialized != nil && now.Sub(s.params.madeAt) < connectionParamsLife {
		return s.params.serialized, nil
	}
	made, err := s.makeConnectionParams(ctx)
	switch {
	case err == nil:
		s.params.serialized, s.params.madeAt = made, now
	case s.params.serialized == nil:
		return nil, err
	default:
		web.Logger(ctx).WarnContext(ctx, "Connection parameters not refreshed", slog.Any("error", err))
	}
	return s.params.serialized, nil
}

func (s *Server) makeConnectionParams(ctx context.Context) ([]byte, error) {
	sessionKey, err := s.Identity.InitialSessionKey(ctx)
	if err != nil {
		return nil, err
	}
	return (&registration.ConnectionParams{
		InternetAddress: s.Identity.InternetAddress(),
		IdentityKey:     s.Identity.Certificate().PublicKey(),
		SessionKey:      sessionKey.Public(),
	}).Marshal()
}
