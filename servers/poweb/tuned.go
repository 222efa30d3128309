package poweb

import (
	"bufio"
	"net"
	"net/http"
)

// tuned is a response writer that hands over its connection with a send buffer
// of sendBuffer octets.
type tuned struct{ http.ResponseWriter }

// Hijack implements [http.Hijacker].
func (w *tuned) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	raw := conn
	if secure, ok := conn.(interface{ NetConn() net.Conn }); ok {
		raw = secure.NetConn()
	}
	if tcp, ok := raw.(*net.TCPConn); ok {
		_ = tcp.SetWriteBuffer(sendBuffer) // the system's own size works too
	}
	return conn, buffered, nil
}
