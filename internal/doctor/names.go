package doctor

import (
	"context"
	"errors"
	"io"
	"time"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/jetstream"
	"awala.network/gateway/internal/keystore"
)

// namesLookedAt is how many of the last events of each stream are looked at.
const namesLookedAt = 20

// examineNamesRemote holds the history on NATS to the key store. What cannot be reached
// is told by others.
func examineNamesRemote(ctx context.Context, c *Case, r *Report) {
	conn, err := c.Connect(false)
	if err != nil {
		return
	}
	defer conn.Close()
	log, err := jetstream.Open(ctx, conn, jetstream.Options{Sync: jetstream.DeclaredSync(), Logger: c.Logger})
	if err != nil {
		return
	}
	defer log.Close()
	examineNames(ctx, c, r, log)
}

// examineNames tells whether the key store has what makes the newest events readable,
// and of forgettings that have not ended.
func examineNames(ctx context.Context, c *Case, r *Report, log *jetstream.Log) {
	keys, closeKeys, err := c.Keys(ctx)
	if err != nil {
		return
	}
	defer func() { _ = closeKeys() }()
	unfinished, err := keys.Forgettings(ctx)
	if err != nil {
		return
	}
	for _, f := range unfinished {
		r.warning("forgetting", "run awala-gateway events forget "+f.GatewayID+" --yes again: it goes on where it stopped, and until then nothing may be recorded of that private gateway",
			"the forgetting of a private gateway was begun at %s and has not ended", f.StartedAt.Format(time.RFC3339))
	}
	missing, looked, err := missingNames(ctx, c, keys, log)
	switch {
	case err != nil:
	case len(missing) > 0:
		r.problem("names", "restore the key store from its newest backup, or merge what is missing into it: without it these events cannot be read",
			"the key store knows nothing of %d of %d pseudonyms in the newest events, such as %s", len(missing), looked, missing[0])
	case len(unfinished) == 0:
		r.ok("names", "the key store has the keys of the newest events")
	}
}

// missingNames looks for the pseudonyms in the last events of each stream.
func missingNames(ctx context.Context, c *Case, keys *keystore.Keys, log *jetstream.Log) (missing []string, looked int, err error) {
	seen := map[string]bool{"": true}
	for _, spec := range c.Streams {
		last, err := log.LastSequence(ctx, spec.Name, ">")
		if err != nil {
			return nil, 0, err
		}
		for sequence := last; sequence > 0 && sequence+namesLookedAt > last; sequence-- {
			r, err := log.At(ctx, spec.Name, sequence)
			if errors.Is(err, io.EOF) {
				continue
			}
			if err != nil {
				return nil, 0, err
			}
			owner, source := events.GatewaysOf(r.Data)
			for _, pseudonym := range []string{owner, source} {
				if seen[pseudonym] {
					continue
				}
				seen[pseudonym] = true
				looked++
				known, err := knows(ctx, keys, pseudonym)
				if err != nil {
					return nil, 0, err
				}
				if !known {
					missing = append(missing, pseudonym)
				}
			}
		}
	}
	return missing, looked, nil
}

// knows tells whether the key store has the key of a pseudonym, or that it was
// forgotten.
func knows(ctx context.Context, keys *keystore.Keys, pseudonym string) (bool, error) {
	_, err := keys.Named(ctx, pseudonym)
	if errors.Is(err, keystore.ErrNotFound) {
		return keys.IsForgotten(ctx, pseudonym)
	}
	return err == nil, err
}
