package console

import (
	"errors"
	"net/http"
	"net/url"
	"path"
	"strings"

	"awala.network/gateway/internal/access"
)

type loginPage struct {
	Next, Name, Problem string
	// Possible tells that there is a token to log in with.
	Possible bool
}

func (c *Console) loginPage(w http.ResponseWriter, r *http.Request) {
	c.showLogin(w, r, loginPage{Next: safeNext(r.URL.Query().Get("next"))}, http.StatusOK)
}

func (c *Console) showLogin(w http.ResponseWriter, r *http.Request, p loginPage, status int) {
	p.Possible = c.Access.HasToken()
	c.show(w, r, view{Page: "login", Title: "Log in", Data: p, Status: status})
}

func (c *Console) login(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	p := loginPage{Next: safeNext(r.PostFormValue("next")), Name: strings.TrimSpace(r.PostFormValue("name"))}
	if p.Name == "" || !c.Access.HasToken() {
		p.Problem = errNoName.Error()
		c.showLogin(w, r, p, http.StatusBadRequest)
		return
	}
	err := c.Access.Login(w, r, r.PostFormValue("token"), p.Name)
	switch {
	case errors.Is(err, access.ErrTooOften):
		p.Problem = err.Error()
		c.showLogin(w, r, p, http.StatusTooManyRequests)
	case err != nil:
		p.Problem = err.Error()
		c.showLogin(w, r, p, http.StatusForbidden)
	default:
		http.Redirect(w, r, p.Next, http.StatusSeeOther)
	}
}

func (c *Console) logout(w http.ResponseWriter, r *http.Request) {
	c.Access.Logout(w, r)
	http.Redirect(w, r, access.LoginPath+"?did=logout", http.StatusSeeOther)
}

// safeNext returns where to go after the login: a page of the console, whatever was
// asked for.
func safeNext(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.IsAbs() || u.Host != "" || path.Clean(u.Path) != u.Path && path.Clean(u.Path)+"/" != u.Path ||
		!strings.HasPrefix(u.Path, access.ConsolePath+"/") || strings.Contains(next, "\\") {
		return access.ConsolePath + "/"
	}
	return u.RequestURI()
}
