package handlers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"awala.network/gateway/events"
)

// ForgottenNames destroy again what was forgotten (see internal/names).
type ForgottenNames interface {
	// Again destroys the key of a pseudonym, if it is there again, and tells whether it
	// was. It can be repeated.
	Again(ctx context.Context, pseudonym string) (restored bool, err error)
}

// KeepForgotten keeps forgotten what was forgotten: the history says of which pseudonyms
// the keys were destroyed, whatever backup the key store is restored from.
//
// A failure leaves the rest for the next run. Running twice is safe.
type KeepForgotten struct {
	Names  ForgottenNames
	Log    SubjectLog
	Logger *slog.Logger
}

// Run looks once at everything that was forgotten, and returns how many keys it had to
// destroy again. What was derived from the history in the meantime may hold names: the
// forgettings that it leaves are to be ended by ForgetGateway.
func (h *KeepForgotten) Run(ctx context.Context) (destroyed int, err error) {
	for from := uint64(1); ; {
		r, err := h.Log.Next(ctx, events.StreamGateway, events.ForgettingChannel, from)
		if errors.Is(err, io.EOF) {
			return destroyed, nil
		}
		if err != nil {
			return destroyed, fmt.Errorf("keep forgotten: %w", err)
		}
		from = r.Sequence + 1
		data, ok := r.Data.(events.PrivateGatewayForgotten)
		if !ok {
			continue
		}
		restored, err := h.Names.Again(ctx, data.Pseudonym)
		if err != nil {
			return destroyed, fmt.Errorf("keep forgotten: %w", err)
		}
		if restored {
			destroyed++
			h.Logger.ErrorContext(ctx, "the key store had the key of a private gateway that was forgotten, as after the restoration of a backup; it is destroyed again: see what doctor says",
				"pseudonym", data.Pseudonym)
		}
	}
}
