package poweb

import (
	"bufio"
	"net"
	"net/http"
	"strings"

	"awala.network/gateway/servers/internal/web"
)

// bufferLen is the size of an upgraded connection's buffers in octets.
const bufferLen = 512

// upgrader is the response writer of a WebSocket upgrade. It hands over its
// connection with a send buffer of sendBuffer octets, and keeps a refusal back,
// so that it can be answered in our own form.
type upgrader struct {
	http.ResponseWriter
	status  int // of the refusal, or 0
	message strings.Builder
}

// WriteHeader implements [http.ResponseWriter].
func (w *upgrader) WriteHeader(status int) {
	if status >= http.StatusBadRequest {
		w.status = status
		return
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write takes the text of a refusal: nothing else is written before the
// connection is handed over.
func (w *upgrader) Write(p []byte) (int, error) { return w.message.Write(p) }

// refusal returns the refusal that was kept back, or err if there is none.
func (w *upgrader) refusal(err error) error {
	if w.status == 0 {
		return err
	}
	w.Header().Del("X-Content-Type-Options")
	return web.NewProblem(w.status, "%s", strings.TrimSpace(w.message.String()))
}

// socket returns what is at the bottom of a connection: below TLS, for one.
func socket(conn net.Conn) net.Conn {
	for {
		upper, ok := conn.(interface{ NetConn() net.Conn })
		if !ok {
			return conn
		}
		conn = upper.NetConn()
	}
}

// Hijack implements [http.Hijacker].
func (w *upgrader) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	if tcp, ok := socket(conn).(*net.TCPConn); ok {
		_ = tcp.SetWriteBuffer(sendBuffer) // the system's own size works too
	}
	if buffered.Reader.Buffered() == 0 {
		// Messages are short or bypass the buffer, and there are thousands of us.
		buffered = bufio.NewReadWriter(bufio.NewReaderSize(conn, bufferLen), bufio.NewWriterSize(conn, bufferLen))
	}
	return conn, buffered, nil
}
