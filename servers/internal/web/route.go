package web

import (
	"net/http"
	"strings"
)

// Handler answers a request, or returns an error for [Router] to answer with.
// It must not have written anything when it returns an error.
type Handler func(w http.ResponseWriter, r *http.Request) error

// Route is one resource.
type Route struct {
	// Name is the route's label in logs and metrics.
	Name string
	// Paths are the exact paths by which the resource is known.
	Paths []string
	// Get answers GET and HEAD; nil if they are not allowed.
	Get Handler
	// Post answers POST; nil if it is not allowed.
	Post Handler
	// Upgrade tells that Get may switch to another protocol. Such requests are
	// refused everywhere else.
	Upgrade bool
}

// Router sends requests to routes and answers for what they do not: 404 for
// unknown paths, 405 with Allow for other methods, 204 with Allow for OPTIONS.
type Router struct {
	routes map[string]*Route
}

// NewRouter returns a router for the given routes.
func NewRouter(routes ...Route) *Router {
	rt := &Router{routes: make(map[string]*Route)}
	for i := range routes {
		for _, path := range routes[i].Paths {
			rt.routes[path] = &routes[i]
		}
	}
	return rt
}

// ServeHTTP implements [http.Handler].
func (rt *Router) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := rt.serve(w, r); err != nil {
		writeProblem(w, r, err)
	}
}

func (rt *Router) serve(w http.ResponseWriter, r *http.Request) error {
	route, ok := rt.routes[r.URL.Path]
	if !ok {
		return refuseUpgrade(r, NewProblem(http.StatusNotFound, "no such resource"))
	}
	exchangeOf(r.Context()).route = route.Name
	if handle := route.handler(r.Method); handle != nil {
		if !route.Upgrade && asksUpgrade(r) {
			return refuseUpgrade(r, nil)
		}
		return handle(w, r)
	}
	w.Header().Set("Allow", route.allow())
	if r.Method == http.MethodOptions {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	return NewProblem(http.StatusMethodNotAllowed, "method not allowed")
}

func (rt *Route) handler(method string) Handler {
	switch method {
	case http.MethodGet, http.MethodHead:
		return rt.Get
	case http.MethodPost:
		return rt.Post
	default:
		return nil
	}
}

func (rt *Route) allow() string {
	var methods []string
	if rt.Get != nil {
		methods = append(methods, http.MethodHead, http.MethodGet)
	}
	if rt.Post != nil {
		methods = append(methods, http.MethodPost)
	}
	return strings.Join(methods, ", ")
}

// asksUpgrade tells whether the client wants a WebSocket. Other protocols (h2c)
// are offers that a server may pass over in silence (RFC 9110 §7.8).
func asksUpgrade(r *http.Request) bool {
	return strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
}

func refuseUpgrade(r *http.Request, otherwise error) error {
	if asksUpgrade(r) {
		return NewProblem(http.StatusBadRequest, "no WebSocket is served here")
	}
	return otherwise
}
