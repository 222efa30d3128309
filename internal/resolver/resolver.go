package resolver

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/miekg/dns"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"awala.network/gateway/internal/tracing"
)

var (
	// ErrNotFound says, with DNSSEC's word for it, that there is no such name.
	ErrNotFound = errors.New("resolver: no such name")
	// ErrInsecure says that the answer was not validated with DNSSEC.
	ErrInsecure = errors.New("resolver: the answer is not authenticated by DNSSEC")
)

// Target is a host that offers a service.
type Target struct {
	// Host is in lower case and without trailing dot. It is "" if the service is
	// decidedly not offered (RFC 2782).
	Host     string
	Port     uint16
	Priority uint16
	Weight   uint16
}

// Answer is what there is under a name.
type Answer struct {
	// Targets are in no order: see [Order].
	Targets []Target
	// TTL is how long the answer is good.
	TTL time.Duration
}

// Exchanger asks a resolver one question. Transport failures are errors; what
// the answer says is not looked at.
type Exchanger interface {
	Exchange(ctx context.Context, question *dns.Msg) (*dns.Msg, error)
}

// Resolver asks for SRV records. It keeps nothing.
type Resolver struct{ exchanger Exchanger }

// New returns a resolver that asks by e.
func New(e Exchanger) *Resolver { return &Resolver{exchanger: e} }

// LookupSRV asks for the SRV records of name, such as
// _awala-pdc._tcp.example.com. Beside ErrNotFound the answer's TTL is that of
// the denial (RFC 2308 §5).
func (r *Resolver) LookupSRV(ctx context.Context, name string) (Answer, error) {
	question := new(dns.Msg)
	question.SetQuestion(dns.Fqdn(name), dns.TypeSRV)
	question.SetEdns0(ednsSize, true)
	question.AuthenticatedData = true
	// RFC 8484 §4.1: the id is 0, for the sake of HTTP caches. Over UDP the
	// exchanger chooses another.
	question.Id = 0
	ctx, span := tracing.Start(ctx, trace.SpanKindClient, "DNS SRV")
	if span.IsRecording() {
		span.SetAttributes(semconv.DNSQuestionName(name))
	}
	reply, err := r.exchanger.Exchange(ctx, question)
	tracing.End(span, err)
	if err != nil {
		return Answer{}, fmt.Errorf("resolver: ask for %s: %w", name, err)
	}
	return read(name, question, reply)
}

// ednsSize is the largest answer that is asked for over UDP: larger ones are
// fragmented on the way (DNS flag day 2020).
const ednsSize = 1232

// read takes from a reply what it says.
func read(name string, question, reply *dns.Msg) (Answer, error) {
	switch {
	case !reply.Response || len(reply.Question) != 1 ||
		!strings.EqualFold(reply.Question[0].Name, question.Question[0].Name) || reply.Question[0].Qtype != dns.TypeSRV:
		return Answer{}, fmt.Errorf("resolver: the answer is not to the question for %s", name)
	case reply.Truncated:
		return Answer{}, fmt.Errorf("resolver: the answer for %s is truncated", name)
	case reply.Rcode != dns.RcodeSuccess && reply.Rcode != dns.RcodeNameError:
		return Answer{}, fmt.Errorf("resolver: the answer for %s is %s", name, dns.RcodeToString[reply.Rcode])
	case !reply.AuthenticatedData:
		return Answer{}, fmt.Errorf("%w: %s", ErrInsecure, name)
	}
	targets, ttl := services(reply)
	if len(targets) == 0 {
		return Answer{TTL: denialTTL(reply)}, fmt.Errorf("%w: %s", ErrNotFound, name)
	}
	return Answer{Targets: targets, TTL: ttl}, nil
}

// services returns the SRV records of an answer, whatever aliases lead to them,
// and the shortest TTL on the way.
func services(reply *dns.Msg) (targets []Target, ttl time.Duration) {
	ttl = maxTTL
	for _, rr := range reply.Answer {
		switch rr.Header().Rrtype {
		case dns.TypeSRV, dns.TypeCNAME, dns.TypeDNAME:
			ttl = min(ttl, time.Duration(rr.Header().Ttl)*time.Second)
		}
		if srv, ok := rr.(*dns.SRV); ok {
			targets = append(targets, Target{
				Host: strings.ToLower(strings.TrimSuffix(srv.Target, ".")),
				Port: srv.Port, Priority: srv.Priority, Weight: srv.Weight,
			})
		}
	}
	return targets, ttl
}

// denialTTL is how long a denial is good: what the SOA record says.
func denialTTL(reply *dns.Msg) time.Duration {
	for _, rr := range reply.Ns {
		if soa, ok := rr.(*dns.SOA); ok {
			return time.Duration(min(soa.Hdr.Ttl, soa.Minttl)) * time.Second
		}
	}
	return 0
}
