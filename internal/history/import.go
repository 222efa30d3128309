package history

import (
	"context"
	"errors"
	"fmt"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/fault"
	"awala.network/gateway/internal/jetstream"
)

// ErrNotEmpty says that the system to import into has a history already.
var ErrNotEmpty = fault.Permanent(errors.New("it has a history already: import only into an empty system"))

// ErrVerdict says that an archive is not as it was signed for.
var ErrVerdict = fault.Permanent(errors.New("the archive is not as it was signed for"))

// Import records everything in an archive in an empty history, under the same ids,
// times and sequences. It verifies the archive first, against the key unless that is
// empty. If it is interrupted, what it left must be removed before it is repeated.
func Import(ctx context.Context, a *Archive, into *jetstream.Log, key string) (events uint64, err error) {
	verdict, err := Verification{Source: a, Key: key}.Run(ctx)
	if err != nil {
		return 0, err
	}
	if !verdict.OK() {
		return 0, fmt.Errorf("%w: see events verify", ErrVerdict)
	}
	if err := checkEmpty(ctx, into); err != nil {
		return 0, err
	}
	for _, s := range a.manifest.Streams {
		n, err := into.Restore(ctx, s.Name, a.stream(s.Name, false))
		events += n
		if err != nil {
			return events, fmt.Errorf("import %s: %w", s.Name, err)
		}
	}
	return events, nil
}

func checkEmpty(ctx context.Context, log *jetstream.Log) error {
	for _, spec := range events.Streams() {
		state, err := log.State(ctx, spec.Name)
		if err != nil {
			return err
		}
		if state.Last > 0 {
			return fmt.Errorf("%w (%s holds %d events)", ErrNotEmpty, spec.Name, state.Messages)
		}
	}
	return nil
}
