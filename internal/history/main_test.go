package history_test

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	natsjs "github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"
	"golang.org/x/mod/sumdb/note"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/blobs/files"
	"awala.network/gateway/internal/evidence"
	"awala.network/gateway/internal/history"
	"awala.network/gateway/internal/jetstream"
	"awala.network/gateway/internal/jetstream/embedded"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a gateway's history and evidence, with an admin server.
type world struct {
	log      *jetstream.Log
	js       natsjs.JetStream // for what nobody should do
	live     history.Live
	recorder *evidence.Recorder
	client   *history.Client
	key      string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{}
	w.log, w.js = openLog(t)
	store, err := files.Open(t.TempDir(), files.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	private, public, err := note.GenerateKey(rand.Reader, "gw.example.com")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := note.NewVerifier(public)
	if err != nil {
		t.Fatal(err)
	}
	w.key = public
	e := evidence.Store{Blobs: store, Verifier: verifier}
	w.live = history.Live{Log: w.log, Evidence: e, PublicKey: public}
	w.recorder = &evidence.Recorder{
		History: history.Recorded{Log: w.log}, Store: e, Key: evidence.Key{Signer: signer, Public: public}, Gateway: "gw.example.com",
	}
	server := httptest.NewServer(history.NewHandler(w.live, w.recorder))
	t.Cleanup(server.Close)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	if w.client, err = history.NewClient(server.URL, &http.Client{Transport: transport}); err != nil {
		t.Fatal(err)
	}
	return w
}

// openLog returns a history without events.
func openLog(t *testing.T) (*jetstream.Log, natsjs.JetStream) {
	t.Helper()
	server, err := embedded.Start(t.TempDir(), embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	nc, err := server.Conn()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	log, err := jetstream.Open(t.Context(), nc, jetstream.Options{Sync: server.SyncAlways})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(log.Close)
	if err := log.Provision(t.Context(), events.Streams()); err != nil {
		t.Fatal(err)
	}
	js, err := natsjs.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return log, js
}

// noon is when the histories of these tests begin.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func (w *world) append(t *testing.T, e events.Event) events.Event {
	t.Helper()
	recorded := e
	if w.live.Names != nil {
		var err error
		if recorded.Data, err = events.Seal(t.Context(), w.live.Names, e.Data); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.log.Append(t.Context(), recorded); err != nil {
		t.Fatal(err)
	}
	return e
}

func key(n int) events.ParcelKey {
	return events.ParcelKey{SenderID: "0sender", RecipientID: "0recipient", ParcelID: fmt.Sprint("parcel-", n)}
}

func accepted(n int, gateway string) events.GatewayParcelAccepted {
	return events.GatewayParcelAccepted{
		ParcelKey:  key(n),
		ParcelBlob: events.ParcelBlob{BlobKey: "b", SHA256: "d", Size: 100, CreatedAt: noon, ExpiresAt: noon.Add(time.Hour)},

		PrivateGatewayID: gateway, Via: events.ViaPoHTTP,
	}
}

// parcels records n parcels to a private gateway, a minute apart, of which the even
// ones are collected half a minute later.
func (w *world) parcels(t *testing.T, n int, gateway string) {
	t.Helper()
	for i := range n {
		at := noon.Add(time.Duration(i) * time.Minute)
		e := w.append(t, events.New(fmt.Sprint("accepted-", gateway, i), "pohttp", at, accepted(i, gateway)))
		if i%2 == 0 {
			end := events.GatewayParcelEnd{ParcelKey: key(i), PrivateGatewayID: gateway, AcceptedID: e.ID, BlobKey: "b"}
			w.append(t, events.Caused(e, "poweb", at.Add(30*time.Second), events.GatewayParcelCollected{GatewayParcelEnd: end, Via: events.ViaPoWeb}))
		}
	}
}

func (w *world) sign(t *testing.T) {
	t.Helper()
	for _, spec := range events.Streams() {
		if _, err := w.recorder.Advance(t.Context(), spec.Name); err != nil {
			t.Fatal(err)
		}
	}
}

func (w *world) export(t *testing.T) string {
	t.Helper()
	w.sign(t)
	return exported(t, w.client)
}

func collect(t *testing.T, messages iter.Seq2[events.Message, error]) []events.Message {
	t.Helper()
	var all []events.Message
	for m, err := range messages {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, m)
	}
	return all
}

// positions returns where messages stand, in short.
func positions(messages []events.Message) []string {
	all := make([]string, len(messages))
	for i, m := range messages {
		all[i] = fmt.Sprintf("%s %d", m.Stream, m.Sequence)
	}
	return all
}

func verify(t *testing.T, source history.Source, key string, older ...[]byte) history.Verdict {
	t.Helper()
	verdict, err := history.Verification{Source: source, Key: key, Older: older}.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return verdict
}

func open(t *testing.T, name string) *history.Archive {
	t.Helper()
	a, err := history.OpenArchive(name)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func toJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func exported(t *testing.T, source history.Source) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "history.tar.gz")
	file, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	if err := (history.Export{Source: source, By: "test", At: noon}).Write(t.Context(), file); err != nil {
		t.Fatal(err)
	}
	return name
}
