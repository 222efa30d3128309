package gateway_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"awala.network/gateway/awala/cargo"
	"awala.network/gateway/internal/blobs"
	"awala.network/gateway/internal/config"
	"awala.network/gateway/internal/connect"
	"awala.network/gateway/internal/gateway"
	"awala.network/gateway/internal/history"
	"awala.network/gateway/internal/keystore"
	"awala.network/gateway/internal/keystore/vault"
	"awala.network/gateway/internal/servicestest"
)

// TestRestoreIntoEmptyServices backs a gateway of roles apart up while it takes and
// hands out parcels, in the order of docs/backup.md, and starts another on empty
// services from that. All that waited is collected there, by PoWeb and by couriers;
// nothing that had ended comes again, the history is the one that was signed, and the
// projections are the history's.
func TestRestoreIntoEmptyServices(t *testing.T) {
	from, to := emptyServices(t, "t1"), emptyServices(t, "t3")
	first := startRoles(t, from, from.NATS, "127.0.0.1:0")
	client, courier := newClient(t, first.poweb), newCourier(t, first.cogrpc)
	a, b, c := newOffline(t, client), newOffline(t, client), newOffline(t, client)
	f := &forgettable{Gateway: first.projections, a: a, b: b, c: c}
	f.send(t, a, c)
	if got := collectAll(t, c.online); len(got) != 1 {
		t.Fatalf("collected %d parcels", len(got))
	}
	inCargo := f.write(t, a, b)
	deliverCargo(t, courier, a, inCargo)
	within(t, 30*time.Second, func() bool { return len(f.events(t, "cargo-unwrapped")) == 1 })
	want := [][]byte{inCargo, f.send(t, a, b), f.send(t, c, b)}
	forCourier := f.send(t, a, c)

	stop(t, first.housekeeping) // from here on nothing is deleted, and nothing signed
	before := f.checkpoints(t)
	archive := f.export(t, false)
	f.send(t, a, b) // is not in the backup
	if got := collectAll(t, b.online); len(got) != len(want)+1 {
		t.Errorf("collected %d parcels after the export", len(got))
	}
	deliverCargo(t, courier, a, f.write(t, a, b)) // neither
	copyBucket(t, from.ObjectStore, to.ObjectStore)
	copyKeys(t, from.Vault, to.Vault)
	addresses := first.poweb.Info().Servers["poweb"]
	for _, g := range first.others() {
		stop(t, g)
	}

	importRemote(t, to, archive)
	second := startRoles(t, to, to.NATS, addresses)
	for _, g := range append(second.others(), second.housekeeping) {
		defer stop(t, g)
	}
	if was, is := first.poweb.Info().NodeID, second.poweb.Info().NodeID; was != is {
		t.Errorf("was %s, came back as %s", was, is)
	}
	got := collectAll(t, b.online)
	slices.SortFunc(got, bytes.Compare)
	slices.SortFunc(want, bytes.Compare)
	if !slices.EqualFunc(got, want, bytes.Equal) {
		t.Errorf("collected %d parcels, want %d", len(got), len(want))
	}
	byCourier := c.collect(t, newCourier(t, second.cogrpc))[cargo.KindParcel]
	if len(byCourier) != 1 || !bytes.Equal(byCourier[0], forCourier) {
		t.Errorf("%d parcels for the courier", len(byCourier))
	}
	f = &forgettable{Gateway: second.projections, a: a, b: b, c: c}
	if parked := parkedMessages(t, f.operator(t)); len(parked) > 0 {
		t.Errorf("parked: %+v", parked)
	}
	f.verifies(t, before, archive)
	pingServers(t, second.poweb, second.pohttp, second.cogrpc)
}

// copyBucket copies every object, with what is kept beside it.
func copyBucket(t *testing.T, from, to config.ObjectStore) {
	t.Helper()
	source, target := servicestest.Bucket(t, from), servicestest.Bucket(t, to)
	for info, err := range source.List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		body, meta, err := source.Get(t.Context(), info.Key)
		if err == nil {
			err = target.Put(t.Context(), info.Key, body, blobs.Meta{ExpiresAt: meta.ExpiresAt, ContentType: meta.ContentType})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// copyKeys copies every record of one key store to another.
func copyKeys(t *testing.T, from, to config.Vault) {
	t.Helper()
	var stores []keystore.Secrets
	for _, c := range []config.Vault{from, to} {
		store, err := vault.New(connect.Vault(c))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = store.Close() }()
		stores = append(stores, store)
	}
	paths, err := stores[0].List(t.Context(), "")
	if err != nil || len(paths) == 0 {
		t.Fatalf("%d records, %v", len(paths), err)
	}
	for _, path := range paths {
		record, err := stores[0].Get(t.Context(), path)
		if err == nil {
			err = stores[1].Put(t.Context(), path, record)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// importRemote records an archive in the NATS servers of the settings, as `events
// import --remote` does.
func importRemote(t *testing.T, c *config.Config, name string) {
	t.Helper()
	log, closeLog, err := gateway.OpenHistory(t.Context(), remoteOptions(t, gateway.Services(true), c), true)
	if err != nil {
		t.Fatal(err)
	}
	archive, err := history.OpenArchive(name)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := history.Import(t.Context(), archive, log, ""); err != nil || n == 0 {
		t.Errorf("%d events, %v", n, err)
	}
	if err := closeLog(t.Context()); err != nil {
		t.Error(err)
	}
}
