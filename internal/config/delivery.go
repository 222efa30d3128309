package config

import (
	"errors"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"awala.network/gateway/internal/pohttp/postman"
)

// Delivery is how parcels are delivered to other Internet nodes: when, and how
// many at once.
type Delivery struct {
	// RetryInitial is the pause after the first failed attempt; it doubles with
	// each attempt up to RetryMax.
	RetryInitial Duration `name:"delivery-retry-initial" default:"30s" usage:"pause before the first retry of a delivery; it doubles each time"`
	RetryMax     Duration `name:"delivery-retry-max" default:"1h" usage:"longest pause between two attempts of a delivery"`
	// Horizon is how long a parcel is tried, unless it expires before.
	Horizon Duration `name:"delivery-horizon" default:"24h" usage:"how long a parcel is tried, unless it expires before"`
	// Concurrency bounds the attempts of one process, and those at one
	// destination.
	Concurrency            Count `name:"delivery-concurrency" default:"256" usage:"most deliveries in flight in this process"`
	DestinationConcurrency Count `name:"delivery-destination-concurrency" default:"16" usage:"most deliveries in flight to one destination"`
}

// PDC is how the parcel delivery connections (RS-007) to other Internet nodes
// are made.
type PDC struct {
	Discovery
	// AllowPrivate lets parcels go to addresses that are not public, AllowHTTP
	// redirects lead to plain HTTP.
	AllowPrivate Switch `name:"pdc-allow-private" default:"false" usage:"deliver to loopback, private and other special addresses, too"`
	AllowHTTP    Switch `name:"pdc-allow-http" default:"false" usage:"follow redirects to plain HTTP, too"`
	// Overrides pin Internet addresses to URLs.
	Overrides Overrides `name:"pdc-override" default:"" usage:"deliver what is for NAME to URL, whatever DNS says; may be repeated"`
}

// Discovery is how the servers of an Internet address are found, and who vouches for
// them.
type Discovery struct {
	// DoHURL is the resolver that is asked for service records, over HTTPS
	// (RFC 8484). It must validate with DNSSEC. Resolver, if not empty, is asked
	// instead, over UDP and TCP; the way to it must be safe.
	DoHURL   URL      `name:"pdc-doh-url" default:"https://cloudflare-dns.com/dns-query" usage:"DNS-over-HTTPS resolver that validates with DNSSEC"`
	Resolver Resolver `name:"pdc-resolver" default:"" usage:"trusted resolver on this machine or network to ask instead, IP or IP:PORT; it must validate with DNSSEC"`
	// CAFile holds authorities to trust beside the system's.
	CAFile Path `name:"pdc-ca-file" default:"" usage:"PEM file of authorities to trust beside the system's"`
}

// Duration is a positive length of time.
type Duration time.Duration

// Set parses s, such as 1h30m.
func (d *Duration) Set(s string) error {
	parsed, err := time.ParseDuration(s)
	if err != nil || parsed <= 0 {
		return errors.New("want a time such as 30s or 24h")
	}
	*d = Duration(parsed)
	return nil
}

// String implements [pflag.Value].
func (d *Duration) String() string { return time.Duration(*d).String() }

// Type names the kind of value in help texts.
func (*Duration) Type() string { return "TIME" }

// Resolver is the address of a DNS resolver, IP:PORT, or "".
type Resolver string

// Set parses s; the port is 53 if there is none.
func (r *Resolver) Set(s string) error {
	if s == "" {
		*r = ""
		return nil
	}
	if _, err := netip.ParseAddr(s); err == nil {
		s = net.JoinHostPort(s, strconv.Itoa(53))
	}
	if _, err := netip.ParseAddrPort(s); err != nil {
		return errors.New("want IP or IP:PORT")
	}
	*r = Resolver(s)
	return nil
}

// String implements [pflag.Value].
func (r *Resolver) String() string { return string(*r) }

// Type names the kind of value in help texts.
func (*Resolver) Type() string { return "IP:PORT" }

// Overrides pin names to URLs: NAME=URL, separated by commas.
type Overrides string

// Set parses s.
func (o *Overrides) Set(s string) error {
	for one := range strings.SplitSeq(s, ",") {
		if one = strings.TrimSpace(one); one == "" {
			continue
		}
		if _, err := postman.ParseOverride(one); err != nil {
			return errors.New("want NAME=URL, and commas between several")
		}
	}
	*o = Overrides(s)
	return nil
}

// List returns the overrides.
func (o Overrides) List() []postman.Override {
	var list []postman.Override
	for one := range strings.SplitSeq(string(o), ",") {
		// What Set took can be parsed; the rest is the empty ones.
		if override, err := postman.ParseOverride(strings.TrimSpace(one)); err == nil {
			list = append(list, override)
		}
	}
	return list
}

// String implements [pflag.Value].
func (o *Overrides) String() string { return string(*o) }

// Type names the kind of value in help texts.
func (*Overrides) Type() string { return "NAME=URL" }

// repeats tells RegisterFlags that the flag may be given several times.
func (*Overrides) repeats() {}
