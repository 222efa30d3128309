package postman

import (
	"fmt"
	"net/url"
	"strings"
)

// Override pins an Internet address to a URL, for tests and closed networks. No
// DNS is asked for it, and the URL may be plain HTTP and lead to an address that
// is not public.
type Override struct {
	// Name is the Internet address.
	Name string
	// URL is where its parcels are posted.
	URL *url.URL
}

// ParseOverride reads NAME=URL.
func ParseOverride(s string) (Override, error) {
	name, rawURL, found := strings.Cut(s, "=")
	if !found || name == "" {
		return Override{}, fmt.Errorf("want NAME=URL, found %q", s)
	}
	u, err := url.Parse(rawURL)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil {
		return Override{}, fmt.Errorf("want NAME=URL with an http or https URL, found %q", s)
	}
	return Override{Name: Normalize(name), URL: u}, nil
}

// Normalize returns the form that two spellings of a domain name share.
func Normalize(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// sameOrigin tells whether two URLs lead to the same server.
func sameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && strings.EqualFold(a.Hostname(), b.Hostname()) && port(a) == port(b)
}

func port(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	if u.Scheme == "http" {
		return "80"
	}
	return "443"
}
