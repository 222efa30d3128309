package gateway_test

import (
	"bytes"
	"context"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"awala.network/gateway/awala/cargo"
	"awala.network/gateway/events"
	"awala.network/gateway/handlers"
	"awala.network/gateway/internal/connect"
	"awala.network/gateway/internal/documents/sqlite"
	"awala.network/gateway/internal/gateway"
	"awala.network/gateway/internal/history"
	"awala.network/gateway/internal/jetstream"
	"awala.network/gateway/internal/jetstream/embedded"
	"awala.network/gateway/internal/powebclient"
	"awala.network/gateway/internal/upkeep"
)

// forgettable is a gateway with traffic of three private gateways by every way, the
// first of which is to be forgotten.
type forgettable struct {
	*gateway.Gateway
	courier *courier
	a, b, c offline
	// kept are parcels that wait and are none of a's.
	kept []byte
}

type courier struct {
	deliver func(from offline, items ...[]byte)
}

func newForgettable(t *testing.T, dir string) *forgettable {
	t.Helper()
	o := options(t, deliveringTo(t, dir, newReceiver(t, statuses(1000, http.StatusServiceUnavailable)...)))
	o.Fence = 10 * time.Millisecond
	g, err := gateway.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	client, by := newClient(t, g), newCourier(t, g)
	f := &forgettable{Gateway: g, a: newOffline(t, client), b: newOffline(t, client), c: newOffline(t, client)}
	f.courier = &courier{func(from offline, items ...[]byte) { deliverCargo(t, by, from, items...) }}
	f.send(t, f.b, f.a)
	if len(collectAll(t, f.a.online)) != 1 {
		t.Fatal("nothing to collect")
	}
	f.send(t, f.b, f.a)                                              // waits for a
	f.send(t, f.a, f.b)                                              // waits for b, from a
	f.kept = f.send(t, f.b, f.c)                                     // is none of a's
	f.sendAway(t, f.a)                                               // tried again and again
	f.courier.deliver(f.a, f.write(t, f.a, f.c), []byte("nonsense")) // by cargo
	within(t, 10*time.Second, func() bool { return len(f.events(t, "cargo-unwrapped")) == 1 })
	if acks := f.a.collect(t, by)[cargo.KindParcelCollectionAck]; len(acks) != 1 {
		t.Fatalf("%d acknowledgements", len(acks))
	}
	within(t, 10*time.Second, func() bool { return len(f.events(t, "internet-parcel-deferred")) > 0 })
	return f
}

func statuses(n, status int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = status
	}
	return all
}

func (f *forgettable) write(t *testing.T, from, to offline) []byte {
	t.Helper()
	parcel, err := from.Write(powebclient.Parcel{To: to.Endpoint, Payload: []byte("hello")})
	if err != nil {
		t.Fatal(err)
	}
	return parcel
}

func (f *forgettable) send(t *testing.T, from, to offline) []byte {
	t.Helper()
	parcel := f.write(t, from, to)
	if err := from.online.Deliver(t.Context(), parcel); err != nil {
		t.Fatal(err)
	}
	return parcel
}

func (f *forgettable) sendAway(t *testing.T, from offline) {
	t.Helper()
	parcel, err := from.Write(powebclient.Parcel{To: from.Endpoint, InternetAddress: "example.org", Payload: []byte("hello")})
	if err == nil {
		err = from.online.Deliver(t.Context(), parcel)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// events returns the events of a type, as everybody sees them.
func (f *forgettable) events(t *testing.T, typ string) (all []events.Message) {
	t.Helper()
	q := history.Query{Filter: history.Filter{Types: []string{typ}}}
	for m, err := range historyClient(t, f.Gateway).Messages(t.Context(), q) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, m)
	}
	return all
}

func (f *forgettable) operator(t *testing.T) *upkeep.Client {
	t.Helper()
	client, err := upkeep.NewClient("http://"+f.Info().Servers["admin"], http.DefaultClient)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	return client
}

func (f *forgettable) forget(t *testing.T, o handlers.ForgetOrder) (done handlers.ForgottenGateway, err error) {
	t.Helper()
	o.GatewayID = f.a.ID()
	err = f.operator(t).Forget(t.Context(), o, func(l upkeep.Line) error {
		if l.Forgotten != nil {
			done = *l.Forgotten
		}
		return nil
	})
	return done, err
}

func (f *forgettable) checkpoints(t *testing.T) (notes [][]byte) {
	t.Helper()
	client := historyClient(t, f.Gateway)
	for _, spec := range events.Streams() {
		note, err := client.Advance(t.Context(), spec.Name)
		if err != nil {
			t.Fatal(err)
		}
		notes = append(notes, note)
	}
	return notes
}

func (f *forgettable) export(t *testing.T, reveal bool) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "history.tar.gz")
	file, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	if err := (history.Export{Source: historyClient(t, f.Gateway), Reveal: reveal, At: time.Now()}).Write(t.Context(), file); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestForget forgets one of three private gateways under traffic, and looks for its
// ids, and those of its endpoints, in everything that is stored.
func TestForget(t *testing.T) {
	dir := t.TempDir()
	f := newForgettable(t, dir)
	before := f.checkpoints(t)
	sealed, revealed := f.export(t, false), f.export(t, true)
	if _, err := f.forget(t, handlers.ForgetOrder{KeepSent: true}); err == nil || !strings.Contains(err.Error(), "on their way") {
		t.Errorf("error %v", err)
	}
	want := handlers.Waiting{Queued: 1, Sent: 3}
	if would, err := f.forget(t, handlers.ForgetOrder{DryRun: true}); err != nil || would.Waiting != want {
		t.Errorf("would do %+v, %v", would, err)
	}
	done, err := f.forget(t, handlers.ForgetOrder{Operation: events.Operation{By: "anna", Reason: "request 17"}})
	if err != nil || done.Waiting != want || done.SessionKeys == 0 || done.Projections != len(gateway.ReadModels()) {
		t.Errorf("did %+v, %v", done, err)
	}
	needles := []string{f.a.ID(), f.a.Endpoint.ID()}

	f.verifies(t, before, sealed)
	f.goesOn(t, done.Pseudonym)
	if _, err := f.forget(t, handlers.ForgetOrder{}); err != nil { // its new name, too
		t.Error(err)
	}
	if n := count(t, needles[0], sealed); n != 0 {
		t.Errorf("the archive shows it in %d events", n)
	}
	if n := count(t, needles[0], revealed); n == 0 {
		t.Error("the archive that was revealed does not show it")
	}
	stop(t, f.Gateway)
	if found := naming(t, dir, needles...); len(found) > 0 {
		t.Errorf("still named in %.5000s", found)
	}
	if found := naming(t, dir, f.b.ID()); len(found) == 0 {
		t.Error("what names others is not found")
	}
}

// verifies holds the history to what was signed, and the projections to the history.
func (f *forgettable) verifies(t *testing.T, before [][]byte, name string) {
	t.Helper()
	f.checkpoints(t)
	archive, err := history.OpenArchive(name)
	if err != nil {
		t.Fatal(err)
	}
	for _, source := range []history.Source{historyClient(t, f.Gateway), archive} {
		v, err := (history.Verification{Source: source, Older: before}).Run(t.Context())
		if err != nil || !v.OK() {
			t.Errorf("%T: %+v, %v", source, v, err)
		}
	}
	f.projectionsAreTheFold(t)
}

func (f *forgettable) projectionsAreTheFold(t *testing.T) {
	t.Helper()
	for _, name := range gateway.ReadModels() {
		err := f.operator(t).Verify(t.Context(), name, func(l upkeep.Line) error {
			if l.Difference != nil {
				t.Errorf("%s: %+v", name, l.Difference)
			}
			return nil
		})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// goesOn shows that others notice nothing, and that who was forgotten may go on, under
// a new name.
func (f *forgettable) goesOn(t *testing.T, pseudonym string) {
	t.Helper()
	if got := collectAll(t, f.c.online); len(got) != 1 || !bytes.Equal(got[0], f.kept) {
		t.Errorf("c collected %d parcels", len(got))
	}
	if got := collectAll(t, f.b.online); len(got) != 0 {
		t.Errorf("b collected %d parcels, of one that was forgotten", len(got))
	}
	parcel, answer := f.send(t, f.b, f.a), f.send(t, f.a, f.b)
	if got := collectAll(t, f.a.online); len(got) != 1 || !bytes.Equal(got[0], parcel) {
		t.Errorf("a collected %d parcels", len(got))
	}
	if got := collectAll(t, f.b.online); len(got) != 1 || !bytes.Equal(got[0], answer) {
		t.Errorf("b collected %d parcels from a", len(got))
	}
	accepted := f.events(t, "gateway-parcel-accepted")
	last := accepted[len(accepted)-2]
	data, ok := last.Record().Data.(events.GatewayParcelAccepted)
	if !ok || data.PrivateGatewayID != f.a.ID() || strings.Contains(last.Subject, pseudonym) {
		t.Errorf("on %s: %+v", last.Subject, data)
	}
	for _, m := range accepted[:len(accepted)-2] {
		if bytes.Contains(m.Body, []byte(pseudonym)) && len(m.Names) > 0 && m.Names[pseudonym] != "" {
			t.Errorf("%s %d still shows %v", m.Stream, m.Sequence, m.Names)
		}
	}
}

// count returns how many events of an archive show an id.
func count(t *testing.T, id, name string) (n int) {
	t.Helper()
	archive, err := history.OpenArchive(name)
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range archive.Messages(t.Context(), history.Query{Filter: history.Filter{Gateway: id}}) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}

// naming looks into the data folder of a gateway that has stopped, in every message of
// every stream, every document, and every object with its name and what is said of it,
// and returns what has one of the ids in it.
func naming(t *testing.T, dir string, needles ...string) (found []string) {
	t.Helper()
	look := func(where string, texts ...string) {
		for _, needle := range needles {
			for _, text := range texts {
				if strings.Contains(text, needle) {
					found = append(found, where+": "+text)
				}
			}
		}
	}
	for _, m := range rawMessages(t, filepath.Join(dir, "history")) {
		look("an event", m.Subject, string(m.Body))
		for name, values := range m.Header {
			look("a header", append(values, name)...)
		}
	}
	database, err := sqlite.Open(t.Context(), filepath.Join(dir, "documents", "projections.sqlite"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = database.Close(context.Background()) }()
	collections, err := database.Names(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	documents := 0
	for _, name := range collections {
		collection, err := database.Collection(t.Context(), name, nil)
		if err != nil {
			t.Fatal(err)
		}
		all, err := collection.All(t.Context(), "", 10000)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range all {
			look("document "+name, d.ID, string(d.Body))
			documents++
		}
	}
	objects := 0
	err = filepath.WalkDir(filepath.Join(dir, "blobs"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			look("a folder", path)
			return err
		}
		content, err := os.ReadFile(path)
		look("an object", path, string(content))
		objects++
		return err
	})
	if err != nil || documents == 0 || objects == 0 {
		t.Errorf("%d documents, %d objects, %v", documents, objects, err)
	}
	return found
}

// rawMessages reads every stream as it stands.
func rawMessages(t *testing.T, folder string) []events.Message {
	t.Helper()
	server, err := embedded.Start(folder, embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	conn, err := server.Conn()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return readAll(t, conn, server.SyncAlways)
}

func readAll(t *testing.T, conn *nats.Conn, sync jetstream.SyncCheck) (all []events.Message) {
	t.Helper()
	log, err := jetstream.Open(t.Context(), conn, jetstream.Options{Sync: sync})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	for _, spec := range events.Streams() {
		reader := log.Reader(spec.Name, 1)
		for caughtUp := false; !caughtUp; {
			var messages []events.Message
			if messages, caughtUp, err = reader.ReadMessages(t.Context(), 1000); err != nil {
				t.Fatal(err)
			}
			all = append(all, messages...)
		}
		reader.Close(t.Context())
	}
	return all
}

// TestForgetAcrossProcesses forgets a private gateway by one process while others have
// its name in memory, on the services that `task services` has started. What comes
// afterwards at one of them is collected at another under the new name.
func TestForgetAcrossProcesses(t *testing.T) {
	c := remoteSettings(t)
	begin := func(kind gateway.Kind) *gateway.Gateway {
		o := remoteOptions(t, kind, c)
		o.Fence = 2 * time.Second
		g, err := gateway.Start(t.Context(), o)
		if err != nil {
			t.Fatalf("%s: %v", kind.Name, err)
		}
		t.Cleanup(func() { stop(t, g) })
		return g
	}
	keeper := begin(gateway.ProjectionsWorker())
	begin(gateway.HousekeepingWorker())
	one, other := begin(gateway.PoWeb()), begin(gateway.PoWeb())
	client := newClient(t, one)
	f := &forgettable{Gateway: keeper, a: newOffline(t, client), b: newOffline(t, client), c: newOffline(t, client)}
	elsewhere := newOffline(t, newClient(t, other))
	f.kept = f.send(t, f.b, f.c)
	collection, err := f.a.online.Collect(t.Context(), powebclient.KeepAlive)
	if err != nil {
		t.Fatal(err)
	}
	defer collection.Close()
	acknowledgeNext(t, collection, f.send(t, elsewhere, f.a))
	f.send(t, f.a, f.b) // is dropped

	done, err := f.forget(t, handlers.ForgetOrder{})
	if err != nil || done.Sent != 1 {
		t.Fatalf("%+v, %v", done, err)
	}
	collection.Close()
	if collection, err = f.a.online.Collect(t.Context(), powebclient.KeepAlive); err != nil {
		t.Fatal(err)
	}
	defer collection.Close()
	acknowledgeNext(t, collection, f.send(t, elsewhere, f.a))
	if got := collectAll(t, f.c.online); len(got) != 1 || !bytes.Equal(got[0], f.kept) {
		t.Errorf("c collected %d parcels", len(got))
	}
	f.projectionsAreTheFold(t)
	conn, err := connect.NATS(c.NATS, "test", false)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	messages := readAll(t, conn, jetstream.DeclaredSync())
	for _, m := range messages {
		for _, id := range []string{f.a.ID(), f.a.Endpoint.ID()} {
			if strings.Contains(m.Subject, id) || bytes.Contains(m.Body, []byte(id)) {
				t.Errorf("%s %d names %s", m.Stream, m.Sequence, id)
			}
		}
	}
	if len(messages) < 10 {
		t.Errorf("only %d messages", len(messages))
	}
}

func acknowledgeNext(t *testing.T, collection *powebclient.Collection, want []byte) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	delivery, err := collection.Next(ctx)
	if err == nil && !bytes.Equal(delivery.Parcel, want) {
		t.Error("another parcel came")
	}
	if err == nil {
		err = delivery.Acknowledge(ctx)
	}
	if err != nil {
		t.Fatal(err)
	}
}
