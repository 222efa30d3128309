package poweb_test

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"

	"awala.network/gateway/awala/poweb"
	"awala.network/gateway/internal/powebclient"
	"awala.network/gateway/projections"
	server "awala.network/gateway/servers/poweb"
)

// dial opens a collection by hand.
func dial(t testing.TB, g *gateway, header http.Header) *websocket.Conn {
	t.Helper()
	conn, _, err := websocket.Dial(t.Context(), strings.Replace(g.http.URL, "http", "ws", 1)+"/v1/parcel-collection",
		&websocket.DialOptions{HTTPHeader: header, HTTPClient: g.http.Client()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.CloseNow() })
	return conn
}

// receive returns the next message.
func receive(t testing.TB, conn *websocket.Conn) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	kind, message, err := conn.Read(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if kind != websocket.MessageBinary {
		t.Errorf("a %v message", kind)
	}
	return message
}

// response answers the challenge for private gateways.
func response(t testing.TB, conn *websocket.Conn, gateways ...*powebclient.PrivateGateway) []byte {
	t.Helper()
	challenge, err := poweb.ParseChallenge(receive(t, conn))
	if err != nil {
		t.Fatal(err)
	}
	var r poweb.Response
	for _, p := range gateways {
		signature, err := poweb.SignNonce(challenge.Nonce, p.Key, p.Certificate())
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

func send(t testing.TB, conn *websocket.Conn, kind websocket.MessageType, message []byte) {
	t.Helper()
	if err := conn.Write(t.Context(), kind, message); err != nil {
		t.Fatal(err)
	}
}

func shakeHands(t testing.TB, conn *websocket.Conn, gateways ...*powebclient.PrivateGateway) {
	t.Helper()
	send(t, conn, websocket.MessageBinary, response(t, conn, gateways...))
}

// closeCode reads until the server closes and returns its code.
func closeCode(t testing.TB, conn *websocket.Conn) websocket.StatusCode {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		if _, _, err := conn.Read(ctx); err != nil {
			return websocket.CloseStatus(err)
		}
	}
}

func TestCloseCodes(t *testing.T) {
	g := newGateway(t)
	g.server.SetTiming(func(t *server.Timing) { t.SetHandshake(500 * time.Millisecond) })
	p := newPair(t, g)
	empty := newPair(t, g)
	p.queue(t, 2)
	before := g.Stored()
	upon := http.Header{"X-Relaynet-Streaming-Mode": {"close-upon-completion"}}
	tests := map[string]struct {
		header http.Header
		client func(t *testing.T, conn *websocket.Conn)
		want   websocket.StatusCode
	}{
		"browser":                    {http.Header{"Origin": {"https://example.com"}}, func(*testing.T, *websocket.Conn) {}, 1008},
		"no answer to the challenge": {nil, func(t *testing.T, conn *websocket.Conn) { receive(t, conn) }, 1003},
		"unknown acknowledgement": {nil, func(t *testing.T, conn *websocket.Conn) {
			shakeHands(t, conn, p.PrivateGateway)
			receive(t, conn)
			send(t, conn, websocket.MessageText, []byte("nonsense"))
		}, 1003},
		"two acknowledgements run together": {nil, func(t *testing.T, conn *websocket.Conn) {
			shakeHands(t, conn, p.PrivateGateway)
			id := deliveryID(t, receive(t, conn))
			send(t, conn, websocket.MessageText, append(id, id...))
		}, 1003},
		"message out of turn": {nil, func(t *testing.T, conn *websocket.Conn) {
			shakeHands(t, conn, empty.PrivateGateway)
			send(t, conn, websocket.MessageText, []byte("hello"))
		}, 1003},
		"nothing to collect": {upon, func(t *testing.T, conn *websocket.Conn) { shakeHands(t, conn, empty.PrivateGateway) }, 1000},
		"nothing to collect, header of the specification": {
			http.Header{"X-Awala-Streaming-Mode": {"Close-Upon-Completion"}},
			func(t *testing.T, conn *websocket.Conn) { shakeHands(t, conn, empty.PrivateGateway) }, 1000,
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			conn := dial(t, g, tc.header)
			tc.client(t, conn)
			if got := closeCode(t, conn); got != tc.want {
				t.Errorf("closed with %d, want %d", got, tc.want)
			}
			if diff := cmp.Diff(before, g.Stored()); diff != "" {
				t.Errorf("left behind: %s", diff)
			}
		})
	}
	if got := len(p.all(t)); got != 2 {
		t.Errorf("%d parcels are left, want 2", got)
	}
}

func TestTooLargeAMessageEndsTheCollection(t *testing.T) {
	g := newGateway(t)
	conn := dial(t, g, nil)
	receive(t, conn)
	// The server closes before it has read all, so that the client may get an
	// error instead of the code.
	_ = conn.Write(t.Context(), websocket.MessageBinary, make([]byte, 1<<20))
	if got := closeCode(t, conn); got != websocket.StatusMessageTooBig && got != -1 {
		t.Errorf("closed with %d", got)
	}
}

func deliveryID(t testing.TB, message []byte) []byte {
	t.Helper()
	d, err := poweb.ParseParcelDelivery(message)
	if err != nil {
		t.Fatal(err)
	}
	return []byte(d.ID)
}

func TestBinaryAcknowledgements(t *testing.T) {
	g := newGateway(t)
	p := newPair(t, g)
	p.queue(t, 2)
	conn := dial(t, g, http.Header{"X-Relaynet-Streaming-Mode": {"close-upon-completion"}})
	shakeHands(t, conn, p.PrivateGateway)
	first := deliveryID(t, receive(t, conn))
	send(t, conn, websocket.MessageBinary, first)
	second := deliveryID(t, receive(t, conn))
	if bytes.Equal(first, second) {
		t.Error("two deliveries have the same id")
	}
	send(t, conn, websocket.MessageText, second)
	if got := closeCode(t, conn); got != 1000 {
		t.Errorf("closed with %d", got)
	}
}

func TestTheLastAcknowledgementCountsThoughTheClientLeaves(t *testing.T) {
	g := newGateway(t)
	p := newPair(t, g)
	p.queue(t, 1)
	conn := dial(t, g, nil)
	shakeHands(t, conn, p.PrivateGateway)
	send(t, conn, websocket.MessageText, deliveryID(t, receive(t, conn)))
	_ = conn.CloseNow()
	if err := g.server.Drain(t.Context()); err != nil { // waits for the collection
		t.Fatal(err)
	}
	items, err := g.Reader.Pending(t.Context(), p.ID(), 0, 10)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]projections.Item(nil), items); diff != "" {
		t.Errorf("still queued: %s", diff)
	}
}
