package ping

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"awala.network/gateway/internal/courierclient"
)

// courierSteps have a courier bring a parcel of A for B, and take one to A.
func (r *run) courierSteps() []step {
	steps := append(r.pushed("a courier delivers A's cargo, with a parcel for B", r.deliverCargo),
		step{"the Internet delivers another for A by PoHTTP", r.deliverByPoHTTP},
		step{"the courier collects A's cargo, with the parcel", r.collectCargo})
	// What a courier has may still be lost on the way.
	return append(steps, r.collected("A collects it by PoWeb, too")...)
}

// newCourier makes a courier for an http or https URL; by http it speaks HTTP/2 in plain
// text, as the server of standalone does.
func (r *run) newCourier() (*courierclient.Courier, error) {
	u, err := url.Parse(r.target.CogRPC)
	if err != nil {
		return nil, err
	}
	var transport credentials.TransportCredentials
	port := u.Port()
	switch {
	case u.Hostname() == "":
		return nil, fmt.Errorf("%q has no host", r.target.CogRPC)
	case u.Scheme == "http":
		transport, port = insecure.NewCredentials(), cmp.Or(port, "80")
	case u.Scheme == "https":
		transport, port = credentials.NewTLS(&tls.Config{MinVersion: tls.VersionTLS12, RootCAs: r.target.Roots}), cmp.Or(port, "443")
	default:
		return nil, fmt.Errorf("%q is neither http nor https", r.target.CogRPC)
	}
	return courierclient.New(net.JoinHostPort(u.Hostname(), port), grpc.WithTransportCredentials(transport))
}

// deliverCargo writes A's cargo as a gateway writes it that has registered and never met
// a courier before.
func (r *run) deliverCargo(ctx context.Context) error {
	if err := r.write(r.endpointA, r.endpointB); err != nil {
		return err
	}
	private, err := courierclient.NewPrivateGateway(r.a.Key, r.a.Registration, nil)
	if err != nil {
		return err
	}
	r.offline = private
	raw, err := private.SerializeCargo(ctx, r.parcel)
	if err != nil {
		return err
	}
	if r.courier, err = r.newCourier(); err != nil {
		return err
	}
	_, err = r.courier.Deliver(ctx, raw)
	return err
}

func (r *run) collectCargo(ctx context.Context) error {
	authorisation, err := r.offline.SerializeCCA(ctx)
	if err != nil {
		return err
	}
	var items [][]byte
	err = r.courier.Collect(ctx, authorisation, func(raw []byte) error {
		more, err := r.offline.OpenCargo(ctx, raw)
		items = append(items, more...)
		return err
	})
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(items, func(item []byte) bool { return bytes.Equal(item, r.parcel) }) {
		return errors.New("the parcel is not among what the courier was given")
	}
	return nil
}
