package poweb_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"awala.network/gateway/awala/poweb"
	"awala.network/gateway/internal/powebclient"
	server "awala.network/gateway/servers/poweb"
)

// openings counts the feeds that were opened.
type openings struct {
	server.Mailboxes
	done sync.WaitGroup
}

// Open opens a feed.
func (o *openings) Open(ctx context.Context, id string, follow bool) (server.Feed, error) {
	defer o.done.Done()
	return o.Mailboxes.Open(ctx, id, follow)
}

// TestIdleCollectors opens many collections, prints what each costs, and how long
// a parcel takes to one of them. AWALA_TEST_COLLECTORS is their number.
func TestIdleCollectors(t *testing.T) {
	n := 300
	if s := os.Getenv("AWALA_TEST_COLLECTORS"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	opened := &openings{}
	g := newGateway(t, func(c *server.Config) {
		opened.Mailboxes = c.Mailboxes
		c.Mailboxes = opened
	})
	g.server.SetTiming(func(t *server.Timing) { t.SetPing(time.Hour) }) // these clients answer no pings
	g.server.SetDamping(0)
	idle, busy := newPair(t, g), newPair(t, g)

	before, goroutines := memory(), runtime.NumGoroutine()
	opened.done.Add(n)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range n / 8 {
				holdOpen(t, g, idle.PrivateGateway)
			}
		})
	}
	for range n % 8 {
		holdOpen(t, g, idle.PrivateGateway)
	}
	group.Wait()
	opened.done.Wait()
	after := memory()
	per := float64(after-before) / float64(n) / 1024
	running := float64(runtime.NumGoroutine()-goroutines) / float64(n)
	t.Logf("%d idle collections: %.1f KiB and %.1f goroutines each", n, per, running)
	if per > 100 {
		t.Errorf("%.1f KiB for an idle collection", per)
	}
	if running > 3.2 { // the collection, its connection, and a ping that is not answered
		t.Errorf("%.1f goroutines for an idle collection", running)
	}

	opened.done.Add(1)
	c := busy.collect(t, powebclient.KeepAlive)
	defer c.Close()
	opened.done.Wait()
	parcel := write(t, busy.from, powebclient.Parcel{To: busy.to})
	deliver(t, busy.PrivateGateway, parcel)
	accepted := time.Now()
	take(t, c)
	t.Logf("pushed %v after the 202", time.Since(accepted))
}

// memory is what the heap and the stacks take.
func memory() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}

// holdOpen opens a collection with as little memory on the client's side as can
// be: it keeps the bare connection until the test ends.
func holdOpen(t *testing.T, g *gateway, p *powebclient.PrivateGateway) {
	conn, err := net.Dial("tcp", g.http.Listener.Addr().String())
	if err != nil {
		t.Error(err)
		return
	}
	t.Cleanup(func() { conn.Close() })
	fmt.Fprint(conn, "GET /v1/parcel-collection HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	r := bufio.NewReader(conn)
	answer, err := http.ReadResponse(r, nil)
	if err != nil || answer.StatusCode != http.StatusSwitchingProtocols {
		t.Errorf("upgrade: %v %v", answer, err)
		return
	}
	challenge, err := readBinary(r)
	if err != nil {
		t.Error(err)
		return
	}
	if _, err := conn.Write(maskedBinary(answerTo(t, p, challenge))); err != nil {
		t.Error(err)
	}
}

// readBinary returns the first short binary message of a server.
func readBinary(r *bufio.Reader) ([]byte, error) {
	for {
		var head [2]byte
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return nil, err
		}
		message := make([]byte, head[1])
		if _, err := io.ReadFull(r, message); err != nil {
			return nil, err
		}
		if head[0]&0x0f == 2 {
			return message, nil
		}
	}
}

// maskedBinary frames a client's binary message of 126 to 65,535 octets, under a
// mask of zeros.
func maskedBinary(message []byte) []byte {
	var b bytes.Buffer
	b.Write([]byte{0x82, 0x80 | 126})
	b.Write(binary.BigEndian.AppendUint16(nil, uint16(len(message))))
	b.Write(make([]byte, 4))
	b.Write(message)
	return b.Bytes()
}

func answerTo(t *testing.T, p *powebclient.PrivateGateway, challenge []byte) []byte {
	parsed, err := poweb.ParseChallenge(challenge)
	if err != nil {
		t.Error(err)
	}
	signature, err := poweb.SignNonce(parsed.Nonce, p.Key, p.Certificate())
	if err != nil {
		t.Error(err)
	}
	der, err := poweb.Response{NonceSignatures: [][]byte{signature}}.Marshal()
	if err != nil {
		t.Error(err)
	}
	return der
}
