package limits

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// ErrBusy is a limit that passes: the client should come back in a moment.
var ErrBusy = errors.New("too busy; try again later")

// busyBecause is [ErrBusy] after a wait that ended.
func busyBecause(ctx context.Context) error { return fmt.Errorf("%w: %w", ErrBusy, ctx.Err()) }

// The limits, as they are called in metrics and logs.
const (
	limitConnections          = "connections"
	limitAddressConnections   = "address-connections"
	limitRequests             = "requests"
	limitAddressRate          = "address-rate"
	limitAddressVolume        = "address-volume"
	limitMemory               = "body-memory"
	limitRegistrations        = "registrations"
	limitAddressRegistrations = "address-registrations"
	limitCollections          = "gateway-collections"
	limitSlow                 = "slow-body"
)

var allLimits = []string{
	limitConnections, limitAddressConnections, limitRequests, limitAddressRate, limitAddressVolume, limitMemory,
	limitRegistrations, limitAddressRegistrations, limitCollections, limitSlow,
}

// Options are the limits of one server. Zero means that there is no such limit.
type Options struct {
	// Proxies are trusted to tell whom they forward for.
	Proxies Proxies
	// Exempt are networks whose addresses have no limits of their own.
	Exempt []netip.Prefix
	// Connections bounds the open connections, AddressConnections those of one
	// client.
	Connections, AddressConnections int
	// Requests bounds the requests in hand, AddressRequests those of one client.
	Requests, AddressRequests int
	// AddressRate bounds the requests of one client.
	AddressRate Rate
	// AddressVolume bounds the octets in the bodies of one client.
	AddressVolume Rate
	// Registrations bounds the steps of registration, AddressRegistrations those of
	// one client.
	Registrations, AddressRegistrations Rate
	// Memory bounds, in octets, what bodies hold. An eighth of it is for those of
	// at most [SmallBody] octets, so that these need not wait for large ones. A
	// client has half of either part.
	Memory int64
	// Wait is how long a request waits for its turn or for memory before it is
	// refused.
	Wait time.Duration
	// Now is time.Now if nil.
	Now func() time.Time
}

// waitingFactor is how many requests of one client may wait for each that it may
// have in hand: what comes on top would wait in vain.
const waitingFactor = 16

// SmallBody is the most octets of a body that counts as small.
const SmallBody = 64 << 10

// smallPart is the part of the memory for small bodies: one in so many.
const smallPart = 8

// Guard holds the clients of one server to its limits.
type Guard struct {
	proxies       Proxies
	exempt        []netip.Prefix
	wait          time.Duration
	now           func() time.Time
	connections   connections
	requests      *Gate // nil without a limit
	small, large  *Gate // memory; nil without a limit
	rate, volume  *Rates
	registrations *Rates
	refused       *prometheus.CounterVec
}

// New returns the guard of the named server. Registered are:
//
//	awala_limits_refused_total{server,limit}   what was refused because of a limit
//	awala_limits_connections{server}           open connections
//	awala_limits_requests_in_hand{server}      requests in hand
//	awala_limits_body_octets{server}           memory for bodies in use
//	awala_limits_body_limit_octets{server}     and the most of it
func New(o Options, registerer prometheus.Registerer, server string) (*Guard, error) {
	g := &Guard{
		proxies: o.Proxies, exempt: o.Exempt, wait: o.Wait, now: o.Now,
		connections:   connections{most: o.Connections, mostEach: o.AddressConnections, each: make(map[netip.Prefix]int)},
		rate:          NewRates(o.AddressRate, Rate{}),
		volume:        NewRates(o.AddressVolume, Rate{}),
		registrations: NewRates(o.AddressRegistrations, o.Registrations),
	}
	if g.now == nil {
		g.now = time.Now
	}
	if o.Requests > 0 {
		share := o.Requests
		if o.AddressRequests > 0 {
			share = o.AddressRequests
		}
		g.requests = NewGate(int64(o.Requests), int64(share), waitingFactor*share)
	}
	if o.Memory > 0 {
		small, queue := o.Memory/smallPart, math.MaxInt
		if o.AddressRequests > 0 {
			queue = waitingFactor * o.AddressRequests
		}
		g.small, g.large = NewGate(small, small/2, queue), NewGate(o.Memory-small, (o.Memory-small)/2, queue)
	}
	return g, g.register(registerer, server, o)
}

func (g *Guard) register(registerer prometheus.Registerer, server string, o Options) error {
	constant := prometheus.Labels{"server": server}
	g.refused = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "awala_limits_refused_total", Help: "What was refused because of a limit, by limit.", ConstLabels: constant,
	}, []string{"limit"})
	for _, limit := range allLimits {
		g.refused.WithLabelValues(limit)
	}
	gauge := func(name, help string, value func() int64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: constant},
			func() float64 { return float64(value()) })
	}
	for _, c := range []prometheus.Collector{
		g.refused,
		gauge("awala_limits_connections", "Open connections.", g.connections.open),
		gauge("awala_limits_requests_in_hand", "Requests in hand that count against the limit.", g.requests.Held),
		gauge("awala_limits_body_octets", "Memory that bodies of requests hold, in octets.",
			func() int64 { return g.small.Held() + g.large.Held() }),
		gauge("awala_limits_body_limit_octets", "Most memory that bodies of requests may hold, in octets.",
			func() int64 { return o.Memory }),
	} {
		if err := registerer.Register(c); err != nil {
			return fmt.Errorf("limits: %w", err)
		}
	}
	return nil
}

func (c *connections) open() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return int64(c.all)
}

// Client tells who sends a request that came from remote, HOST:PORT.
func (g *Guard) Client(remote string, header http.Header) Client {
	return g.proxies.Client(remote, header)
}

// Exempt tells whether a client has no limits of its own.
func (g *Guard) Exempt(c Client) bool { return within(g.exempt, c.Address) }

// Request notes a request of a client, unless it has sent too many.
func (g *Guard) Request(c Client) error {
	if own, _ := g.rate.Take(c.network(), g.Exempt(c), g.now()); !own {
		return g.refuse(limitAddressRate, ErrBusy)
	}
	return nil
}

// Body notes a body of n octets that a client sends to be stored, unless it has sent
// too many.
func (g *Guard) Body(c Client, n int64) error {
	if !g.volume.TakeOwn(c.network(), g.Exempt(c), int(n), g.now()) {
		return g.refuse(limitAddressVolume, ErrBusy)
	}
	return nil
}

// Enter waits for the client's turn to have a request in hand. done is called once
// it is answered.
func (g *Guard) Enter(ctx context.Context, c Client) (done func(), err error) {
	return g.enter(ctx, g.requests, c, 1, limitRequests)
}

// Memory waits for n octets of memory for a body. done gives them back.
func (g *Guard) Memory(ctx context.Context, c Client, n int64) (done func(), err error) {
	if n <= SmallBody {
		return g.enter(ctx, g.small, c, n, limitMemory)
	}
	return g.enter(ctx, g.large, c, n, limitMemory)
}

func (g *Guard) enter(ctx context.Context, gate *Gate, c Client, n int64, limit string) (func(), error) {
	if gate == nil {
		return func() {}, nil
	}
	waiting, cancel := context.WithTimeout(ctx, g.wait)
	defer cancel()
	done, err := gate.Enter(waiting, c.network(), g.Exempt(c), n)
	if err != nil && ctx.Err() == nil {
		g.refused.WithLabelValues(limit).Inc()
	}
	return done, err
}

// Register notes one step of a registration, unless there are too many, of this
// client or of all.
func (g *Guard) Register(c Client) error {
	own, all := g.registrations.Take(c.network(), g.Exempt(c), g.now())
	switch {
	case !own:
		return g.refuse(limitAddressRegistrations, ErrBusy)
	case !all:
		return g.refuse(limitRegistrations, ErrBusy)
	default:
		return nil
	}
}

// TooManyCollections counts a collection that was ended because its private gateway
// has too many.
func (g *Guard) TooManyCollections() { g.refused.WithLabelValues(limitCollections).Inc() }

// TooSlow counts a request whose body came too slowly.
func (g *Guard) TooSlow() { g.refused.WithLabelValues(limitSlow).Inc() }

func (g *Guard) refuse(limit string, err error) error {
	g.refused.WithLabelValues(limit).Inc()
	return fmt.Errorf("%w (%s)", err, limit)
}
