package mongo_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"awala.network/gateway/internal/documents/documentstest"
)

// proxy stands between a client and the server. Once armed it cuts the connection
// that carries the next write: before the request went to the server, or after the
// server's answer came back, which the client then never sees.
type proxy struct {
	listener net.Listener
	server   string
	running  sync.WaitGroup

	mu    sync.Mutex
	armed bool
	fault documentstest.Fault
	conns map[net.Conn]struct{}
}

// writes are the commands that a fault hits.
var writes = map[string]bool{
	"update": true, "delete": true, "insert": true, "create": true, "createIndexes": true, "drop": true,
}

// opMessage is the only operation code that carries writes (MongoDB wire protocol,
// OP_MSG).
const opMessage = 2013

func newProxy(t *testing.T, server string) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: listener, server: server, conns: map[net.Conn]struct{}{}}
	p.running.Go(p.accept)
	t.Cleanup(p.close)
	return p
}

func (p *proxy) fail(f documentstest.Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.armed, p.fault = true, f
}

// trips tells whether the fault hits this command, and which one; it disarms.
func (p *proxy) trips(command string) (bool, documentstest.Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	hit := p.armed && writes[command]
	if hit {
		p.armed = false
	}
	return hit, p.fault
}

func (p *proxy) accept() {
	for {
		conn, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.running.Go(func() { p.serve(conn) })
	}
}

// serve carries requests and answers in turns, until either side closes or a fault
// cuts. The heartbeat that streams many answers to one request is not used by
// servers without replication, such as FerretDB and a single test mongod.
func (p *proxy) serve(client net.Conn) {
	defer p.track(client)()
	server, err := net.Dial("tcp", p.server)
	if err != nil {
		return
	}
	defer p.track(server)()
	for {
		request, command, err := readMessage(client)
		if err != nil {
			return
		}
		cut, fault := p.trips(command)
		if cut && fault == documentstest.NotStored {
			return
		}
		if _, err := server.Write(request); err != nil {
			return
		}
		answer, _, err := readMessage(server)
		if err != nil || cut {
			return
		}
		if _, err := client.Write(answer); err != nil {
			return
		}
	}
}

// track lets close find the connection; the function that it returns closes it.
func (p *proxy) track(conn net.Conn) func() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns[conn] = struct{}{}
	return func() {
		conn.Close()
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.conns, conn)
	}
}

func (p *proxy) close() {
	p.listener.Close()
	p.mu.Lock()
	for conn := range p.conns {
		conn.Close()
	}
	p.mu.Unlock()
	p.running.Wait()
}

// readMessage reads one message and the name of the command in it, if it is a
// request: 16 octets of header, 4 of flags, the kind 0, then the command, whose
// first field is its name.
func readMessage(from io.Reader) (message []byte, command string, err error) {
	header := make([]byte, 16)
	if _, err := io.ReadFull(from, header); err != nil {
		return nil, "", err
	}
	size := binary.LittleEndian.Uint32(header)
	if size < 16 || size > 64<<20 {
		return nil, "", fmt.Errorf("message of %d octets", size)
	}
	message = append(header, make([]byte, size-16)...)
	if _, err := io.ReadFull(from, message[16:]); err != nil {
		return nil, "", err
	}
	if binary.LittleEndian.Uint32(header[12:]) != opMessage || size < 26 {
		return message, "", nil
	}
	// The document is section 0 wherever a driver writes it; a section 1 before it
	// (a list of documents) has a length to skip.
	rest := message[20:]
	for len(rest) > 5 && rest[0] == 1 {
		rest = rest[1+binary.LittleEndian.Uint32(rest[1:]):]
	}
	if len(rest) > 5 && rest[0] == 0 {
		if first, err := bson.Raw(rest[1:]).IndexErr(0); err == nil {
			command = first.Key()
		}
	}
	return message, command, nil
}
