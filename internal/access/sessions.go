package access

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// sessionLife is how long a login lasts.
const sessionLife = 12 * time.Hour

// cookieName is the name of the session cookie.
const cookieName = "awala_console"

// sessions makes and reads session cookies: what is in them, and its HMAC.
type sessions struct {
	key []byte
	now func() time.Time
}

type session struct {
	Name string `json:"n"`
	Ends int64  `json:"e"` // Unix time
}

func (s sessions) sign(body string) string {
	mac := hmac.New(sha256.New, s.key)
	mac.Write([]byte(body))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func (s sessions) value(name string) string {
	// A struct of these fields always marshals.
	body, _ := json.Marshal(session{name, s.now().Add(sessionLife).Unix()})
	encoded := base64.RawURLEncoding.EncodeToString(body)
	return encoded + "." + s.sign(encoded)
}

// user returns whose session the request belongs to. A session counts below
// [ConsolePath] only, which is where browsers send it.
func (s sessions) user(r *http.Request) (string, bool) {
	cookie, err := r.Cookie(cookieName)
	if err != nil || r.URL.Path != ConsolePath && !strings.HasPrefix(r.URL.Path, ConsolePath+"/") {
		return "", false
	}
	body, mac, ok := strings.Cut(cookie.Value, ".")
	if !ok || !hmac.Equal([]byte(mac), []byte(s.sign(body))) {
		return "", false
	}
	raw, err := base64.RawURLEncoding.DecodeString(body)
	var found session
	if err != nil || json.Unmarshal(raw, &found) != nil || found.Ends <= s.now().Unix() {
		return "", false
	}
	return found.Name, true
}

// Login begins a session for a person with the token.
func (g *Guard) Login(w http.ResponseWriter, r *http.Request, token, name string) error {
	if err := g.check(r, token); err != nil {
		return err
	}
	if name = strings.TrimSpace(name); len(name) > maxName {
		name = strings.ToValidUTF8(name[:maxName], "")
	}
	http.SetCookie(w, g.cookie(r, g.sessions.value(name), int(sessionLife/time.Second)))
	return nil
}

// Logout has the browser forget its session.
func (g *Guard) Logout(w http.ResponseWriter, r *http.Request) {
	http.SetCookie(w, g.cookie(r, "", -1))
}

func (g *Guard) cookie(r *http.Request, value string, maxAge int) *http.Cookie {
	return &http.Cookie{
		Name: cookieName, Value: value, Path: ConsolePath, MaxAge: maxAge,
		HttpOnly: true, SameSite: http.SameSiteStrictMode,
		// Behind a proxy that terminates TLS the browser knows it as HTTPS.
		Secure: r.TLS != nil || strings.HasPrefix(r.Header.Get("Origin"), "https://"),
	}
}

// next is the query of the login page that leads back to the page asked for.
func next(r *http.Request) string { return url.Values{"next": {r.URL.RequestURI()}}.Encode() }
