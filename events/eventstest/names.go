// Package eventstest helps to test what records events and reads them.
package eventstest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"sync"

	"github.com/tink-crypto/tink-go/v2/daead/subtle"

	"awala.network/gateway/events"
)

// Names are events.Names in memory.
type Names struct {
	mu          sync.Mutex
	byGateway   map[string]string
	byPseudonym map[string]events.Name
}

// NewNames returns names of nobody.
func NewNames() *Names {
	return &Names{byGateway: map[string]string{}, byPseudonym: map[string]events.Name{}}
}

// Name implements events.Names.
func (n *Names) Name(_ context.Context, gatewayID string) (events.Name, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	pseudonym, ok := n.byGateway[gatewayID]
	if !ok {
		var key [subtle.AESSIVKeySize]byte
		rand.Read(key[:]) // never fails, by its contract
		cipher, err := subtle.NewAESSIV(key[:])
		if err != nil {
			return events.Name{}, err
		}
		pseudonym = events.PseudonymPrefix + hex.EncodeToString(key[:16])
		n.byGateway[gatewayID] = pseudonym
		n.byPseudonym[pseudonym] = events.Name{Pseudonym: pseudonym, GatewayID: gatewayID, Cipher: cipher}
	}
	return n.byPseudonym[pseudonym], nil
}

// Named implements events.Names.
func (n *Names) Named(_ context.Context, pseudonym string) (events.Name, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	name, ok := n.byPseudonym[pseudonym]
	if !ok {
		return name, &events.UnknownNameError{Pseudonym: pseudonym}
	}
	return name, nil
}

// Forget destroys the key of a private gateway. It gets another name when it is
// recorded again.
func (n *Names) Forget(gatewayID string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	pseudonym := n.byGateway[gatewayID]
	delete(n.byGateway, gatewayID)
	n.byPseudonym[pseudonym] = events.Name{Pseudonym: pseudonym}
}

// Lose loses the name of a private gateway, as a key store does that is restored from
// an old backup.
func (n *Names) Lose(gatewayID string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.byPseudonym, n.byGateway[gatewayID])
	delete(n.byGateway, gatewayID)
}
