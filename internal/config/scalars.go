package config

import (
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Text is any text without control characters.
type Text string

// Set takes s.
func (t *Text) Set(s string) error {
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return errors.New("want text without control characters")
	}
	*t = Text(s)
	return nil
}

// String implements [pflag.Value].
func (t *Text) String() string { return string(*t) }

// Type names the kind of value in help texts.
func (*Text) Type() string { return "TEXT" }

// Count is a small number of at least 1.
type Count int

// Set parses s.
func (c *Count) Set(s string) error {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || n == 0 {
		return errors.New("want a whole number of at least 1")
	}
	*c = Count(n)
	return nil
}

// String implements [pflag.Value].
func (c *Count) String() string { return strconv.Itoa(int(*c)) }

// Type names the kind of value in help texts.
func (*Count) Type() string { return "NUMBER" }

// Switch is on or off; as a flag it needs no value.
type Switch bool

// Set parses s: true or false.
func (w *Switch) Set(s string) error {
	switch s {
	case "true":
		*w = true
	case "false":
		*w = false
	default:
		return errors.New("want true or false")
	}
	return nil
}

// String implements [pflag.Value].
func (w *Switch) String() string { return strconv.FormatBool(bool(*w)) }

// Type names the kind of value in help texts.
func (*Switch) Type() string { return "bool" }

// URL is an http or https URL without user, query or fragment.
type URL string

// Set takes s, without a slash at its end.
func (u *URL) Set(s string) error {
	parsed, err := url.Parse(s)
	if err != nil || parsed.Scheme != "http" && parsed.Scheme != "https" || parsed.Host == "" ||
		parsed.User != nil || parsed.RawQuery != "" || parsed.Fragment != "" {
		return errors.New("want a URL such as https://example.com")
	}
	*u = URL(strings.TrimSuffix(s, "/"))
	return nil
}

// String implements [pflag.Value].
func (u *URL) String() string { return string(*u) }

// Type names the kind of value in help texts.
func (*URL) Type() string { return "URL" }

// NATSURLs are the URLs of NATS servers, separated by commas.
type NATSURLs string

// Set takes s.
func (n *NATSURLs) Set(s string) error {
	for one := range strings.SplitSeq(s, ",") {
		parsed, err := url.Parse(strings.TrimSpace(one))
		if err != nil || !slices.Contains([]string{"nats", "tls"}, parsed.Scheme) || parsed.Host == "" {
			return errors.New("want URLs such as nats://nats-1:4222,nats://nats-2:4222")
		}
		if parsed.User != nil {
			return errors.New("give the user with --nats-user and --nats-password")
		}
	}
	*n = NATSURLs(s)
	return nil
}

// String implements [pflag.Value].
func (n *NATSURLs) String() string { return string(*n) }

// Type names the kind of value in help texts.
func (*NATSURLs) Type() string { return "URL,..." }
