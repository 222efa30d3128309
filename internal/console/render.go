package console

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"html/template"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"path"
	"strings"

	"awala.network/gateway/internal/access"
	"awala.network/gateway/internal/documents"
	"awala.network/gateway/internal/fault"
	"awala.network/gateway/internal/history"
)

//go:embed assets templates
var files embed.FS

// pages are the templates, each in the common layout, by the name of its file.
var pages = parsePages()

func parsePages() map[string]*template.Template {
	layout := template.Must(template.New("layout.html").Funcs(functions).ParseFS(files, "templates/layout.html", "templates/parts.html"))
	names, err := fs.Glob(files, "templates/page-*.html")
	if err != nil {
		panic(err) // the pattern is constant
	}
	all := make(map[string]*template.Template, len(names))
	for _, name := range names {
		page := template.Must(template.Must(layout.Clone()).ParseFS(files, name))
		all[strings.TrimSuffix(strings.TrimPrefix(path.Base(name), "page-"), ".html")] = page
	}
	return all
}

// assetTag changes with the assets, so that browsers keep them for as long as they are
// the same.
var assetTag = func() string {
	hash := sha256.New()
	for _, name := range []string{"console.css", "console.js", "icon.svg"} {
		content, err := files.ReadFile("assets/" + name)
		if err != nil {
			panic(err) // it is compiled in
		}
		hash.Write(content)
	}
	return hex.EncodeToString(hash.Sum(nil)[:6])
}()

func asset(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	http.ServeFileFS(w, r, files, "assets/"+path.Base(r.PathValue("name")))
}

// view is a page to show.
type view struct {
	// Page is the name of its template, Title what it is about, Section the part of
	// the console that it belongs to.
	Page, Title, Section string
	// Live tells that the page is to be brought up to date.
	Live bool
	Data any
	// Status is 200 if it is 0.
	Status int
}

// frame is what the layout shows around a view.
type frame struct {
	view
	Console  *Console
	User     access.User
	Assets   string
	Did      string
	Path     string
	Sections []section
}

type section struct{ Path, Name string }

var sections = []section{
	{"/console/", "Overview"},
	{"/console/parcels", "Parcels"},
	{"/console/events", "Events"},
	{"/console/gateways", "Private gateways"},
	{"/console/destinations", "Destinations"},
	{"/console/parked", "Parked"},
	{"/console/projections", "Projections"},
}

// pageFunc makes a page. Its error is shown as one.
type pageFunc func(r *http.Request) (view, error)

func (c *Console) page(make pageFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v, err := make(r)
		if err != nil {
			v = c.failure(r.Context(), err)
		}
		c.show(w, r, v)
	}
}

func (c *Console) show(w http.ResponseWriter, r *http.Request, v view) {
	var body bytes.Buffer
	f := frame{
		view: v, Console: c, User: access.UserOf(r.Context()), Assets: "/console/assets/", Path: r.URL.RequestURI(),
		Sections: sections, Did: outcomes[r.URL.Query().Get("did")],
	}
	if err := pages[v.Page].ExecuteTemplate(&body, "layout.html", f); err != nil {
		c.Logger.LogAttrs(r.Context(), slog.LevelError, "page of the console", slog.String("page", v.Page), slog.Any("error", err))
		http.Error(w, "this page is broken; the log says why", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	if v.Status != 0 {
		w.WriteHeader(v.Status)
	}
	// A browser that went away needs no answer.
	_, _ = w.Write(body.Bytes())
}

// Errors of requests.
var (
	errNoPage   = errors.New("there is no such page")
	errReadOnly = errors.New("this console only shows: --console-changes lets it change things")
)

// badRequest is a mistake in a request.
type badRequest struct{ error }

// trouble is a page that tells of an error, and what to do.
type trouble struct{ Problem, Advice string }

// failure makes a page of an error. Only the kinds that people can do something about
// are told apart.
func (c *Console) failure(ctx context.Context, err error) view {
	v := view{Page: "error", Title: "That did not work", Status: http.StatusServiceUnavailable}
	t := trouble{Problem: err.Error(), Advice: "Try again. If it stays so, awala-gateway doctor says what is wrong with the services."}
	var bad badRequest
	switch {
	case errors.As(err, new(failedChange)):
		v.Title, v.Status = "It was not done", http.StatusUnprocessableEntity
		t.Advice = "Everything is as it was, as far as can be told. Remove the cause, go back, and try again."
	case errors.Is(err, errNoPage):
		v.Title, v.Status, t.Advice = "Not found", http.StatusNotFound, "The menu leads to everything that there is."
	case errors.Is(err, documents.ErrNotFound), errors.Is(err, history.ErrNoEvent), errors.Is(err, history.ErrNoStream):
		v.Title, v.Status = "Not found", http.StatusNotFound
		t.Advice = "It may have ended and been forgotten, or not be in the read models yet: the event history has everything."
	case errors.Is(err, errReadOnly):
		v.Title, v.Status, t.Advice = "Read only", http.StatusForbidden, "Whoever runs the gateway can allow it; the commands can do it as well."
	case errors.As(err, &bad):
		v.Title, v.Status, t.Advice = "That cannot be asked", http.StatusBadRequest, "Go back and correct it."
	case ctx.Err() != nil:
		v.Status = http.StatusRequestTimeout
	case fault.IsPermanent(err):
		v.Status = http.StatusInternalServerError
	}
	v.Data = t
	return v
}

// isLocalName tells whether no DNS server had a say in where the host is.
func isLocalName(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	_, err := netip.ParseAddr(strings.Trim(name, "[]"))
	return err == nil || name == "localhost"
}
