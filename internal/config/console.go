package config

import (
	"errors"
	"fmt"
	"strings"
)

// Console is the web console on the admin server.
type Console struct {
	// Changes allows what the console changes: holding, retrying, replaying, dropping,
	// rebuilding. Otherwise it only shows.
	Changes Switch `name:"console-changes" default:"false" usage:"let the console change things: hold, release, retry, replay, drop, rebuild"`
	// UserHeader names the header in which a proxy says who it logged in; it counts
	// in requests from Proxies only.
	UserHeader HeaderName `name:"console-user-header" default:"" usage:"header in which a proxy of --console-proxies names the user that it logged in, such as X-Forwarded-User"`
	Proxies    Networks   `name:"console-proxies" default:"" usage:"networks of the proxies that may name users; these are not --trusted-proxies, which forward for anybody"`
	// Peers are admin servers of the gateway's other processes. The console asks them
	// for what this process does not know.
	Peers URLs `name:"console-peers" default:"" usage:"admin servers of processes with other roles, which the console asks for what this one does not know; commas between several"`
}

// minToken is the least length of a token, so that it cannot be guessed.
const minToken = 16

func (a *Admin) check() error {
	switch token := a.Access.Token; {
	case token != "" && len(token) < minToken:
		return &Error{Where: "--admin-token", Problem: fmt.Sprintf("want at least %d characters; openssl rand -hex 32 makes good ones", minToken)}
	case a.Console.UserHeader != "" && a.Console.Proxies == "":
		return &Error{Where: "--console-user-header", Problem: "wants --console-proxies: from which addresses it is to be believed"}
	}
	return nil
}

// HeaderName is the name of an HTTP header, or "".
type HeaderName string

// Set takes s.
func (h *HeaderName) Set(s string) error {
	valid := func(r rune) bool {
		return r == '-' || r == '_' || '0' <= r && r <= '9' || 'A' <= r && r <= 'Z' || 'a' <= r && r <= 'z'
	}
	if strings.ContainsFunc(s, func(r rune) bool { return !valid(r) }) || strings.EqualFold(s, "Authorization") || strings.EqualFold(s, "Cookie") {
		return errors.New("want the name of a header that the proxy sets, such as X-Forwarded-User")
	}
	*h = HeaderName(s)
	return nil
}

// String implements [pflag.Value].
func (h *HeaderName) String() string { return string(*h) }

// Type names the kind of value in help texts.
func (*HeaderName) Type() string { return "HEADER" }

// URLs are http or https URLs, separated by commas.
type URLs string

// Set takes s.
func (u *URLs) Set(s string) error {
	for _, one := range items(s) {
		if err := new(URL).Set(one); err != nil {
			return fmt.Errorf("%w, and commas between several", err)
		}
	}
	*u = URLs(s)
	return nil
}

// List returns the URLs, without slashes at their ends.
func (u URLs) List() []string {
	list := items(string(u))
	for i := range list {
		list[i] = strings.TrimSuffix(list[i], "/")
	}
	return list
}

// String implements [pflag.Value].
func (u *URLs) String() string { return string(*u) }

// Type names the kind of value in help texts.
func (*URLs) Type() string { return "URL,..." }

// items splits a list at its commas and leaves out what is empty.
func items(s string) (list []string) {
	for one := range strings.SplitSeq(s, ",") {
		if one = strings.TrimSpace(one); one != "" {
			list = append(list, one)
		}
	}
	return list
}
