package channel_test

import (
	"context"
	"encoding/hex"
	"fmt"
	"log"
	"sync"
	"time"

	"awala.network/gateway/awala/channel"
	"awala.network/gateway/awala/pki"
	"awala.network/gateway/awala/ramf"
)

// Alice, who knows an initial session key of Bob's, writes to him, and he answers with
// the key that came with her message.
func Example() {
	ctx := context.Background()
	alice, bob := newExampleNode(), newExampleNode()
	initial, err := pki.GenerateSessionKey()
	if err != nil {
		log.Fatal(err)
	}
	if err := bob.SaveSessionKey(ctx, bob.ID(), "", initial); err != nil {
		log.Fatal(err)
	}
	// She got it out of band, such as in his connection parameters.
	if err := alice.SavePeerKey(ctx, alice.ID(), bob.ID(), channel.PeerKey{SessionPublicKey: initial.Public()}); err != nil {
		log.Fatal(err)
	}
	fmt.Println(alice.tell(ctx, bob, "hello Bob"))
	fmt.Println(bob.tell(ctx, alice, "hello Alice"))
	// Output:
	// hello Bob
	// hello Alice
}

// exampleNode keeps its keys in memory. A real one keeps them where they are durable.
type exampleNode struct {
	certificate *pki.Certificate

	mu    sync.Mutex
	keys  map[string]boundKey
	peers map[string]channel.PeerKey
}

type boundKey struct {
	pki.SessionKey
	peerID string
}

func newExampleNode() *exampleNode {
	key, err := pki.GenerateIdentityKey()
	if err != nil {
		log.Fatal(err)
	}
	certificate, err := pki.IssueEndpoint(pki.IssueRequest{
		Subject: &key.PublicKey, IssuerKey: key, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	})
	if err != nil {
		log.Fatal(err)
	}
	return &exampleNode{certificate: certificate, keys: map[string]boundKey{}, peers: map[string]channel.PeerKey{}}
}

func (n *exampleNode) ID() string { return n.certificate.SubjectID() }

// tell seals a payload for another node and lets it open that. Between the two, a real
// node signs the message, and its recipient parses and authorises it (package ramf).
func (n *exampleNode) tell(ctx context.Context, to *exampleNode, what string) string {
	payload, err := channel.Seal(ctx, []byte(what), n.ID(), to.ID(), n, n)
	if err != nil {
		log.Fatal(err)
	}
	m := &ramf.Message{
		Type: ramf.TypeParcel, Recipient: ramf.Recipient{ID: to.ID()}, ID: "one", CreatedAt: time.Now(), Payload: payload, Sender: n.certificate,
	}
	plaintext, err := channel.Open(ctx, m, to, to)
	if err != nil {
		log.Fatal(err)
	}
	return string(plaintext)
}

// SessionKey implements [channel.Keys].
func (n *exampleNode) SessionKey(_ context.Context, _ string, keyID []byte, peerID string) (pki.SessionKey, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	key, ok := n.keys[hex.EncodeToString(keyID)]
	if !ok || key.peerID != "" && key.peerID != peerID {
		return pki.SessionKey{}, channel.ErrKeyNotFound
	}
	return key.SessionKey, nil
}

// SaveSessionKey implements [channel.Keys].
func (n *exampleNode) SaveSessionKey(_ context.Context, _, peerID string, key pki.SessionKey) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.keys[hex.EncodeToString(key.ID)] = boundKey{key, peerID}
	return nil
}

// PeerKey implements [channel.PeerKeys].
func (n *exampleNode) PeerKey(_ context.Context, _, peerID string) (channel.PeerKey, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	key, ok := n.peers[peerID]
	if !ok {
		return channel.PeerKey{}, channel.ErrKeyNotFound
	}
	return key, nil
}

// SavePeerKey implements [channel.PeerKeys].
func (n *exampleNode) SavePeerKey(_ context.Context, _, peerID string, key channel.PeerKey) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if stored, ok := n.peers[peerID]; !ok || key.Supersedes(stored) {
		n.peers[peerID] = key
	}
	return nil
}
