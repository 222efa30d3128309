package resolver

import (
	"context"
	"time"

	"github.com/miekg/dns"
)

// plainTimeout bounds one try over UDP, which may get lost.
const plainTimeout = 3 * time.Second

// Plain asks a resolver over UDP, and over TCP when the answer is too large or
// none comes. Its answers are as good as the way to it: use one on this machine
// or its own network.
type Plain struct{ address string }

// NewPlain returns an exchanger with the resolver at address, HOST:PORT.
func NewPlain(address string) *Plain { return &Plain{address: address} }

// Exchange sends the question under an id of its own.
func (p *Plain) Exchange(ctx context.Context, question *dns.Msg) (*dns.Msg, error) {
	q := question.Copy()
	q.Id = dns.Id()
	reply, _, err := (&dns.Client{Net: "udp", Timeout: plainTimeout, UDPSize: ednsSize}).ExchangeContext(ctx, q, p.address)
	if err == nil && !reply.Truncated {
		return reply, nil
	}
	reply, _, err = (&dns.Client{Net: "tcp", Timeout: plainTimeout}).ExchangeContext(ctx, q, p.address)
	return reply, err
}
