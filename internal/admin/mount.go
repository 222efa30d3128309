package admin

import (
	"net/http"
	"sync/atomic"
)

// Mount is a part of the server whose handler comes later, when the services that
// it needs are there. Until then it answers 503.
type Mount struct {
	// Path is where the part begins, such as /events: that path and all below it.
	Path    string
	handler atomic.Pointer[http.Handler]
}

// headerNotHere marks the answer of a mount that was not filled.
const headerNotHere = "Awala-Not-Here"

// Fill sets the handler, which sees the whole path.
func (m *Mount) Fill(h http.Handler) { m.handler.Store(&h) }

// ServeHTTP hands the request to the handler, if it is there.
func (m *Mount) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if h := m.handler.Load(); h != nil {
		(*h).ServeHTTP(w, r)
		return
	}
	w.Header().Set(headerNotHere, "yes")
	writeText(w, http.StatusServiceUnavailable, m.Path+" is not available yet: /readyz tells what is missing\n")
}
