package names

import (
	"context"
	"errors"
	"fmt"

	"awala.network/gateway/internal/keystore"
)

// Begin begins to forget a private gateway, or takes up again what was begun: from
// then on nothing is recorded of it, as soon as every process knows (see [Fence]),
// but by those who have a [Permit]. It can be repeated, and the first call decides
// who does it and why. [ErrUnknown] says that there is nothing to forget.
func (b *Book) Begin(ctx context.Context, gatewayID, by, reason string) (keystore.Forgetting, error) {
	f, err := b.begun(ctx, gatewayID)
	if err != nil {
		return f, err
	}
	stored, err := b.keys.GatewayName(ctx, gatewayID)
	switch {
	case errors.Is(err, keystore.ErrNotFound) && f.Pseudonym != "":
		return f, nil // its name was taken away already
	case errors.Is(err, keystore.ErrNotFound):
		return f, ErrUnknown
	case err != nil:
		return f, err
	}
	if f.Pseudonym == "" {
		f = keystore.Forgetting{
			GatewayID: gatewayID, Pseudonym: stored.Pseudonym, By: by, Reason: reason, StartedAt: b.now().UTC(),
		}
		if err := b.keys.SaveForgetting(ctx, f); err != nil {
			return f, err
		}
	}
	if stored.Pseudonym == f.Pseudonym && !stored.Forgetting {
		stored.Forgetting = true
		if err := b.keys.UpdateGatewayName(ctx, stored); err != nil {
			return f, err
		}
	}
	b.Forget()
	return f, nil
}

// begun returns the forgetting that was begun and has not ended.
func (b *Book) begun(ctx context.Context, gatewayID string) (keystore.Forgetting, error) {
	all, err := b.keys.Forgettings(ctx)
	if err != nil {
		return keystore.Forgetting{}, err
	}
	for _, f := range all {
		if f.GatewayID != gatewayID {
			continue
		}
		if f.Destroyed {
			return f, nil
		}
		n, err := b.read(ctx, f.Pseudonym)
		f.Destroyed = err == nil && n.GatewayID == "" // whoever did it did not live to say so
		return f, err
	}
	return keystore.Forgetting{}, nil
}

// Known returns the pseudonym under which a private gateway is recorded; [ErrUnknown]
// if it is not.
func (b *Book) Known(ctx context.Context, gatewayID string) (string, error) {
	f, err := b.begun(ctx, gatewayID)
	if err != nil || f.Pseudonym != "" {
		return f.Pseudonym, err
	}
	stored, err := b.keys.GatewayName(ctx, gatewayID)
	if errors.Is(err, keystore.ErrNotFound) {
		return "", ErrUnknown
	}
	return stored.Pseudonym, err
}

// Destroy destroys the key, and leaves the note that this was done on purpose. The
// private gateway gets another name if it is heard of again.
func (b *Book) Destroy(ctx context.Context, f keystore.Forgetting) error {
	if err := b.keys.SaveForgotten(ctx, f.Pseudonym, b.now()); err != nil {
		return err
	}
	stored, err := b.keys.GatewayName(ctx, f.GatewayID)
	if err == nil && stored.Pseudonym == f.Pseudonym {
		err = b.keys.DeleteGatewayName(ctx, f.GatewayID)
	}
	if err != nil && !errors.Is(err, keystore.ErrNotFound) {
		return fmt.Errorf("names: destroy: %w", err)
	}
	if err := b.keys.DeleteNamed(ctx, f.Pseudonym); err != nil {
		return err
	}
	f.Destroyed = true
	if err := b.keys.SaveForgetting(ctx, f); err != nil {
		return err
	}
	b.Forget()
	return nil
}

// End notes that nothing is left to do.
func (b *Book) End(ctx context.Context, f keystore.Forgetting) error {
	return b.keys.DeleteForgetting(ctx, f.Pseudonym)
}

// Forget empties the memory.
func (b *Book) Forget() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.drop()
}

// Again destroys once more the key of a pseudonym that was forgotten, if a key store that
// was restored from a backup has it again, and leaves a forgetting that is to be ended.
// It restores the note that it was forgotten, too. It tells whether the key was there.
func (b *Book) Again(ctx context.Context, pseudonym string) (restored bool, err error) {
	stored, err := b.keys.Named(ctx, pseudonym)
	if err == nil {
		f := keystore.Forgetting{GatewayID: stored.GatewayID, Pseudonym: pseudonym, StartedAt: b.now().UTC()}
		return true, b.Destroy(ctx, f)
	}
	if !errors.Is(err, keystore.ErrNotFound) {
		return false, err
	}
	noted, err := b.keys.IsForgotten(ctx, pseudonym)
	if err != nil || noted {
		return false, err
	}
	if err := b.keys.SaveForgotten(ctx, pseudonym, b.now()); err != nil {
		return false, err
	}
	b.Forget()
	return false, nil
}
