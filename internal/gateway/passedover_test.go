package gateway_test

import (
	"errors"
	"io"
	"testing"
	"time"

	"awala.network/gateway/internal/gateway"
	"awala.network/gateway/internal/powebclient"
)

// TestMissingBlobStopsNobody removes a stored parcel behind the gateway's back:
// the parcels after it are collected all the same, and the loss is parked.
func TestMissingBlobStopsNobody(t *testing.T) {
	g := start(t, settings(t.TempDir()))
	defer stop(t, g)
	peer, err := newClient(t, g).NewPrivateGateway(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	sender, recipient := newEndpoint(t, peer), newEndpoint(t, peer)
	deliver(t, peer, sender, recipient)
	for _, key := range blobsUnder(t, g, "parcels/") {
		if err := gateway.Blobs(g).Delete(t.Context(), key); err != nil {
			t.Fatal(err)
		}
	}
	deliver(t, peer, sender, recipient)

	collection, err := peer.Collect(t.Context(), powebclient.CloseUponCompletion)
	if err != nil {
		t.Fatal(err)
	}
	defer collection.Close()
	delivery, err := collection.Next(t.Context())
	if err != nil {
		t.Fatalf("the parcel after the lost one: %v", err)
	}
	if err := delivery.Acknowledge(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := collection.Next(t.Context()); !errors.Is(err, io.EOF) {
		t.Errorf("the end of the collection: %v", err)
	}
}

func newEndpoint(t *testing.T, peer *powebclient.PrivateGateway) *powebclient.Endpoint {
	t.Helper()
	endpoint, err := peer.NewEndpoint()
	if err != nil {
		t.Fatal(err)
	}
	return endpoint
}

func deliver(t *testing.T, from *powebclient.PrivateGateway, sender, recipient *powebclient.Endpoint) {
	t.Helper()
	parcel, err := sender.Write(powebclient.Parcel{To: recipient, CreatedAt: time.Now().Add(-time.Second), Payload: make([]byte, 100)})
	if err != nil {
		t.Fatal(err)
	}
	if err := from.Deliver(t.Context(), parcel); err != nil {
		t.Fatal(err)
	}
}
