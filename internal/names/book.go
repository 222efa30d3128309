package names

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tink-crypto/tink-go/v2/daead/subtle"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/fault"
	"awala.network/gateway/internal/keystore"
)

const (
	// Lease is how long names in memory are good without asking whether something was
	// forgotten.
	Lease = 10 * time.Second
	// Fence is how long it takes until nobody records anything under a name that is
	// being forgotten: the lease, and the time of one try of a handler that had read
	// the name before.
	Fence = Lease + 35*time.Second
	// maxNames bounds the names in memory, about a kilobyte each, of each kind.
	maxNames = 1 << 14
)

// ErrForgetting says that a private gateway is being forgotten, so that nothing can be
// recorded of it for the moment. It is transient.
var ErrForgetting = errors.New("names: the private gateway is being forgotten; try again in a minute")

// ErrUnknown says that the history has nothing of a private gateway.
var ErrUnknown = fault.Permanent(errors.New("names: the history has nothing of this private gateway"))

// Book is the events.Names of a process.
type Book struct {
	keys *keystore.Keys
	now  func() time.Time
	// latest returns a number that changes whenever something is forgotten; nil for
	// those who do not record and do not stay.
	latest func(context.Context) (uint64, error)
	forgot func()
	lease  time.Duration
	asking chan struct{} // who asks latest holds it

	mu sync.RWMutex // guards what follows
	// seen is what latest returned at last, until when that is good, and epoch how
	// often it changed.
	seen        uint64
	until       time.Time
	epoch       int
	byGateway   map[string]events.Name
	byPseudonym map[string]events.Name
}

var _ events.Names = (*Book)(nil)

// New returns the names that the key store has.
func New(keys *keystore.Keys) *Book {
	return &Book{
		keys: keys, now: time.Now, forgot: func() {}, asking: make(chan struct{}, 1),
		byGateway: map[string]events.Name{}, byPseudonym: map[string]events.Name{},
	}
}

// Follow lets the book ask for a number that changes whenever something is forgotten:
// the last sequence of events.ForgettingChannel. It does so after lease, [Lease] unless
// a test is in a hurry. forgot is told when that happened, and must not block. It is
// called once, before the book is used.
func (b *Book) Follow(latest func(context.Context) (uint64, error), lease time.Duration, forgot func()) {
	b.latest, b.lease, b.forgot = latest, lease, forgot
}

type permission struct{}

// Permit returns a context in which a name that is being forgotten can still be used:
// to record the ends of what waits.
func Permit(ctx context.Context) context.Context {
	return context.WithValue(ctx, permission{}, true)
}

// Name implements events.Names.
func (b *Book) Name(ctx context.Context, gatewayID string) (events.Name, error) {
	epoch, err := b.fresh(ctx)
	if err != nil {
		return events.Name{}, err
	}
	if n, ok := b.get(b.byGateway, gatewayID); ok {
		return n, nil
	}
	stored, err := b.ensure(ctx, gatewayID)
	if err != nil {
		return events.Name{}, fmt.Errorf("names: %w", fault.Transient(err))
	}
	n, err := name(stored)
	switch {
	case err != nil:
		return n, err
	case !stored.Forgetting:
		b.put(b.byGateway, gatewayID, n, epoch)
	case ctx.Value(permission{}) == nil:
		return events.Name{}, ErrForgetting
	}
	return n, nil
}

// Named implements events.Names.
func (b *Book) Named(ctx context.Context, pseudonym string) (events.Name, error) {
	epoch, err := b.fresh(ctx)
	if err != nil {
		return events.Name{}, err
	}
	if n, ok := b.get(b.byPseudonym, pseudonym); ok {
		return n, nil
	}
	n, err := b.read(ctx, pseudonym)
	if err != nil {
		return n, err
	}
	b.put(b.byPseudonym, pseudonym, n, epoch)
	return n, nil
}

// read asks the key store for a pseudonym.
func (b *Book) read(ctx context.Context, pseudonym string) (events.Name, error) {
	stored, err := b.keys.Named(ctx, pseudonym)
	if err == nil {
		return name(stored)
	}
	if !errors.Is(err, keystore.ErrNotFound) {
		return events.Name{}, fmt.Errorf("names: %w", fault.Transient(err))
	}
	forgotten, err := b.keys.IsForgotten(ctx, pseudonym)
	switch {
	case err != nil:
		return events.Name{}, fmt.Errorf("names: %w", fault.Transient(err))
	case !forgotten:
		return events.Name{}, &events.UnknownNameError{Pseudonym: pseudonym}
	}
	return events.Name{Pseudonym: pseudonym}, nil
}

// ensure returns the stored name of a private gateway, and makes one if there is none.
// It can be found by its pseudonym then, which a creator that died may have left to do.
func (b *Book) ensure(ctx context.Context, gatewayID string) (keystore.GatewayName, error) {
	stored, err := b.keys.GatewayName(ctx, gatewayID)
	if errors.Is(err, keystore.ErrNotFound) {
		stored, err = b.create(ctx, gatewayID)
	}
	if err != nil || stored.Forgetting {
		return stored, err
	}
	if _, err = b.keys.Named(ctx, stored.Pseudonym); errors.Is(err, keystore.ErrNotFound) {
		err = b.keys.SaveNamed(ctx, stored)
	}
	return stored, err
}

func (b *Book) create(ctx context.Context, gatewayID string) (keystore.GatewayName, error) {
	key := make([]byte, subtle.AESSIVKeySize)
	rand.Read(key) // never fails, by its contract
	n := keystore.GatewayName{GatewayID: gatewayID, Pseudonym: pseudonym(key), Key: key}
	err := b.keys.CreateGatewayName(ctx, n)
	if errors.Is(err, keystore.ErrExists) { // somebody was faster
		return b.keys.GatewayName(ctx, gatewayID)
	}
	return n, err
}

// pseudonym is 128 bits of a hash of the key.
func pseudonym(key []byte) string {
	sum := sha256.Sum256(append([]byte("awala gateway pseudonym\x00"), key...))
	return events.PseudonymPrefix + hex.EncodeToString(sum[:16])
}

// name makes a name of what is stored.
func name(stored keystore.GatewayName) (events.Name, error) {
	cipher, err := subtle.NewAESSIV(stored.Key)
	if err == nil && pseudonym(stored.Key) != stored.Pseudonym {
		err = errors.New("the key makes another pseudonym")
	}
	if err != nil {
		return events.Name{}, fmt.Errorf("names: %s: %w: %w", stored.Pseudonym, fault.Transient(keystore.ErrCorrupt), err)
	}
	return events.Name{Pseudonym: stored.Pseudonym, GatewayID: stored.GatewayID, Cipher: cipher}, nil
}

// fresh sees to it that names in memory are good, and returns their epoch.
func (b *Book) fresh(ctx context.Context) (int, error) {
	if epoch, ok := b.good(); ok {
		return epoch, nil
	}
	select {
	case b.asking <- struct{}{}:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	defer func() { <-b.asking }()
	if epoch, ok := b.good(); ok { // somebody has asked meanwhile
		return epoch, nil
	}
	began := b.now()
	seen, err := b.latest(ctx)
	if err != nil {
		return 0, fmt.Errorf("names: whether something was forgotten: %w", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if seen != b.seen {
		b.drop()
	}
	b.seen, b.until = seen, began.Add(b.lease)
	return b.epoch, nil
}

// Check asks at once whether something was forgotten.
func (b *Book) Check(ctx context.Context) error {
	b.mu.Lock()
	b.until = time.Time{}
	b.mu.Unlock()
	_, err := b.fresh(ctx)
	return err
}

func (b *Book) good() (epoch int, ok bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.epoch, b.latest == nil || b.now().Before(b.until)
}

// drop empties the memory; with mu held.
func (b *Book) drop() {
	clear(b.byGateway)
	clear(b.byPseudonym)
	b.epoch++
	b.forgot()
}

func (b *Book) get(kept map[string]events.Name, id string) (events.Name, bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	n, ok := kept[id]
	return n, ok
}

// put keeps a name that was read in an epoch, in place of any other one when there is
// no room.
func (b *Book) put(kept map[string]events.Name, id string, n events.Name, epoch int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if epoch != b.epoch {
		return // it was read before something was forgotten
	}
	for other := range kept {
		if len(kept) < maxNames {
			break
		}
		delete(kept, other)
	}
	kept[id] = n
}
