package keystore

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Paths of what makes the history's names of private gateways readable.
const (
	gatewayNamePrefix = "n-"
	pseudonymPrefix   = "p-"
	forgottenPrefix   = "f-"
	forgettingPrefix  = "j-"
)

const (
	fieldPseudonym   = "pseudonym"
	fieldGatewayID   = "gatewayId"
	fieldNameKey     = "nameKey" // base64
	fieldForgetting  = "forgetting"
	fieldForgottenAt = "forgottenAt" // RFC 3339
	fieldStartedAt   = "startedAt"   // RFC 3339
	fieldBy          = "by"
	fieldReason      = "reason"
	fieldDestroyed   = "destroyed"
	yes              = "yes"
)

// GatewayName is the pseudonym of a private gateway in the history and the key to
// what the history has of it.
type GatewayName struct {
	GatewayID string
	// Pseudonym is "p-" and lowercase letters and digits, the path of its record.
	Pseudonym string
	Key       []byte
	// Forgetting tells that nothing more is to be recorded under it.
	Forgetting bool
}

// gatewayNamePath holds no id, for those who may list paths but not read them.
func gatewayNamePath(gatewayID string) string {
	sum := sha256.Sum256([]byte(gatewayID))
	return gatewayNamePrefix + hex.EncodeToString(sum[:])
}

func (n GatewayName) record() Record {
	r := Record{
		fieldPseudonym: n.Pseudonym, fieldGatewayID: n.GatewayID, fieldNameKey: base64.StdEncoding.EncodeToString(n.Key),
	}
	if n.Forgetting {
		r[fieldForgetting] = yes
	}
	return r
}

func parseGatewayName(r Record) (GatewayName, error) {
	key, err := base64.StdEncoding.DecodeString(r[fieldNameKey])
	if err != nil || len(key) == 0 || r[fieldGatewayID] == "" || !strings.HasPrefix(r[fieldPseudonym], pseudonymPrefix) {
		return GatewayName{}, fmt.Errorf("%w: no name of a private gateway", ErrCorrupt)
	}
	return GatewayName{
		GatewayID: r[fieldGatewayID], Pseudonym: r[fieldPseudonym], Key: key, Forgetting: r[fieldForgetting] != "",
	}, nil
}

// GatewayName returns the name under which a private gateway is recorded now.
func (k *Keys) GatewayName(ctx context.Context, gatewayID string) (GatewayName, error) {
	n, err := k.name(ctx, gatewayNamePath(gatewayID))
	if err == nil && n.GatewayID != gatewayID {
		err = fmt.Errorf("%w: it is another's", ErrCorrupt)
	}
	if err != nil {
		return GatewayName{}, fmt.Errorf("name of a private gateway: %w", err)
	}
	return n, nil
}

// Named returns the name with this pseudonym.
func (k *Keys) Named(ctx context.Context, pseudonym string) (GatewayName, error) {
	if !strings.HasPrefix(pseudonym, pseudonymPrefix) {
		return GatewayName{}, fmt.Errorf("pseudonym %.64q: %w", pseudonym, ErrNotFound)
	}
	n, err := k.name(ctx, pseudonym)
	if err == nil && n.Pseudonym != pseudonym {
		err = fmt.Errorf("%w: it is another's", ErrCorrupt)
	}
	if err != nil {
		return GatewayName{}, fmt.Errorf("pseudonym %s: %w", pseudonym, err)
	}
	return n, nil
}

func (k *Keys) name(ctx context.Context, path string) (GatewayName, error) {
	r, err := k.read(ctx, path)
	if err != nil {
		return GatewayName{}, err
	}
	return parseGatewayName(r)
}

// CreateGatewayName gives a private gateway its name, unless it has one: ErrExists.
// The name must be saved with [Keys.SaveNamed] before it is used.
func (k *Keys) CreateGatewayName(ctx context.Context, n GatewayName) error {
	if err := k.secrets.Create(ctx, gatewayNamePath(n.GatewayID), n.record()); err != nil {
		return fmt.Errorf("create a name of a private gateway: %w", err)
	}
	return nil
}

// UpdateGatewayName replaces the name of a private gateway.
func (k *Keys) UpdateGatewayName(ctx context.Context, n GatewayName) error {
	if err := k.secrets.Put(ctx, gatewayNamePath(n.GatewayID), n.record()); err != nil {
		return fmt.Errorf("update a name of a private gateway: %w", err)
	}
	return nil
}

// DeleteGatewayName takes a private gateway its name. What has it can still be read.
func (k *Keys) DeleteGatewayName(ctx context.Context, gatewayID string) error {
	if err := k.secrets.Delete(ctx, gatewayNamePath(gatewayID)); err != nil {
		return fmt.Errorf("delete a name of a private gateway: %w", err)
	}
	return nil
}

// SaveNamed lets the name be found by its pseudonym.
func (k *Keys) SaveNamed(ctx context.Context, n GatewayName) error {
	n.Forgetting = false
	if err := k.secrets.Put(ctx, n.Pseudonym, n.record()); err != nil {
		return fmt.Errorf("save pseudonym %s: %w", n.Pseudonym, err)
	}
	return nil
}

// DeleteNamed destroys the key of a pseudonym.
func (k *Keys) DeleteNamed(ctx context.Context, pseudonym string) error {
	if err := k.secrets.Delete(ctx, pseudonym); err != nil {
		return fmt.Errorf("destroy the key of %s: %w", pseudonym, err)
	}
	return nil
}

// IsForgotten tells whether a pseudonym was forgotten on purpose.
func (k *Keys) IsForgotten(ctx context.Context, pseudonym string) (bool, error) {
	_, err := k.read(ctx, forgottenPath(pseudonym))
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("whether %s was forgotten: %w", pseudonym, err)
	}
	return true, nil
}

// SaveForgotten notes for ever that a pseudonym was forgotten on purpose.
func (k *Keys) SaveForgotten(ctx context.Context, pseudonym string, at time.Time) error {
	r := Record{fieldForgottenAt: at.UTC().Format(time.RFC3339)}
	if err := k.secrets.Put(ctx, forgottenPath(pseudonym), r); err != nil {
		return fmt.Errorf("note that %s is forgotten: %w", pseudonym, err)
	}
	return nil
}

// Forgetting is the forgetting of a private gateway that was begun and has not ended.
type Forgetting struct {
	GatewayID, Pseudonym string
	// By and Reason are the operator's.
	By, Reason string
	StartedAt  time.Time
	// Destroyed tells that the key is gone, so that only what was derived from the
	// history is left to do.
	Destroyed bool
}

// SaveForgetting notes how far it is.
func (k *Keys) SaveForgetting(ctx context.Context, f Forgetting) error {
	r := Record{
		fieldGatewayID: f.GatewayID, fieldPseudonym: f.Pseudonym, fieldBy: f.By, fieldReason: f.Reason,
		fieldStartedAt: f.StartedAt.UTC().Format(time.RFC3339Nano),
	}
	if f.Destroyed {
		r[fieldDestroyed] = yes
	}
	if err := k.secrets.Put(ctx, forgettingPath(f.Pseudonym), r); err != nil {
		return fmt.Errorf("note the forgetting of %s: %w", f.Pseudonym, err)
	}
	return nil
}

// Forgettings returns all of them.
func (k *Keys) Forgettings(ctx context.Context) ([]Forgetting, error) {
	paths, err := k.secrets.List(ctx, forgettingPrefix)
	if err != nil {
		return nil, fmt.Errorf("list what is being forgotten: %w", err)
	}
	var all []Forgetting
	for _, path := range paths {
		r, err := k.read(ctx, path)
		if errors.Is(err, ErrNotFound) {
			continue // it has just ended
		}
		if err != nil {
			return nil, fmt.Errorf("what is being forgotten: %w", err)
		}
		at, err := time.Parse(time.RFC3339Nano, r[fieldStartedAt])
		if err != nil || r[fieldGatewayID] == "" || forgettingPath(r[fieldPseudonym]) != path {
			return nil, fmt.Errorf("%s: %w", path, ErrCorrupt)
		}
		all = append(all, Forgetting{
			GatewayID: r[fieldGatewayID], Pseudonym: r[fieldPseudonym], By: r[fieldBy], Reason: r[fieldReason],
			StartedAt: at, Destroyed: r[fieldDestroyed] != "",
		})
	}
	return all, nil
}

// DeleteForgetting notes that it has ended.
func (k *Keys) DeleteForgetting(ctx context.Context, pseudonym string) error {
	if err := k.secrets.Delete(ctx, forgettingPath(pseudonym)); err != nil {
		return fmt.Errorf("end the forgetting of %s: %w", pseudonym, err)
	}
	return nil
}

func forgottenPath(pseudonym string) string {
	return forgottenPrefix + strings.TrimPrefix(pseudonym, pseudonymPrefix)
}

func forgettingPath(pseudonym string) string {
	return forgettingPrefix + strings.TrimPrefix(pseudonym, pseudonymPrefix)
}
