package channel_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"awala.network/gateway/awala/channel"
	"awala.network/gateway/awala/cms"
	"awala.network/gateway/awala/internal/vectors"
	"awala.network/gateway/awala/pki"
	"awala.network/gateway/awala/ramf"
)

func TestOpenReadsVectors(t *testing.T) {
	for name, want := range map[string]string{
		"js/cargo-pgw-to-igw.ramf":   "js/cargomessageset.der",
		"jvm/cargo-pgw-to-igw.ramf":  "jvm/cargomessageset.der",
		"js/cca.ramf":                "js/cargocollectionrequest.der",
		"js/parcel-to-internet.ramf": "js/servicemessage.der",
		"jvm/parcel-to-private.ramf": "jvm/servicemessage.der",
	} {
		t.Run(name, func(t *testing.T) {
			msg, store := parse(t, name), newMemory()
			stack, _, _ := strings.Cut(name, "/")
			store.keys[keyName{msg.Recipient.ID, string(recipientKeyID), ""}] = recipientKey(t, stack)
			plaintext, err := channel.Open(context.Background(), msg, store, store)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(plaintext, vectors.Read(t, want)) {
				t.Errorf("another plaintext, of %d octets", len(plaintext))
			}
			learnt, err := store.PeerKey(context.Background(), msg.Recipient.ID, msg.SenderID())
			if err != nil {
				t.Fatal(err)
			}
			if len(learnt.ID) != 8 || learnt.Key == nil || !learnt.CreatedAt.Equal(msg.CreatedAt) {
				t.Errorf("learnt %+v", learnt)
			}
		})
	}
}

// node is a node of ours with its stores and a session key that a peer encrypts
// to.
type node struct {
	*memory
	id  string
	key pki.SessionKey
}

const nodeID = "0aa"

func newNode(tb testing.TB) node {
	return node{memory: newMemory(), id: nodeID, key: newKey(tb)}
}

// bind stores the node's key, bound to a peer, or to nobody.
func (n node) bind(peerID string) { n.keys[keyName{n.id, string(n.key.ID), peerID}] = n.key }

// message is one from the private gateway to the node, created some minutes
// after the vectors' date, with the originator's key in it.
func (n node) message(tb testing.TB, minutes int, originator pki.SessionKey) *ramf.Message {
	tb.Helper()
	payload, err := cms.Encrypt([]byte("plaintext"), n.key.Public(), originator)
	if err != nil {
		tb.Fatal(err)
	}
	return &ramf.Message{
		Type: ramf.TypeCargo, Recipient: ramf.Recipient{ID: n.id}, ID: "id", CreatedAt: at(minutes),
		Payload: payload, Sender: certificate(tb, "js/cert-pgw.der"),
	}
}

func (n node) open(msg *ramf.Message) ([]byte, error) {
	return channel.Open(context.Background(), msg, n, n)
}

func TestOpenKeepsToTheBindingOfKeys(t *testing.T) {
	peer := certificate(t, "js/cert-pgw.der").SubjectID()
	for name, test := range map[string]struct {
		owner, boundTo string
		want           error
	}{
		"bound to the sender":  {owner: nodeID, boundTo: peer},
		"bound to nobody":      {owner: nodeID, boundTo: ""},
		"bound to another":     {owner: nodeID, boundTo: "0bb", want: channel.ErrUnknownKey},
		"key of another node":  {owner: "0cc", boundTo: peer, want: channel.ErrUnknownKey},
		"unbound, other owner": {owner: "0cc", boundTo: "", want: channel.ErrUnknownKey},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t)
			n.keys[keyName{test.owner, string(n.key.ID), test.boundTo}] = n.key
			_, err := n.open(n.message(t, 0, newKey(t)))
			if !errors.Is(err, test.want) || channel.IsFinal(err) != (test.want != nil) {
				t.Errorf("got %v, want %v", err, test.want)
			}
			if len(n.peers) > 0 && test.want != nil {
				t.Error("a key was learnt from a message that was refused")
			}
		})
	}
}

func TestOpenLearnsTheKeyOfTheNewestMessage(t *testing.T) {
	keys := map[string]pki.SessionKey{"first": newKey(t), "second": newKey(t), "third": newKey(t)}
	type message struct {
		key     string
		minutes int
	}
	for name, test := range map[string]struct {
		messages []message
		want     string
	}{
		"in order":           {[]message{{"first", 1}, {"second", 2}, {"third", 3}}, "third"},
		"in reverse":         {[]message{{"first", 3}, {"second", 2}, {"third", 1}}, "first"},
		"latest in between":  {[]message{{"first", 1}, {"second", 3}, {"third", 2}}, "second"},
		"same date: first":   {[]message{{"first", 1}, {"second", 1}}, "first"},
		"opened twice later": {[]message{{"first", 1}, {"second", 2}, {"first", 1}}, "second"},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t)
			n.bind("")
			for _, m := range test.messages {
				// Keys are not used up: every message is to the same one.
				if plaintext, err := n.open(n.message(t, m.minutes, keys[m.key])); err != nil || string(plaintext) != "plaintext" {
					t.Fatalf("%q, %v", plaintext, err)
				}
			}
			learnt, err := n.PeerKey(context.Background(), n.id, certificate(t, "js/cert-pgw.der").SubjectID())
			if err != nil || !learnt.SessionPublicKey.Equal(keys[test.want].Public()) {
				t.Errorf("the key learnt is not the %s (error: %v)", test.want, err)
			}
		})
	}
}

func TestOpenSkipsWriteForOldMessages(t *testing.T) {
	n := newNode(t)
	n.bind("")
	msg := n.message(t, 0, newKey(t))
	if _, err := n.open(msg); err != nil {
		t.Fatal(err)
	}
	n.failing, n.err = "SavePeerKey", errors.New("outage")
	if _, err := n.open(msg); err != nil {
		t.Errorf("opened again: %v", err)
	}
}

func TestOpenPassesOutagesOnAndCanBeTriedAgain(t *testing.T) {
	outage := fmt.Errorf("wrapped: %w", errors.New("outage"))
	for name, fail := range map[string]func(*memory){
		"SessionKey":                     func(m *memory) { m.failing = "SessionKey" },
		"PeerKey":                        func(m *memory) { m.failing = "PeerKey" },
		"SavePeerKey failed, not stored": func(m *memory) { m.failing = "SavePeerKey" },
		"SavePeerKey failed, but stored": func(m *memory) { m.failingAfter = "SavePeerKey" },
	} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t)
			n.bind("")
			originator := newKey(t)
			msg := n.message(t, 0, originator)
			fail(n.memory)
			n.err = outage
			plaintext, err := n.open(msg)
			if err != outage || channel.IsFinal(err) || plaintext != nil {
				t.Errorf("got %q, %v; want the outage unchanged", plaintext, err)
			}
			n.failing, n.failingAfter = "", ""
			if _, err := n.open(msg); err != nil {
				t.Errorf("tried again: %v", err)
			}
			learnt, err := n.PeerKey(context.Background(), n.id, msg.SenderID())
			if err != nil || !learnt.SessionPublicKey.Equal(originator.Public()) {
				t.Errorf("key not learnt (error: %v)", err)
			}
		})
	}
}

func TestOpenRefusals(t *testing.T) {
	other := newKey(t)
	for name, test := range map[string]struct {
		payload func(node) []byte
		key     func(node) // replaces the stored key
		want    error
	}{
		"empty":     {payload: func(node) []byte { return nil }, want: cms.ErrMalformed},
		"plaintext": {payload: func(node) []byte { return []byte("plaintext") }, want: cms.ErrMalformed},
		"sessionless, JavaScript": {
			payload: func(node) []byte { return vectors.Read(t, "js/enveloped-sessionless-aes128.der") }, want: cms.ErrSessionless,
		},
		"sessionless, JVM": {
			payload: func(node) []byte { return vectors.Read(t, "jvm/enveloped-sessionless-aes128.ber") }, want: cms.ErrSessionless,
		},
		"truncated": {payload: func(n node) []byte {
			payload := n.message(t, 0, newKey(t)).Payload
			return payload[:len(payload)-1]
		}, want: cms.ErrMalformed},
		"trailing octet": {payload: func(n node) []byte { return append(n.message(t, 0, newKey(t)).Payload, 0) }, want: cms.ErrMalformed},
		"other key under the same id": {
			key: func(n node) {
				n.keys[keyName{n.id, string(n.key.ID), ""}] = pki.SessionKey{ID: n.key.ID, Key: other.Key}
			}, want: cms.ErrDecryption,
		},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t)
			n.bind("")
			msg := n.message(t, 0, newKey(t))
			if test.payload != nil {
				msg.Payload = test.payload(n)
			}
			if test.key != nil {
				test.key(n)
			}
			_, err := n.open(msg)
			if !errors.Is(err, channel.ErrUndecryptable) || !errors.Is(err, test.want) || !channel.IsFinal(err) {
				t.Errorf("got %v, want ErrUndecryptable and %v", err, test.want)
			}
			if len(n.peers) > 0 {
				t.Error("a key was learnt from a message that was refused")
			}
		})
	}
}

func TestOpenAtOnceLeavesTheNewestKey(t *testing.T) {
	n := newNode(t)
	n.bind("")
	var all sync.WaitGroup
	var newest pki.SessionKey
	for i := range 32 {
		newest = newKey(t)
		msg := n.message(t, i, newest)
		all.Go(func() {
			if _, err := n.open(msg); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	learnt, err := n.PeerKey(context.Background(), n.id, certificate(t, "js/cert-pgw.der").SubjectID())
	if err != nil || !learnt.SessionPublicKey.Equal(newest.Public()) {
		t.Errorf("the key of %s stays, error %v", learnt.CreatedAt, err)
	}
}
