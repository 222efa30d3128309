package config

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"awala.network/gateway/events"
)

// History is how long events are kept. Streams that are not here are kept for ever:
// the gateway's identity and its peers' keys are in them. All processes must have the
// same settings.
type History struct {
	KeepCargo           Retention `name:"keep-cargo" default:"forever" usage:"how long events of couriers' cargo are kept: forever, or days such as 400d"`
	KeepInternetParcels Retention `name:"keep-internet-parcels" default:"forever" usage:"how long events of parcels to the Internet are kept: forever, or days such as 400d"`
	KeepGatewayParcels  Retention `name:"keep-gateway-parcels" default:"forever" usage:"how long events of parcels to private gateways are kept: forever, or days such as 400d"`
	KeepParked          Retention `name:"keep-parked" default:"forever" usage:"how long events of messages that were set aside are kept: forever, or days such as 400d"`
}

// Streams returns the specification of every stream with what is set here.
func (h History) Streams() []events.StreamSpec {
	kept := map[string]Retention{
		events.StreamCargo: h.KeepCargo, events.StreamInternetParcels: h.KeepInternetParcels,
		events.StreamGatewayParcels: h.KeepGatewayParcels, events.StreamParked: h.KeepParked,
	}
	streams := events.Streams()
	for i := range streams {
		streams[i].MaxAge = time.Duration(kept[streams[i].Name])
	}
	return streams
}

// Retention is how long something is kept; 0 is for ever.
type Retention time.Duration

const (
	forever = "forever"
	day     = 24 * time.Hour
)

// errRetention says what can be set.
var errRetention = errors.New("want forever, or days such as 400d, of which there must be at least " +
	strconv.Itoa(int(events.MinRetention/day)) + ": parcels live for up to 180, and what is open must not be lost")

// Set parses s: forever, or a number of days.
func (r *Retention) Set(s string) error {
	if s == forever {
		*r = 0
		return nil
	}
	digits, ok := strings.CutSuffix(s, "d")
	days, err := strconv.ParseUint(digits, 10, 16)
	if !ok || err != nil || time.Duration(days)*day < events.MinRetention {
		return errRetention
	}
	*r = Retention(time.Duration(days) * day)
	return nil
}

// String implements [pflag.Value].
func (r *Retention) String() string {
	if *r == 0 {
		return forever
	}
	return strconv.Itoa(int(time.Duration(*r)/day)) + "d"
}

// Type names the kind of value in help texts.
func (*Retention) Type() string { return "DAYS" }
