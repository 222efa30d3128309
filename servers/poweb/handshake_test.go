package poweb_test

import (
	"slices"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"

	"awala.network/gateway/awala/poweb"
	"awala.network/gateway/servers/internal/servertest"
)

// answer is what a client answers a challenge with.
type answer func(t *testing.T, nonce []byte) []byte

// signed answers with signatures.
func signed(signatures ...func(nonce []byte) ([]byte, error)) answer {
	return func(t *testing.T, nonce []byte) []byte {
		var r poweb.Response
		for _, sign := range signatures {
			signature, err := sign(nonce)
			if err != nil {
				t.Fatal(err)
			}
			r.NonceSignatures = append(r.NonceSignatures, signature)
		}
		der, err := r.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
}

func octets(message []byte) answer { return func(*testing.T, []byte) []byte { return message } }

func TestRefusedHandshakesLeaveNothing(t *testing.T) {
	g := newGateway(t)
	p := newPair(t, g)
	p.queue(t, 1)
	stranger := servertest.NewKey(t)
	genuine := func(nonce []byte) ([]byte, error) { return poweb.SignNonce(nonce, p.Key, p.Certificate()) }
	earlier := signed(genuine)(t, challenge(t, dial(t, g, nil)))
	tests := map[string]answer{
		"empty":        octets(nil),
		"noise":        octets([]byte("noise")),
		"no signature": octets([]byte{0x30, 0x02, 0xa0, 0x00}),
		"truncated": func(t *testing.T, nonce []byte) []byte {
			whole := signed(genuine)(t, nonce)
			return whole[:len(whole)-1]
		},
		"trailing octet": func(t *testing.T, nonce []byte) []byte { return append(signed(genuine)(t, nonce), 0) },
		"replayed":       octets(earlier),
		"of another nonce": signed(func(nonce []byte) ([]byte, error) {
			other := slices.Clone(nonce)
			other[0] ^= 1
			return genuine(other)
		}),
		"for another purpose": signed(func(nonce []byte) ([]byte, error) {
			return poweb.CountersignParcel(nonce, p.Key, p.Certificate())
		}),
		"by an endpoint": signed(func(nonce []byte) ([]byte, error) {
			return poweb.SignNonce(nonce, p.from.Key(), p.from.Certificate())
		}),
		"under a certificate of their own": signed(func(nonce []byte) ([]byte, error) {
			return poweb.SignNonce(nonce, p.Key, selfIssued(t, p.Key))
		}),
		"a stranger among the signers": signed(genuine, func(nonce []byte) ([]byte, error) {
			return poweb.SignNonce(nonce, stranger, selfIssued(t, stranger))
		}),
	}
	before := g.Stored()
	refused := func(t *testing.T, answer answer) {
		t.Helper()
		conn := dial(t, g, nil)
		send(t, conn, websocket.MessageBinary, answer(t, challenge(t, conn)))
		if got := closeCode(t, conn); got != websocket.StatusUnsupportedData {
			t.Errorf("closed with %d", got)
		}
		if diff := cmp.Diff(before, g.Stored()); diff != "" {
			t.Errorf("left behind: %s", diff)
		}
	}
	for name, answer := range tests {
		t.Run(name, func(t *testing.T) { refused(t, answer) })
	}
	if got := len(p.all(t)); got != 1 {
		t.Errorf("%d parcels are left, want 1", got)
	}
	t.Run("after the certificate's end", func(t *testing.T) {
		before = g.Stored()
		g.Clock.Advance(181 * 24 * time.Hour)
		refused(t, signed(genuine))
	})
}

// challenge returns the nonce of the challenge.
func challenge(t *testing.T, conn *websocket.Conn) []byte {
	t.Helper()
	c, err := poweb.ParseChallenge(receive(t, conn))
	if err != nil {
		t.Fatal(err)
	}
	return c.Nonce
}
