package config

import (
	"errors"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Limits keep one client of a server from taking what is everybody's. Each server
// of each process has them to itself. docs/limits.md tells what clients see.
type Limits struct {
	// TrustedProxies tell with Forwarded or X-Forwarded-For whom they forward for.
	TrustedProxies Networks `name:"trusted-proxies" default:"" usage:"networks of proxies, or private for all private ones, whose X-Forwarded-For, Forwarded and X-Request-Id are believed"`
	// Exempt addresses have no limits of their own. By default these are the ones
	// of private networks, because such a client mostly is a proxy that is not in
	// TrustedProxies, and stands for everybody.
	Exempt Networks `name:"limit-exempt" default:"private" usage:"networks whose addresses have no limits of their own"`

	Connections        Count `name:"limit-connections" default:"10000" usage:"most open connections of a server"`
	AddressConnections Count `name:"limit-address-connections" default:"2000" usage:"most open connections of one address (IPv6: /64) to a server"`
	Requests           Count `name:"limit-requests" default:"512" usage:"most parcels and other posts, or couriers' calls, that a server has in hand; more wait"`
	AddressRequests    Count `name:"limit-address-requests" default:"64" usage:"most of these of one address; more wait"`
	AddressRate        Rate  `name:"limit-address-rate" default:"500/s" usage:"most requests of one address; 0 is no limit"`

	// AddressVolume is in an hour.
	AddressVolume Size `name:"limit-address-volume" default:"2GiB" usage:"most octets of parcels and cargo that one address sends in an hour; 0 is no limit"`

	Registrations        Rate  `name:"limit-registrations" default:"3000/m" usage:"most steps of registrations (each has two) of all addresses; 0 is no limit"`
	AddressRegistrations Rate  `name:"limit-address-registrations" default:"240/m" usage:"most steps of registrations of one address; 0 is no limit"`
	GatewayCollections   Count `name:"limit-gateway-collections" default:"32" usage:"most open parcel collections of one private gateway; a further one ends the oldest"`

	// Mailbox bounds what is queued for a private gateway; what couriers brought is
	// let in all the same, because it was acknowledged.
	Mailbox Size `name:"limit-mailbox" default:"2GiB" usage:"most octets that are queued for one private gateway, about; further parcels are refused with 507; 0 is no limit"`
	// BodyMemory is the memory of a server for request bodies over 64 KiB.
	BodyMemory Size `name:"limit-body-memory" default:"0" usage:"most octets that large bodies hold in a server's memory; 0 takes a part of the process's memory limit"`
}

// Networks are IP networks.
type Networks string

// private stands for the networks that no address on the Internet is in, whose
// addresses are of this machine or of a network of the operator.
const private = "private"

const privateNetworks = "127.0.0.0/8,::1,10.0.0.0/8,100.64.0.0/10,172.16.0.0/12,192.168.0.0/16,169.254.0.0/16,fc00::/7,fe80::/10"

// Set parses s: networks such as 10.0.0.0/8, single addresses, or the word private,
// separated by commas.
func (n *Networks) Set(s string) error {
	for one := range strings.SplitSeq(s, ",") {
		if one = strings.TrimSpace(one); one == "" || one == private {
			continue
		}
		if _, err := parseNetwork(one); err != nil {
			return errors.New("want networks such as 10.0.0.0/8,2001:db8::/32, or private")
		}
	}
	*n = Networks(s)
	return nil
}

func parseNetwork(s string) (netip.Prefix, error) {
	if address, err := netip.ParseAddr(s); err == nil {
		return netip.PrefixFrom(address, address.BitLen()), nil
	}
	network, err := netip.ParsePrefix(s)
	return network.Masked(), err
}

// List returns the networks.
func (n Networks) List() []netip.Prefix {
	var list []netip.Prefix
	for one := range strings.SplitSeq(string(n), ",") {
		one = strings.TrimSpace(one)
		if one == private {
			list = append(list, Networks(privateNetworks).List()...)
		}
		// What else Set took can be parsed; the rest is the empty ones.
		if network, err := parseNetwork(one); err == nil {
			list = append(list, network)
		}
	}
	return list
}

// String implements [pflag.Value].
func (n *Networks) String() string { return string(*n) }

// Type names the kind of value in help texts.
func (*Networks) Type() string { return "NETWORK,..." }

// Rate is how often something may happen, such as 100/s. None is no limit.
type Rate struct {
	Events int
	Per    time.Duration
}

var rateUnits = map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour}

// Set parses s: a number and s, m or h, or 0.
func (r *Rate) Set(s string) error {
	if s == "0" {
		*r = Rate{}
		return nil
	}
	number, unit, _ := strings.Cut(s, "/")
	n, err := strconv.ParseUint(number, 10, 24)
	per, ok := rateUnits[unit]
	if err != nil || n == 0 || !ok {
		return errors.New("want a rate such as 100/s, 6000/m or 1000/h, or 0 for no limit")
	}
	*r = Rate{Events: int(n), Per: per}
	return nil
}

// String implements [pflag.Value].
func (r *Rate) String() string {
	for unit, per := range rateUnits {
		if r.Events > 0 && per == r.Per {
			return strconv.Itoa(r.Events) + "/" + unit
		}
	}
	return "0"
}

// Type names the kind of value in help texts.
func (*Rate) Type() string { return "RATE" }
