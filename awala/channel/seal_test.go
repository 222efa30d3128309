package channel_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"pgregory.net/rapid"

	"awala.network/gateway/awala/channel"
	"awala.network/gateway/awala/cms"
	"awala.network/gateway/awala/ramf"
)

func TestSealPassesOutagesOn(t *testing.T) {
	outage := errors.New("outage")
	for name, test := range map[string]struct {
		fail   func(*memory)
		stored int // keys left behind
	}{
		"PeerKey":                           {fail: func(m *memory) { m.failing = "PeerKey" }},
		"SaveSessionKey failed, not stored": {fail: func(m *memory) { m.failing = "SaveSessionKey" }},
		"SaveSessionKey failed, but stored": {fail: func(m *memory) { m.failingAfter = "SaveSessionKey" }, stored: 1},
	} {
		t.Run(name, func(t *testing.T) {
			store := newMemory()
			store.peers[[2]string{"0aa", "0bb"}] = channel.PeerKey{SessionPublicKey: newKey(t).Public(), CreatedAt: at(0)}
			test.fail(store)
			store.err = outage
			payload, err := channel.Seal(context.Background(), []byte("plaintext"), "0aa", "0bb", store, store)
			if err != outage || channel.IsFinal(err) || payload != nil {
				t.Errorf("got %d octets, %v; want the outage unchanged", len(payload), err)
			}
			if len(store.keys) != test.stored {
				t.Errorf("%d keys stored", len(store.keys))
			}
			store.failing, store.failingAfter = "", ""
			if _, err := channel.Seal(context.Background(), []byte("plaintext"), "0aa", "0bb", store, store); err != nil {
				t.Errorf("tried again: %v", err)
			}
		})
	}
}

func TestSealRefusals(t *testing.T) {
	store := newMemory()
	_, err := channel.Seal(context.Background(), nil, "0aa", "0bb", store, store)
	if !errors.Is(err, channel.ErrNoPeerKey) || !channel.IsFinal(err) {
		t.Errorf("no key of the peer: got %v, want ErrNoPeerKey", err)
	}
	_, err = channel.Seal(context.Background(), make([]byte, ramf.MaxPlaintextLen+1), "0aa", "0bb", store, store)
	if !errors.Is(err, channel.ErrTooLong) || !channel.IsFinal(err) {
		t.Errorf("long plaintext: got %v, want ErrTooLong", err)
	}
	store.peers[[2]string{"0aa", "0bb"}] = channel.PeerKey{}
	if _, err = channel.Seal(context.Background(), nil, "0aa", "0bb", store, store); err == nil {
		t.Error("sealed for an empty key")
	}
}

func TestSealNeverUsesAKeyTwice(t *testing.T) {
	store := newMemory()
	store.peers[[2]string{"0aa", "0bb"}] = channel.PeerKey{SessionPublicKey: newKey(t).Public(), CreatedAt: at(0)}
	seen := map[string]bool{}
	for range 10 {
		payload, err := channel.Seal(context.Background(), nil, "0aa", "0bb", store, store)
		if err != nil {
			t.Fatal(err)
		}
		envelope, err := cms.ParseEnveloped(payload)
		if err != nil {
			t.Fatal(err)
		}
		id := string(envelope.OriginatorKey().ID)
		if _, ok := store.keys[keyName{"0aa", id, "0bb"}]; !ok || seen[id] {
			t.Fatalf("key %x is used twice or not stored for the peer", id)
		}
		seen[id] = true
	}
}

// Two nodes write to each other, in any order, with messages overtaking each
// other: everything can be opened, because nobody forgets a key.
func TestConversation(t *testing.T) {
	gateway, peer := certificate(t, "js/cert-igw-self.der"), certificate(t, "js/cert-pgw.der")
	certificates := map[string]int{gateway.SubjectID(): 0, peer.SubjectID(): 1}
	ids := []string{gateway.SubjectID(), peer.SubjectID()}
	senders := []*ramf.Message{{Sender: gateway}, {Sender: peer}}
	initial := newKey(t)
	rapid.Check(t, func(t *rapid.T) {
		ctx, stores := context.Background(), []*memory{newMemory(), newMemory()}
		// The peer starts: it has the gateway's initial key.
		stores[0].keys[keyName{ids[0], string(initial.ID), ""}] = initial
		stores[1].peers[[2]string{ids[1], ids[0]}] = channel.PeerKey{SessionPublicKey: initial.Public(), CreatedAt: at(0)}
		var underway []*ramf.Message
		for minute := range rapid.IntRange(1, 20).Draw(t, "messages") {
			from := rapid.IntRange(0, 1).Draw(t, "from")
			plaintext := []byte{byte(minute)}
			payload, err := channel.Seal(ctx, plaintext, ids[from], ids[1-from], stores[from], stores[from])
			if errors.Is(err, channel.ErrNoPeerKey) && from == 0 {
				continue // the peer has not been heard of yet
			}
			if err != nil {
				t.Fatal(err)
			}
			underway = append(underway, &ramf.Message{
				Recipient: ramf.Recipient{ID: ids[1-from]}, ID: string(plaintext),
				CreatedAt: at(minute + 1), Payload: payload, Sender: senders[from].Sender,
			})
			for len(underway) > 0 && rapid.Bool().Draw(t, "deliver") {
				i := rapid.IntRange(0, len(underway)-1).Draw(t, "which")
				msg := underway[i]
				underway = append(underway[:i:i], underway[i+1:]...)
				to := certificates[msg.Recipient.ID]
				got, err := channel.Open(ctx, msg, stores[to], stores[to])
				if err != nil || !bytes.Equal(got, []byte(msg.ID)) {
					t.Fatalf("%x, %v", got, err)
				}
			}
		}
	})
}
