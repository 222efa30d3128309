package identity

import "context"

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

// Follow keeps the identity up to date with what other processes record: it looks
// at once, and each time that changed returns. changed waits until something may
// have been recorded on events.IdentityChannel since it was called first; its
// error ends Follow. A failed look is logged and repeated with the next one.
func (i *Identity) Follow(ctx context.Context, changed func(context.Context) error) error {
	for {
		if err := i.Refresh(ctx); err != nil && ctx.Err() == nil {
			i.deps.Logger.WarnContext(ctx, "identity not refreshed", "error", err)
		}
		if err := changed(ctx); err != nil {
			return err
		}
	}
}
