package gateway_test

import (
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/gateway"
	"awala.network/gateway/internal/history"
)

func historyClient(t *testing.T, g *gateway.Gateway) *history.Client {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	client, err := history.NewClient("http://"+g.Info().Servers["admin"], &http.Client{Transport: transport})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// TestHistoryIsSignedAcrossRestarts shows that a gateway signs its history by itself,
// with the same key after a restart, and extends what it signed before.
func TestHistoryIsSignedAcrossRestarts(t *testing.T) {
	dir := t.TempDir()
	first := start(t, settings(dir))
	client := historyClient(t, first)
	key, err := client.Key(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	before, err := client.Advance(t.Context(), events.StreamGateway)
	if err != nil {
		t.Fatal(err)
	}
	deliverOne(t, newClient(t, first))
	stop(t, first)

	second := start(t, settings(dir))
	defer stop(t, second)
	client = historyClient(t, second)
	if _, err := client.Advance(t.Context(), events.StreamGateway); err != nil {
		t.Fatal(err)
	}
	verdict, err := history.Verification{Source: client, Key: key, Older: [][]byte{before}}.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range verdict.Streams {
		if s.Stream == events.StreamGateway && (!s.OK() || s.Problem != "" || s.Verified < 3) {
			t.Errorf("%+v", s)
		}
	}
}

// TestStopEndsThoseWhoFollow shows that who follows the history does not hold a stop
// up.
func TestStopEndsThoseWhoFollow(t *testing.T) {
	g := start(t, settings(t.TempDir()))
	client := historyClient(t, g)
	seen, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		var last error
		for m, err := range client.Messages(t.Context(), history.Query{Follow: true}) {
			if last = err; err == nil && m.Stream == events.StreamGateway && m.Sequence == 1 {
				close(seen)
			}
		}
		ended <- last
	}()
	<-seen
	began := time.Now()
	stop(t, g)
	if err := <-ended; err == nil {
		t.Error("the follower was not told that there is no more")
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("the stop took %v", took)
	}
}

// TestGatewayStartsOnAnImportedHistory takes the history to an empty folder, beside
// the old keys: the gateway comes back as itself and knows what waits. The archive
// extends what was signed before.
func TestGatewayStartsOnAnImportedHistory(t *testing.T) {
	old, empty := t.TempDir(), t.TempDir()
	first := start(t, settings(old))
	recipient, _ := deliverOne(t, newClient(t, first))
	client, before := historyClient(t, first), first.Info()
	var kept [][]byte
	for _, spec := range events.Streams() {
		note, err := client.Advance(t.Context(), spec.Name)
		if err != nil {
			t.Fatal(err)
		}
		kept = append(kept, note)
	}
	name := filepath.Join(t.TempDir(), "history.tar.gz")
	file, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	if err := (history.Export{Source: client, At: time.Now()}).Write(t.Context(), file); err != nil {
		t.Fatal(err)
	}
	stop(t, first)
	importInto(t, empty, name)
	if err := os.CopyFS(filepath.Join(empty, "keys"), os.DirFS(filepath.Join(old, "keys"))); err != nil {
		t.Fatal(err)
	}
	if err := filepath.WalkDir(filepath.Join(empty, "keys"), func(path string, d fs.DirEntry, err error) error {
		return errors.Join(err, os.Chmod(path, map[bool]fs.FileMode{true: 0o700, false: 0o600}[err == nil && d.IsDir()]))
	}); err != nil {
		t.Fatal(err)
	}
	second := start(t, settings(empty))
	defer stop(t, second)
	if after := second.Info(); after.NodeID != before.NodeID {
		t.Errorf("was %s, came back as %s", before.NodeID, after.NodeID)
	}
	var state history.State
	for m, err := range historyClient(t, second).Messages(t.Context(), history.Query{}) {
		if err != nil {
			t.Fatal(err)
		}
		state.Apply(m)
	}
	if w := state.Waiting(); len(w) != 1 || w[0].Name != recipient.ID() {
		t.Errorf("waiting: %+v", w)
	}
	archive, err := history.OpenArchive(name)
	if err != nil {
		t.Fatal(err)
	}
	if v, err := (history.Verification{Source: archive, Older: kept}).Run(t.Context()); err != nil || !v.OK() {
		t.Errorf("%+v, %v", v, err)
	}
}

func importInto(t *testing.T, dir, name string) {
	t.Helper()
	log, closeLog, err := gateway.OpenHistory(t.Context(), options(t, settings(dir)), false)
	if err != nil {
		t.Fatal(err)
	}
	archive, err := history.OpenArchive(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := history.Import(t.Context(), archive, log, ""); err != nil {
		t.Error(err)
	}
	if err := closeLog(t.Context()); err != nil {
		t.Error(err)
	}
}
