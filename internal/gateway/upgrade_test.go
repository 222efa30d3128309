package gateway_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"awala.network/gateway/awala/cargo"
	"awala.network/gateway/events"
	"awala.network/gateway/internal/config"
	"awala.network/gateway/internal/gateway"
	"awala.network/gateway/internal/powebclient"
	"awala.network/gateway/internal/upkeep"
	"awala.network/gateway/projections"
)

// What a version of the gateway records that this one does not know, until it is
// upgraded in the middle of TestUpgrade.
type (
	newerInternetAccepted struct{ events.InternetParcelAccepted }
	newerGatewayAccepted  struct{ events.GatewayParcelAccepted }
	newerCollected        struct{ events.GatewayParcelCollected }
	newerCargo            struct{ events.CargoReceived }
)

// generation makes the versions of each run of the test unknown to those before it.
var generation = 99

func newerVersion(name string) events.Type {
	return events.Type(fmt.Sprintf("%s.v%d", name, generation))
}

func (newerInternetAccepted) EventType() events.Type { return newerVersion("internet-parcel-accepted") }

func (newerGatewayAccepted) EventType() events.Type { return newerVersion("gateway-parcel-accepted") }

func (newerCollected) EventType() events.Type { return newerVersion("gateway-parcel-collected") }
func (newerCargo) EventType() events.Type     { return newerVersion("cargo-received") }

func inNewerWords(data events.Data) events.Data {
	switch data := data.(type) {
	case events.InternetParcelAccepted:
		return newerInternetAccepted{data}
	case events.GatewayParcelAccepted:
		return newerGatewayAccepted{data}
	case events.GatewayParcelCollected:
		return newerCollected{data}
	case events.CargoReceived:
		return newerCargo{data}
	default:
		return data
	}
}

// upgrade lets this program read the newer words, as the versions before its own.
func upgrade() {
	events.Upcast(func(n newerInternetAccepted) events.InternetParcelAccepted { return n.InternetParcelAccepted })
	events.Upcast(func(n newerGatewayAccepted) events.GatewayParcelAccepted { return n.GatewayParcelAccepted })
	events.Upcast(func(n newerCollected) events.GatewayParcelCollected { return n.GatewayParcelCollected })
	events.Upcast(func(n newerCargo) events.CargoReceived { return n.CargoReceived })
}

// TestUpgrade has a gateway meet events that it cannot read in every channel that has a
// consumer. They are parked, or passed by and told, and the others go on. After the
// upgrade the projections are rebuilt by themselves, and replaying does what was to be
// done: the cargo is unwrapped, the blob of what was collected deleted, the parcel for
// the Internet delivered, if that was not done without being asked for.
func TestUpgrade(t *testing.T) {
	generation++
	node := newReceiver(t)
	dir := t.TempDir()
	c := deliveringTo(t, dir, node)
	old := start(t, c)
	client := newClient(t, old)
	a, b := newOffline(t, client), newOffline(t, client)
	newer := gateway.NewNewer(old, inNewerWords)

	collected, away, inCargo, queued := write(t, a, b), writeAway(t, a), write(t, a, b), write(t, a, b)
	acceptNewer(t, newer, a, away)
	acceptNewer(t, newer, a, queued)
	if err := a.online.Deliver(t.Context(), collected); err != nil {
		t.Fatal(err)
	}
	items, err := newer.Mailbox.Pending(t.Context(), b.ID(), 0, 10)
	if err != nil || len(items) != 1 {
		t.Fatalf("pending: %v, %v", items, err)
	}
	if err := newer.Collect.Acknowledged(t.Context(), items[0], events.ViaPoWeb); err != nil {
		t.Fatal(err)
	}
	rawCargo, err := a.SerializeCargo(t.Context(), inCargo)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := newer.Receive.Receive(t.Context(), rawCargo); err != nil {
		t.Fatal(err)
	}

	admin := newUpkeep(t, old)
	var parked []string
	within(t, 15*time.Second, func() bool {
		parked = consumers(t, admin)
		return len(parked) == 3
	})
	if diff := cmp.Diff([]string{"delete-blob", "delivery", "unwrap-cargo"}, parked); diff != "" {
		t.Error(diff)
	}
	sendAway(t, old) // the channel goes on
	node.next(t)
	checkPassedBy(t, admin, map[string]uint64{"mailbox": 2, "deliveries": 1})
	for _, m := range parkedMessages(t, admin) {
		if err := admin.ReplayParked(t.Context(), m.ID, events.Operation{}); err == nil {
			t.Errorf("%s was replayed by a version that cannot read it", m.Consumer)
		}
	}
	stop(t, old)

	upgrade()
	c.PoWeb.Listen = config.Listen(old.Info().Servers["poweb"]) // where the clients look
	g := start(t, c)
	defer stop(t, g)
	admin = newUpkeep(t, g)
	within(t, 15*time.Second, func() bool { return mended(t, admin) })
	verifyAll(t, admin)
	within(t, 10*time.Second, func() bool { // readers go over to the new version within a second
		left := parkedMessages(t, admin)
		for _, m := range left {
			if err := admin.ReplayParked(t.Context(), m.ID, events.Operation{}); err != nil {
				t.Logf("%s: %v", m.Consumer, err)
			}
		}
		return len(left) == 0
	})
	if got := node.next(t); !bytes.Equal(got, away) {
		t.Error("another parcel was delivered")
	}
	courier, want := newCourier(t, g), [][]byte{inCargo, queued}
	slices.SortFunc(want, bytes.Compare)
	within(t, 10*time.Second, func() bool {
		got := b.collect(t, courier)[cargo.KindParcel]
		slices.SortFunc(got, bytes.Compare)
		return cmp.Equal(want, got)
	})
	// Deletion follows the event.
	within(t, 5*time.Second, func() bool { return len(blobsUnder(t, g, "cargoes/")) == 0 })
}

func write(t *testing.T, from, to offline) []byte {
	t.Helper()
	raw, err := from.Write(powebclient.Parcel{To: to.Endpoint, Payload: []byte("hello")})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func writeAway(t *testing.T, from offline) []byte {
	t.Helper()
	raw, err := from.Write(powebclient.Parcel{To: from.Endpoint, InternetAddress: "example.org", Payload: []byte("away")})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func acceptNewer(t *testing.T, newer *gateway.Newer, from offline, parcel []byte) {
	t.Helper()
	if _, err := newer.Accept.FromPrivateGateway(t.Context(), parcel, from.ID(), events.ViaPoWeb, nil); err != nil {
		t.Fatal(err)
	}
}

func parkedMessages(t *testing.T, admin *upkeep.Client) []projections.ParkedMessage {
	t.Helper()
	all, err := admin.Parked(t.Context(), projections.ParkedOpen)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func consumers(t *testing.T, admin *upkeep.Client) (names []string) {
	t.Helper()
	for _, m := range parkedMessages(t, admin) {
		names = append(names, m.Consumer)
	}
	slices.Sort(names)
	return names
}

// checkPassedBy holds what projections passed by to what is expected.
func checkPassedBy(t *testing.T, admin *upkeep.Client, want map[string]uint64) {
	t.Helper()
	for name, n := range want {
		s, err := admin.Projection(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		var got uint64
		for _, o := range s.Passed() {
			got += o.Count
		}
		if got != n || s.Mendable {
			t.Errorf("%s passed by %d events, want %d; mendable is %v", name, got, n, s.Mendable)
		}
	}
}

// mended tells whether no projection does without anything.
func mended(t *testing.T, admin *upkeep.Client) bool {
	t.Helper()
	all, err := admin.Projections(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return !slices.ContainsFunc(all, func(s projections.Status) bool { return len(s.Passed()) > 0 })
}

// TestPassedOverParcelIsReplayed loses the octets of a parcel while its private gateway
// is connected. Once they are back and the parked message is replayed, the parcel
// comes on the same connection.
func TestPassedOverParcelIsReplayed(t *testing.T) {
	c := settings(t.TempDir())
	g := start(t, c)
	defer stop(t, g)
	client := newClient(t, g)
	a, b := newOffline(t, client), newOffline(t, client)
	first, second := write(t, a, b), write(t, a, b)
	if err := a.online.Deliver(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	lost := blobsUnder(t, g, "parcels/")
	octets, meta, err := gateway.Blobs(g).Get(t.Context(), lost[0])
	if err != nil || len(lost) != 1 {
		t.Fatal(lost, err)
	}
	if err := gateway.Blobs(g).Delete(t.Context(), lost[0]); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	collection, err := b.online.Collect(ctx, powebclient.KeepAlive)
	if err != nil {
		t.Fatal(err)
	}
	defer collection.Close()
	admin := newUpkeep(t, g)
	var parked []projections.ParkedMessage
	within(t, 15*time.Second, func() bool {
		parked = parkedMessages(t, admin)
		return len(parked) == 1
	})
	if err := admin.ReplayParked(t.Context(), parked[0].ID, events.Operation{}); err == nil {
		t.Error("replayed without the octets")
	}
	if err := gateway.Blobs(g).Put(t.Context(), lost[0], octets, meta); err != nil {
		t.Fatal(err)
	}
	if err := admin.ReplayParked(t.Context(), parked[0].ID, events.Operation{}); err != nil {
		t.Fatal(err)
	}
	if err := a.online.Deliver(t.Context(), second); err != nil {
		t.Fatal(err)
	}
	for i, want := range [][]byte{first, second} {
		delivery, err := collection.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(delivery.Parcel, want) {
			t.Errorf("parcel %d is another one", i)
		}
		if err := delivery.Acknowledge(ctx); err != nil {
			t.Fatal(err)
		}
	}
}
