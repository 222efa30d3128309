package keystore

import (
	"context"
	"fmt"
)

// Path and field of the keys that sign checkpoints of the history.
const (
	checkpointPrefix = "e-"
	fieldNoteKey     = "noteKey"
)

// CheckpointKey returns the private key that signs checkpoints of the history, in
// the text form of golang.org/x/mod/sumdb/note. The id, lowercase hexadecimal, is
// that key's hash.
func (k *Keys) CheckpointKey(ctx context.Context, id string) (string, error) {
	r, err := k.read(ctx, checkpointPrefix+id)
	if err != nil {
		return "", fmt.Errorf("checkpoint key %s: %w", id, err)
	}
	if r[fieldNoteKey] == "" {
		return "", fmt.Errorf("checkpoint key %s: %w: no key", id, ErrCorrupt)
	}
	return r[fieldNoteKey], nil
}

// SaveCheckpointKey stores the key. When it returns nil the key is durable.
func (k *Keys) SaveCheckpointKey(ctx context.Context, id, key string) error {
	if err := k.secrets.Put(ctx, checkpointPrefix+id, Record{fieldNoteKey: key}); err != nil {
		return fmt.Errorf("save checkpoint key %s: %w", id, err)
	}
	return nil
}
