package web

import (
	"net/http"
	"strconv"
)

// Alive is a [Handler] that says that the server serves; it looks no further.
func Alive(w http.ResponseWriter, _ *http.Request) error {
	return Respond(w, http.StatusOK, "text/plain", []byte("It works\n"))
}

// Respond answers with a whole body. net/http leaves the body out of answers to
// HEAD. A failed write means that the client is gone, which the access log
// shows by the length; the error is always nil, for handlers to return.
func Respond(w http.ResponseWriter, status int, contentType string, body []byte) error {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body)
	return nil
}
