package gateway

import (
	"context"

	"awala.network/gateway/internal/jetstream"
)

// OpenHistory opens nothing but the event history of a gateway that does not run: of
// the data folder in the configuration, which it locks, or if remote of the NATS
// servers. It makes the streams if they are not there. Close it with the function
// that it returns.
func OpenHistory(ctx context.Context, o Options, remote bool) (*jetstream.Log, func(context.Context) error, error) {
	a := newAssembly(o)
	s := new(services)
	open := s.openHistoryFolder
	if remote {
		open = s.openNATS
	}
	if err := open(ctx, a); err != nil {
		_ = s.close(ctx)
		return nil, nil, err
	}
	return s.log, s.close, nil
}

// openHistoryFolder locks the data folder and opens the history in it.
func (s *services) openHistoryFolder(ctx context.Context, a *assembly) error {
	dir, err := s.lockDataDir(a)
	if err != nil {
		return err
	}
	return s.openEmbeddedHistory(ctx, a, dir)
}
