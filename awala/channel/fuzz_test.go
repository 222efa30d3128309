package channel_test

import (
	"context"
	"testing"

	"awala.network/gateway/awala/channel"
	"awala.network/gateway/awala/internal/vectors"
	"awala.network/gateway/awala/ramf"
)

func FuzzOpen(f *testing.F) {
	for _, stack := range vectors.Stacks {
		f.Add(parse(f, stack+"/cargo-pgw-to-igw.ramf").Payload)
		f.Add(parse(f, stack+"/cca.ramf").Payload)
	}
	key, sender := recipientKey(f, "js"), certificate(f, "js/cert-pgw.der")
	f.Fuzz(func(t *testing.T, payload []byte) {
		store := newMemory()
		store.keys[keyName{"0aa", string(recipientKeyID), ""}] = key
		msg := &ramf.Message{Recipient: ramf.Recipient{ID: "0aa"}, CreatedAt: at(0), Payload: payload, Sender: sender}
		_, err := channel.Open(context.Background(), msg, store, store)
		// The store never fails, so that whatever is wrong is with the message.
		if err != nil && (!channel.IsFinal(err) || len(store.peers) > 0) {
			t.Fatalf("error %v, %d keys learnt", err, len(store.peers))
		}
	})
}
