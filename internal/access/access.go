// Package access says who may use the admin server, and remembers a login of the
// console.
//
// A request is let in with one of
//
//	Authorization: Bearer TOKEN      commands, Prometheus
//	a session cookie                 a browser that logged in with the token
//	a header with the user's name    a proxy that logs people in (OIDC and the like),
//	                                 honoured from the addresses of such proxies only
//
// and without any of them if there is neither a token nor a proxy: then the server
// must listen where only operators reach it.
//
// Guarantees: tokens are compared in constant time and are in no log. A session is
// signed with a key that is derived from the token, so that every process with the
// same token accepts it, and a new token ends all of them. It counts for the console
// only. Attempts with wrong tokens are limited for each address.
package access

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Options say who is let in.
type Options struct {
	// Token is the secret of operators; "" is none.
	Token string
	// UserHeader is the header in which a proxy names the user that it logged in; ""
	// is none. It counts in requests from Proxies only.
	UserHeader string
	Proxies    []netip.Prefix
	Now        func() time.Time
	Logger     *slog.Logger
}

// Guard lets requests in, or not. Its methods may be called concurrently.
type Guard struct {
	options  Options
	digest   [sha256.Size]byte // of the token
	sessions sessions
	attempts *attempts
}

// New returns a guard.
func New(o Options) *Guard {
	mac := hmac.New(sha256.New, []byte(o.Token))
	mac.Write([]byte("awala-gateway console session"))
	return &Guard{
		options: o, digest: sha256.Sum256([]byte(o.Token)), sessions: sessions{mac.Sum(nil), o.Now}, attempts: newAttempts(),
	}
}

// Needed tells whether anything is asked of clients.
func (g *Guard) Needed() bool { return g.HasToken() || g.options.UserHeader != "" }

// HasToken tells whether one can log in with a token.
func (g *Guard) HasToken() bool { return g.options.Token != "" }

// User is who sent a request. Its name is "" where that is not known.
type User struct {
	Name string
	// Session tells that it can log out.
	Session bool
}

type userKey struct{}

// UserOf returns who sent the request that the context belongs to.
func UserOf(ctx context.Context) User {
	u, _ := ctx.Value(userKey{}).(User)
	return u
}

// Errors of [Guard.Login], and of requests that are not let in.
var (
	ErrWrongToken = errors.New("this is not the token")
	ErrTooOften   = errors.New("too many wrong tokens from this address: wait a minute")
	errNobody     = errors.New("this server wants a token: Authorization: Bearer TOKEN (commands: --admin-token-file)")
)

// Handler lets those requests through to next that are allowed, with their user in
// the context; open are paths, or beginnings of paths that end in a slash, that want
// nothing.
func (g *Guard) Handler(next http.Handler, open ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, err := g.identify(r)
		if err != nil && !isOpen(r.URL.Path, open) {
			g.refuse(w, r, err)
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), userKey{}, user)))
	})
}

func isOpen(path string, open []string) bool {
	return slices.ContainsFunc(open, func(o string) bool {
		return path == o || strings.HasSuffix(o, "/") && strings.HasPrefix(path, o)
	})
}

// ConsolePath is where the console is; a session counts there, and people without one
// are sent to LoginPath.
const (
	ConsolePath = "/console"
	LoginPath   = ConsolePath + "/login"
)

func (g *Guard) refuse(w http.ResponseWriter, r *http.Request, err error) {
	if g.HasToken() && isOpen(r.URL.Path, []string{ConsolePath, ConsolePath + "/"}) && r.Method == http.MethodGet {
		http.Redirect(w, r, LoginPath+"?"+next(r), http.StatusSeeOther)
		return
	}
	status := http.StatusUnauthorized
	if errors.Is(err, ErrTooOften) {
		status = http.StatusTooManyRequests
		w.Header().Set("Retry-After", "60")
	}
	w.Header().Set("WWW-Authenticate", `Bearer realm="awala-gateway admin"`)
	http.Error(w, err.Error(), status)
}

// identify tells who sent the request, or why it is not let in.
func (g *Guard) identify(r *http.Request) (User, error) {
	if name := g.proxied(r); name != "" {
		return User{Name: name}, nil
	}
	if !g.Needed() {
		return User{}, nil
	}
	if !g.HasToken() {
		return User{}, errors.New("this server is used through the proxy that logs people in")
	}
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		return User{}, g.check(r, token)
	}
	if name, ok := g.sessions.user(r); ok {
		return User{Name: name, Session: true}, nil
	}
	return User{}, errNobody
}

// maxName bounds a user's name, in octets.
const maxName = 200

// proxied returns the user that a trusted proxy names.
func (g *Guard) proxied(r *http.Request) string {
	if g.options.UserHeader == "" {
		return ""
	}
	names := r.Header.Values(g.options.UserHeader)
	from, err := netip.ParseAddr(client(r))
	if err != nil || len(names) != 1 || len(names[0]) > maxName {
		return ""
	}
	trusted := slices.ContainsFunc(g.options.Proxies, func(p netip.Prefix) bool { return p.Contains(from.Unmap()) })
	if !trusted {
		return ""
	}
	return strings.TrimSpace(names[0])
}

// check compares a token with ours.
func (g *Guard) check(r *http.Request, token string) error {
	from := client(r)
	if !g.attempts.allowed(from, g.options.Now()) {
		return ErrTooOften
	}
	digest := sha256.Sum256([]byte(token))
	if subtle.ConstantTimeCompare(digest[:], g.digest[:]) == 1 {
		return nil
	}
	g.attempts.failed(from, g.options.Now())
	g.options.Logger.LogAttrs(r.Context(), slog.LevelWarn, "wrong admin token", slog.String("from", from))
	return ErrWrongToken
}

// client is the address that a request came from.
func client(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
