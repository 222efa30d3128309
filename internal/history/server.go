package history

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"

	"golang.org/x/mod/sumdb/tlog"

	"awala.network/gateway/internal/blobs"
	"awala.network/gateway/internal/evidence"
	"awala.network/gateway/internal/fault"
)

// Paths of the server, below the admin server's root.
const (
	pathEvents      = "/events"
	pathStreams     = "/events/streams"
	pathKey         = "/events/key"
	pathCheckpoints = "/events/checkpoints/"
	pathTiles       = "/events/tiles/"
)

// contentLines is the media type of lines of JSON.
const contentLines = "application/x-ndjson"

// Advancer makes a new checkpoint; evidence.Recorder is one.
type Advancer interface {
	Advance(ctx context.Context, stream string) (evidence.Signed, error)
}

// NewHandler returns the routes of the admin server by which [Client] looks at the
// history:
//
//	GET  /events?...                  messages, a JSON line each (Query.Values)
//	GET  /events/streams              a list of Stream
//	GET  /events/key                  the public key
//	GET  /events/checkpoints/STREAM   the newest checkpoint; ?size=N another
//	POST /events/checkpoints/STREAM   makes a new one if there is something new
//	GET  /events/tiles/STREAM/PATH    hashes
//
// Errors are a line of text with a status, or after the first message a line
// {"error": ...}, which is the last.
func NewHandler(source Source, advancer Advancer) http.Handler {
	s := server{source, advancer}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+pathEvents, s.messages)
	mux.HandleFunc("GET "+pathStreams, s.streams)
	mux.HandleFunc("GET "+pathKey, s.key)
	mux.HandleFunc("GET "+pathCheckpoints+"{stream}", s.checkpoint)
	mux.HandleFunc("POST "+pathCheckpoints+"{stream}", s.advance)
	mux.HandleFunc("GET "+pathTiles+"{stream}/{path...}", s.tile)
	return mux
}

type server struct {
	source   Source
	advancer Advancer
}

func (s server) messages(w http.ResponseWriter, r *http.Request) {
	q, err := ParseQuery(r.URL.Query())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", contentLines)
	out := lineWriter{w: bufio.NewWriterSize(w, 64<<10)}
	if q.Follow {
		out.flush = http.NewResponseController(w).Flush
		// A client that cannot be written to is noticed at the first line.
		_ = out.flush()
	}
	for m, err := range s.source.Messages(r.Context(), q) {
		if err == nil {
			err = out.message(m)
		}
		if err != nil {
			out.fail(err)
			break
		}
	}
	_ = out.w.Flush()
}

func (s server) streams(w http.ResponseWriter, r *http.Request) {
	streams, err := s.source.Streams(r.Context())
	if err != nil {
		fail(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	// A client that went away needs no answer.
	_ = json.NewEncoder(w).Encode(streams)
}

func (s server) key(w http.ResponseWriter, r *http.Request) {
	key, err := s.source.Key(r.Context())
	answer(w, []byte(key+"\n"), err)
}

func (s server) checkpoint(w http.ResponseWriter, r *http.Request) {
	size := int64(0)
	if text := r.URL.Query().Get("size"); text != "" {
		var err error
		if size, err = strconv.ParseInt(text, 10, 64); err != nil || size < 0 {
			http.Error(w, "size: want a number", http.StatusBadRequest)
			return
		}
	}
	note, err := s.source.Checkpoint(r.Context(), r.PathValue("stream"), size)
	answer(w, note, err)
}

func (s server) advance(w http.ResponseWriter, r *http.Request) {
	stream := r.PathValue("stream")
	if !isStream(stream) {
		fail(w, ErrNoStream)
		return
	}
	signed, err := s.advancer.Advance(r.Context(), stream)
	answer(w, signed.Note, err)
}

func (s server) tile(w http.ResponseWriter, r *http.Request) {
	t, err := tlog.ParseTilePath(r.PathValue("path"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	data, err := s.source.Tile(r.Context(), r.PathValue("stream"), t)
	w.Header().Set("Content-Type", "application/octet-stream")
	answer(w, data, err)
}

// answer writes the body, or the error.
func answer(w http.ResponseWriter, body []byte, err error) {
	if err != nil {
		fail(w, err)
		return
	}
	// A client that went away needs no answer.
	_, _ = w.Write(body)
}

func fail(w http.ResponseWriter, err error) {
	status := http.StatusServiceUnavailable
	switch {
	case errors.Is(err, blobs.ErrNotFound), errors.Is(err, ErrNoStream):
		status = http.StatusNotFound
	case errors.Is(err, blobs.ErrInvalid):
		status = http.StatusBadRequest
	case fault.IsPermanent(err):
		status = http.StatusInternalServerError
	}
	http.Error(w, err.Error(), status)
}

// lineWriter writes a line of JSON for each message.
type lineWriter struct {
	w     *bufio.Writer
	flush func() error // after each line, if not nil
	line  []byte
}

func (l *lineWriter) message(m message) error {
	var err error
	if l.line, err = AppendLine(l.line[:0], m); err != nil {
		return err
	}
	l.line = append(l.line, '\n')
	if _, err := l.w.Write(l.line); err != nil || l.flush == nil {
		return err
	}
	return errors.Join(l.w.Flush(), l.flush())
}

// failure is the last line of a stream of messages that broke off.
type failure struct {
	Error string `json:"error"`
}

func (l *lineWriter) fail(err error) {
	text, marshalErr := json.Marshal(failure{err.Error()})
	if marshalErr == nil {
		_, _ = io.WriteString(l.w, string(text)+"\n")
	}
}
