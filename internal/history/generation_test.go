package history_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/documents"
	"awala.network/gateway/internal/documents/sqlite"
	"awala.network/gateway/internal/history"
	"awala.network/gateway/projections"
)

// folded is a document that a projection made of a recorded history.
type folded struct {
	Position uint64            `json:"position"`
	Keys     map[string]string `json:"keys,omitempty"`
	Body     json.RawMessage   `json:"body"`
}

// fold folds the messages of an archive with one projection of today.
func fold[S any](t *testing.T, a *history.Archive, db documents.Database, p projections.Projection[S]) map[string]folded {
	t.Helper()
	live, err := projections.Open(t.Context(), db, p)
	if err != nil {
		t.Fatal(err)
	}
	var records []events.Record
	for m, err := range a.Messages(t.Context(), history.Query{Filter: history.Filter{Streams: []string{p.Spec().Stream}}}) {
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, m.Record())
	}
	report, err := projections.NewRunner(p, live, slog.New(slog.DiscardHandler)).Apply(t.Context(), records)
	if err != nil || len(report.Unreadable) > 0 || len(report.Gaps) > 0 {
		t.Fatalf("%s: %+v, %v", p.Spec().Name, report, err)
	}
	all, err := live.All(t.Context(), "", documents.MaxLimit)
	if err != nil {
		t.Fatal(err)
	}
	docs := map[string]folded{}
	for _, d := range all {
		docs[d.ID] = folded{d.Position, d.Keys, d.Body}
	}
	return docs
}

// TestOldGenerations folds each history that was recorded in testdata, by a gateway of
// its time and octet for octet, with the projections of today, and holds the documents
// to those that stand beside it. Recordings are never changed: there is one more when
// an event has got a new version. The documents change only with a projection, whose
// name says so.
func TestOldGenerations(t *testing.T) {
	recordings, err := filepath.Glob(filepath.Join("testdata", "generation-*.tar.gz"))
	if err != nil || len(recordings) == 0 {
		t.Fatalf("no recordings: %v", err)
	}
	for _, recording := range recordings {
		t.Run(filepath.Base(recording), func(t *testing.T) {
			a, err := history.OpenArchive(recording)
			if err != nil {
				t.Fatal(err)
			}
			v := history.Verification{Source: a}
			if verdict, err := v.Run(t.Context()); err != nil || !verdict.OK() {
				t.Fatalf("the recording was changed: %+v, %v", verdict, err)
			}
			db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "folded.db"))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = db.Close(context.Background()) }()
			got := map[string]map[string]folded{
				"mailbox": fold(t, a, db, projections.Mailbox{}), "peers": fold(t, a, db, projections.Peers{}),
				"deliveries": fold(t, a, db, projections.Deliveries{}), "destinations": fold(t, a, db, projections.Destinations{}),
				"parked": fold(t, a, db, projections.ParkedMessages{}),
			}
			for _, s := range events.Streams() {
				got["totals "+s.Name] = fold(t, a, db, projections.Totals{Stream: s.Name})
			}
			encoded, err := json.MarshalIndent(got, "", " ")
			if err != nil {
				t.Fatal(err)
			}
			file := strings.TrimSuffix(recording, ".tar.gz") + ".json"
			if *update {
				if err := os.WriteFile(file, append(encoded, '\n'), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(string(read(t, file)), string(append(encoded, '\n'))); diff != "" {
				t.Errorf("(-recorded +today):\n%s", diff)
			}
		})
	}
}
