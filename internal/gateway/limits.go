package gateway

import (
	"math"
	"runtime/debug"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"awala.network/gateway/handlers"
	"awala.network/gateway/internal/config"
	"awala.network/gateway/internal/limits"
	"awala.network/gateway/projections"
)

// How long a request waits for its turn, or for memory, before it is refused. The
// released clients wait for three seconds (PoHTTP) and five (PoWeb) in all.
const (
	pohttpWait = 1500 * time.Millisecond
	powebWait  = 2 * time.Second
	cogrpcWait = 10 * time.Second // in a call, couriers set the deadline
)

// guard returns the guard of the named server of this process.
func (a *assembly) guard(server string, wait time.Duration) (*limits.Guard, error) {
	c := a.config.Limits
	return limits.New(limits.Options{
		Proxies: c.TrustedProxies.List(), Exempt: c.Exempt.List(),
		Connections: int(c.Connections), AddressConnections: int(c.AddressConnections),
		Requests: int(c.Requests), AddressRequests: int(c.AddressRequests), AddressRate: rateOf(c.AddressRate),
		AddressVolume: limits.Rate{Events: int(c.AddressVolume), Per: time.Hour},
		Registrations: rateOf(c.Registrations), AddressRegistrations: rateOf(c.AddressRegistrations),
		Memory: a.bodyMemory(), Wait: wait,
	}, a.metrics, server)
}

func rateOf(r config.Rate) limits.Rate { return limits.Rate{Events: r.Events, Per: r.Per} }

const (
	// defaultBodyMemory is that of a server whose process has no memory limit.
	defaultBodyMemory = 128 << 20
	// memoryPart is the part of the limit, one in so many, that all servers of a
	// process take together for bodies: what becomes of a body takes as much again,
	// and freed memory is still occupied until it is collected.
	memoryPart = 4
)

// bodyMemory is how many octets the bodies of one server may hold.
func (a *assembly) bodyMemory() int64 {
	if set := a.config.Limits.BodyMemory; set > 0 {
		return int64(set)
	}
	limit := debug.SetMemoryLimit(-1) // asks
	if limit == math.MaxInt64 {
		return defaultBodyMemory
	}
	servers := 0
	for _, r := range a.kind.roles {
		if r.listen != nil {
			servers++
		}
	}
	return limit / memoryPart / int64(max(servers, 1))
}

// mailboxLimit bounds what is queued for one private gateway. Registered is:
//
//	awala_limits_mailbox_full_total  parcels for a private gateway with too much queued
func (a *assembly) mailboxLimit(mailbox *projections.Reader) (*handlers.MailboxLimit, error) {
	full := prometheus.NewCounter(prometheus.CounterOpts{
		Name: "awala_limits_mailbox_full_total", Help: "Parcels refused for now, because too much is queued for their private gateway.",
	})
	if err := a.metrics.Register(full); err != nil {
		return nil, err
	}
	return &handlers.MailboxLimit{
		Octets: int64(a.config.Limits.Mailbox), Parcels: mailbox, Full: full.Inc, Now: time.Now,
	}, nil
}
