package console

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/history"
)

// What a live tail may take: it ends after tailLife, and begins again by itself, and a
// browser that does not read is cut off.
const (
	tailLife         = 10 * time.Minute
	tailWriteTimeout = 10 * time.Second
	tailHeartbeat    = 15 * time.Second
)

// tail sends the rows of events that are recorded from a sequence on, as server-sent
// events.
func (c *Console) tail(w http.ResponseWriter, r *http.Request) {
	form := parseForm(r.URL.Query())
	filter, err := form.filter(c.Now())
	after, err2 := parseSequence("after", r.URL.Query().Get("after"))
	if resumed := r.Header.Get("Last-Event-ID"); resumed != "" { // of a browser that connects again
		after, err2 = parseSequence("after", resumed)
	}
	if err != nil || err2 != nil {
		http.Error(w, "bad filter", http.StatusBadRequest)
		return
	}
	filter.From = max(filter.From, after+1)
	ctx, cancel := context.WithTimeout(r.Context(), tailLife)
	defer cancel()
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no") // for proxies
	out := tailWriter{w: w, control: http.NewResponseController(w)}
	if out.write(": here is what comes\n\n") != nil {
		return
	}
	messages := make(chan events.Message)
	done := make(chan struct{})
	defer func() { <-done }()
	defer cancel()
	go c.follow(ctx, history.Query{Filter: filter, Follow: true}, messages, done)
	out.copy(ctx, messages)
}

// follow sends what is recorded until ctx or the history ends.
func (c *Console) follow(ctx context.Context, q history.Query, to chan<- events.Message, done chan<- struct{}) {
	defer close(done)
	defer close(to)
	for m, err := range c.History.Messages(ctx, q) {
		if err != nil {
			return
		}
		select {
		case to <- m:
		case <-ctx.Done():
			return
		}
	}
}

type tailWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

// copy writes rows, and something now and then so that proxies do not cut the line.
func (t tailWriter) copy(ctx context.Context, messages <-chan events.Message) {
	heartbeat := time.NewTicker(tailHeartbeat)
	defer heartbeat.Stop()
	for {
		text := ": still here\n\n"
		select {
		case m, ok := <-messages:
			if !ok {
				return
			}
			var err error
			if text, err = tailEvent(m); err != nil {
				return
			}
		case <-heartbeat.C:
		case <-ctx.Done():
			return
		}
		if t.write(text) != nil {
			return
		}
	}
}

func tailEvent(m events.Message) (string, error) {
	var row bytes.Buffer
	if err := pages["events"].ExecuteTemplate(&row, "event-row", newRow(m)); err != nil {
		return "", err
	}
	lines := strings.ReplaceAll(strings.TrimSpace(row.String()), "\n", "\ndata: ")
	return fmt.Sprintf("id: %d\ndata: %s\n\n", m.Sequence, strings.ReplaceAll(lines, "\r", " ")), nil
}

func (t tailWriter) write(text string) error {
	// Without deadlines, as in a test, the write takes as long as it takes.
	_ = t.control.SetWriteDeadline(time.Now().Add(tailWriteTimeout))
	if _, err := t.w.Write([]byte(text)); err != nil {
		return err
	}
	return t.control.Flush()
}
