package upkeep

import (
	"encoding/json"
	"net/http"

	"awala.network/gateway/handlers"
	"awala.network/gateway/projections"
)

// contentLines is the media type of lines of JSON.
const contentLines = "application/x-ndjson"

// Line is one line of an answer: one of its fields is set.
type Line struct {
	Progress   *projections.Progress   `json:"progress,omitempty"`
	Difference *projections.Difference `json:"difference,omitempty"`
	Rebuilt    *projections.Rebuilt    `json:"rebuilt,omitempty"`
	Verified   *projections.Verified   `json:"verified,omitempty"`
	// Step is what is done now, in words, and Forgotten what was done.
	Step      string                     `json:"step,omitempty"`
	Forgotten *handlers.ForgottenGateway `json:"forgotten,omitempty"`
	Error     string                     `json:"error,omitempty"`
}

// lines writes an answer line by line, each at once.
type lines struct {
	encoder *json.Encoder
	flush   func() error
}

func newLines(w http.ResponseWriter) lines {
	w.Header().Set("Content-Type", contentLines)
	return lines{json.NewEncoder(w), http.NewResponseController(w).Flush}
}

func (l lines) write(line Line) error {
	if err := l.encoder.Encode(line); err != nil {
		return err
	}
	return l.flush()
}

func (l lines) progress(p projections.Progress) {
	_ = l.write(Line{Progress: &p}) // that the client is gone ends the request's context
}

// end writes the last line: what was done, or why not.
func (l lines) end(done Line, err error) {
	if err != nil {
		done = Line{Error: err.Error()}
	}
	_ = l.write(done)
}

// writeJSON answers with one value, or with the error.
func writeJSON(w http.ResponseWriter, value any, err error) {
	if err != nil {
		writeError(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value) // a client that went away needs no answer
}
