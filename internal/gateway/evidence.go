package gateway

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"golang.org/x/mod/sumdb/note"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/admin"
	"awala.network/gateway/internal/evidence"
	"awala.network/gateway/internal/history"
)

// evidenceParts are what inspects the history and signs for it.
type evidenceParts struct {
	mount admin.Mount

	mu       sync.Mutex // guards recorder
	recorder *evidence.Recorder
}

// openEvidence opens the operators' view of the history. That it cannot be opened
// is no reason to turn parcels away: it is told, and housekeeping tries again.
func (a *assembly) openEvidence(ctx context.Context) {
	if _, err := a.historyRecorder(ctx); err != nil {
		a.logger.LogAttrs(ctx, slog.LevelError, "the history cannot be signed", slog.Any("error", err))
	}
}

// historyRecorder returns the recorder, which the first successful call makes,
// together with what /events shows.
func (a *assembly) historyRecorder(ctx context.Context) (*evidence.Recorder, error) {
	e := &a.evidence
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.recorder != nil {
		return e.recorder, nil
	}
	s, address := a.services, a.identity.InternetAddress()
	key, err := evidence.EnsureKey(ctx, s.keys, s.blobs, address)
	if err != nil {
		return nil, err
	}
	verifier, err := note.NewVerifier(key.Public)
	if err != nil {
		return nil, err
	}
	store := evidence.Store{Blobs: s.blobs, Verifier: verifier}
	e.recorder = &evidence.Recorder{History: history.Recorded{Log: s.log}, Store: store, Key: key, Gateway: address}
	e.mount.Fill(history.NewHandler(history.Live{Log: s.log, Evidence: store, Names: s.names, PublicKey: key.Public}, e.recorder))
	return e.recorder, nil
}

// signHistory brings the evidence of every stream up to date.
func (a *assembly) signHistory(ctx context.Context) error {
	recorder, err := a.historyRecorder(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, spec := range events.Streams() {
		_, err := recorder.Advance(ctx, spec.Name)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
