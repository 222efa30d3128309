package identity

import (
	"context"
	"time"
)

// followInterval is how often Follow looks by itself. A process that learns of a
// rotation late is not wrong, only behind: the earlier certificate is still good
// for months.
const followInterval = 10 * time.Minute

// Refresh folds in what the history holds by now.
func (i *Identity) Refresh(ctx context.Context) error {
	i.refreshing.Lock()
	defer i.refreshing.Unlock()
	s, err := i.current.Load().catchUp(ctx, i.deps.Log)
	if err != nil {
		return err
	}
	i.adopt(s)
	return nil
}

// Follow keeps the identity up to date with what other processes record, until
// ctx is done; its error is ctx's. It looks whenever changed yields (a nil
// channel never does) and every ten minutes. A failed look is logged and
// repeated with the next one.
func (i *Identity) Follow(ctx context.Context, changed <-chan struct{}) error {
	ticker := time.NewTicker(followInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case _, open := <-changed:
			if !open {
				changed = nil
			}
		case <-ticker.C:
		}
		if err := i.Refresh(ctx); err != nil && ctx.Err() == nil {
			i.deps.Logger.WarnContext(ctx, "identity not refreshed", "error", err)
		}
	}
}
