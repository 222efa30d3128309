// Package ping is the built-in smoke test: does a running gateway register,
// accept, push and hand out?
//
// It plays two throw-away private gateways, A and B, with an endpoint each, and
// sends a parcel both ways: one by PoWeb, pushed to a client that waits for it
// (RS-016, keep-alive), one by PoHTTP (RS-007), collected afterwards
// (close-upon-completion). Then a courier (CogRPC, RS-008) brings a cargo of A's with a
// parcel for B, and collects one for A. It checks that the parcels arrive octet for octet
// and are gone once acknowledged. Nothing of it stays in the gateway but the record
// that it happened.
package ping

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"awala.network/gateway/internal/courierclient"
	"awala.network/gateway/internal/powebclient"
	"awala.network/gateway/internal/resolver"
)

// payloadLen is the size of the parcels' payloads in octets.
const payloadLen = 1024

// retryAfter is how long the last check waits before it looks again.
const retryAfter = 20 * time.Millisecond

// Target is a gateway's servers.
type Target struct {
	// PoWeb, PoHTTP and CogRPC are http or https URLs. With Lookup, one that is empty is
	// found as peers find it: by the SRV records of Address.
	PoWeb, PoHTTP, CogRPC string
	// NoCourier leaves CogRPC out.
	NoCourier bool
	// Address is the gateway's Internet address.
	Address string
	// Lookup asks for SRV records; *resolver.Resolver is one.
	Lookup interface {
		LookupSRV(ctx context.Context, name string) (resolver.Answer, error)
	}
	// Roots are the authorities to trust; nil means the system's.
	Roots *x509.CertPool
}

// run is one smoke test. Its fields are filled in step by step.
type run struct {
	target Target
	http   *http.Client

	a, b                 *powebclient.PrivateGateway
	endpointA, endpointB *powebclient.Endpoint
	parcel               []byte
	delivery             *powebclient.Delivery
	collection           *powebclient.Collection
	courier              *courierclient.Courier
	offline              *courierclient.PrivateGateway // A, for couriers
}

// Run runs the test within ctx, reporting each step. The error names the step
// that failed.
func Run(ctx context.Context, target Target, report *Report) error {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: target.Roots}
	defer transport.CloseIdleConnections()
	r := &run{target: target, http: &http.Client{Transport: transport}}
	defer r.close()
	for _, s := range r.steps() {
		if err := report.step(ctx, s.title, s.do); err != nil {
			return err
		}
	}
	return nil
}

type step struct {
	title string
	do    func(context.Context) error
}

func (r *run) steps() []step {
	var steps []step
	byAddress := r.target.Lookup != nil
	if byAddress && r.target.PoWeb == "" {
		steps = append(steps, step{"private gateways find the PoWeb server", r.find("_awala-gsc._tcp.", &r.target.PoWeb)})
	}
	if byAddress && r.target.PoHTTP == "" {
		steps = append(steps, step{"Internet nodes find the PoHTTP server", r.find("_awala-pdc._tcp.", &r.target.PoHTTP)})
	}
	if byAddress && r.target.CogRPC == "" && !r.target.NoCourier {
		steps = append(steps, step{"couriers find the CogRPC server", r.find("_awala-crc._tcp.", &r.target.CogRPC)})
	}
	steps = append(steps, []step{
		{"PoWeb server answers", r.answers(&r.target.PoWeb)},
		{"PoHTTP server answers", r.answers(&r.target.PoHTTP)},
		{"private gateway A registers", r.register(&r.a)},
		{"private gateway B registers", r.register(&r.b)},
		{"both make an endpoint", r.makeEndpoints},
	}...)
	steps = append(steps, r.pushed("A delivers a parcel for B by PoWeb", r.deliver)...)
	steps = append(steps, step{"the Internet delivers a parcel for A by PoHTTP", r.deliverByPoHTTP})
	steps = append(steps, r.collected("A collects (close-upon-completion)")...)
	if r.target.NoCourier {
		return steps
	}
	return append(steps, r.courierSteps()...)
}

// pushed sends a parcel to B while B waits for it.
func (r *run) pushed(title string, send func(context.Context) error) []step {
	return []step{
		{"B waits for parcels (keep-alive)", r.collect(&r.b, powebclient.KeepAlive)},
		{title, send},
		{"B is handed the parcel", r.receive},
		{"B acknowledges it", r.acknowledge},
		{"nothing is left for B", r.nothingLeft},
	}
}

// collected has A collect the parcel that it was sent before.
func (r *run) collected(title string) []step {
	return []step{
		{title, r.collect(&r.a, powebclient.CloseUponCompletion)},
		{"A is handed the parcel", r.receive},
		{"A acknowledges it and nothing is left", r.acknowledgeLast},
	}
}

// find looks up which server the address has for a service, as peers do: with DNSSEC,
// and the first target alone.
func (r *run) find(service string, server *string) func(context.Context) error {
	return func(ctx context.Context) error {
		answer, err := r.target.Lookup.LookupSRV(ctx, service+r.target.Address)
		if err != nil {
			return err
		}
		first := resolver.Order(answer.Targets, func(int) int { return 0 })[0]
		if first.Host == "" {
			return fmt.Errorf("%s%s says that there is none", service, r.target.Address)
		}
		*server = "https://" + net.JoinHostPort(first.Host, strconv.Itoa(int(first.Port)))
		return nil
	}
}

func (r *run) close() {
	r.endCollection()
	if r.courier != nil {
		_ = r.courier.Close() // it only ends what is ended anyway
		r.courier = nil
	}
}

func (r *run) endCollection() {
	if r.collection != nil {
		r.collection.Close()
		r.collection = nil
	}
}

func (r *run) answers(server *string) func(context.Context) error {
	return func(ctx context.Context) error {
		url := *server
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
		if err != nil {
			return err
		}
		answer, err := r.http.Do(request)
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			return fmt.Errorf("GET %s: %s", url, answer.Status)
		}
		return nil
	}
}

func (r *run) register(gateway **powebclient.PrivateGateway) func(context.Context) error {
	return func(ctx context.Context) error {
		client, err := powebclient.New(r.target.PoWeb, r.http)
		if err != nil {
			return err
		}
		*gateway, err = client.NewPrivateGateway(ctx)
		return err
	}
}

func (r *run) makeEndpoints(context.Context) (err error) {
	if r.endpointA, err = r.a.NewEndpoint(); err != nil {
		return err
	}
	r.endpointB, err = r.b.NewEndpoint()
	return err
}

func (r *run) collect(gateway **powebclient.PrivateGateway, mode powebclient.Mode) func(context.Context) error {
	return func(ctx context.Context) (err error) {
		r.collection, err = (*gateway).Collect(ctx, mode)
		return err
	}
}

func (r *run) deliver(ctx context.Context) error {
	if err := r.write(r.endpointA, r.endpointB); err != nil {
		return err
	}
	return r.a.Deliver(ctx, r.parcel)
}

func (r *run) deliverByPoHTTP(ctx context.Context) error {
	if err := r.write(r.endpointB, r.endpointA); err != nil {
		return err
	}
	return powebclient.DeliverByPoHTTP(ctx, r.http, r.target.PoHTTP, r.parcel)
}

// write makes the next parcel. Gateways do not look into payloads, so a random
// one will do.
func (r *run) write(from, to *powebclient.Endpoint) (err error) {
	payload := make([]byte, payloadLen)
	_, _ = rand.Read(payload) // never fails
	r.parcel, err = from.Write(powebclient.Parcel{To: to, Payload: payload})
	return err
}

func (r *run) receive(ctx context.Context) (err error) {
	r.delivery, err = r.collection.Next(ctx)
	if errors.Is(err, io.EOF) {
		return errors.New("the gateway says that there is nothing to collect")
	}
	if err != nil {
		return err
	}
	if !bytes.Equal(r.delivery.Parcel, r.parcel) {
		return errors.New("it is not the parcel that was sent")
	}
	return nil
}

func (r *run) acknowledge(ctx context.Context) error {
	defer r.endCollection()
	return r.delivery.Acknowledge(ctx)
}

// acknowledgeLast relies on the gateway's promise to end the collection only
// when all acknowledgements are recorded.
func (r *run) acknowledgeLast(ctx context.Context) error {
	if err := r.delivery.Acknowledge(ctx); err != nil {
		return err
	}
	_, err := r.collection.Next(ctx)
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case err == nil:
		return errors.New("another parcel came")
	default:
		return err
	}
}

// nothingLeft asks until the acknowledgement, which has no answer of its own,
// has been recorded.
func (r *run) nothingLeft(ctx context.Context) error {
	for {
		left, err := r.anythingLeft(ctx)
		if err != nil || !left {
			return err
		}
		select {
		case <-time.After(retryAfter):
		case <-ctx.Done():
			return errors.New("the parcel is still handed out although it was acknowledged")
		}
	}
}

func (r *run) anythingLeft(ctx context.Context) (bool, error) {
	collection, err := r.b.Collect(ctx, powebclient.CloseUponCompletion)
	if err != nil {
		return false, err
	}
	defer collection.Close()
	_, err = collection.Next(ctx)
	if errors.Is(err, io.EOF) {
		return false, nil
	}
	return err == nil, err
}
