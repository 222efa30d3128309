package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/spf13/pflag"

	"awala.network/gateway/internal/config"
)

// defaultAdmin is where a gateway's admin server is unless it was told otherwise,
// which adminVariable does for all commands.
const (
	defaultAdmin  = "http://127.0.0.1:8083"
	adminVariable = "AWALA_ADMIN"
)

// adminFlags say which admin server to ask, and what to show to it.
type adminFlags struct {
	url     string
	flags   *pflag.FlagSet
	environ []string
}

func (f *adminFlags) register(flags *pflag.FlagSet, environ []string) {
	f.flags, f.environ = flags, environ
	at := defaultAdmin
	for _, variable := range environ {
		if value, ok := strings.CutPrefix(variable, adminVariable+"="); ok && value != "" {
			at = value
		}
	}
	flags.StringVar(&f.url, "admin", at, "URL of the admin server of a running process (also "+adminVariable+")")
	config.RegisterFlags(flags, new(config.AdminAccess))
}

// client returns a client that shows the token, if there is one, and what to call
// when done with it.
func (f *adminFlags) client() (*http.Client, func(), error) {
	var access config.AdminAccess
	if err := config.LoadSections(config.Sources{Flags: f.flags, Environ: f.environ}, &access); err != nil {
		return nil, nil, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	return &http.Client{Transport: asking{access.Token.Reveal(), transport}}, transport.CloseIdleConnections, nil
}

// asking shows a token with each request, if there is one, and says what to look at if
// nothing answers.
type asking struct {
	token string
	inner http.RoundTripper
}

// RoundTrip makes the request. The client follows redirects through here, too, but
// the admin server makes none to commands.
func (a asking) RoundTrip(r *http.Request) (*http.Response, error) {
	if a.token != "" {
		r = r.Clone(r.Context())
		r.Header.Set("Authorization", "Bearer "+a.token)
	}
	answer, err := a.inner.RoundTrip(r)
	if dial, ok := errors.AsType[*net.OpError](err); ok && dial.Op == "dial" {
		err = fmt.Errorf("no admin server answers there: is the gateway running, and --admin right? (%w)", err)
	}
	return answer, err
}
