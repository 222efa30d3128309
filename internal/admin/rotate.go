package admin

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"time"
)

// Rotation is the answer of POST /keys/rotate-certificate.
type Rotation struct {
	// ExpiresAt is the end of the new certificate's validity.
	ExpiresAt time.Time `json:"expiresAt"`
}

func (o Options) rotateCertificate(w http.ResponseWriter, r *http.Request) {
	expiresAt, err := o.RotateCertificate(r.Context())
	if err != nil {
		o.Logger.LogAttrs(r.Context(), slog.LevelError, "own certificate not rotated", slog.Any("error", err))
		writeText(w, http.StatusServiceUnavailable, err.Error()+"\n")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	// A client that went away needs no answer.
	_ = json.NewEncoder(w).Encode(Rotation{ExpiresAt: expiresAt})
}
