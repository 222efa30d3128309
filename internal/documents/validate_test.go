package documents_test

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"awala.network/gateway/internal/documents"
	"awala.network/gateway/internal/fault"
)

func TestPrepareRefuses(t *testing.T) {
	tests := map[string]func(d *documents.Document){
		"no id":             func(d *documents.Document) { d.ID = "" },
		"long id":           func(d *documents.Document) { d.ID = strings.Repeat("x", documents.MaxIDLen+1) },
		"id not UTF-8":      func(d *documents.Document) { d.ID = "\xff" },
		"id with NUL":       func(d *documents.Document) { d.ID = "a\x00" },
		"position zero":     func(d *documents.Document) { d.Position = 0 },
		"position too big":  func(d *documents.Document) { d.Position = math.MaxInt64 + 1 },
		"negative rank":     func(d *documents.Document) { d.Rank = -1 },
		"key not an index":  func(d *documents.Document) { d.Keys = map[string]string{"other": "v"} },
		"key value NUL":     func(d *documents.Document) { d.Keys = map[string]string{"owner": "\x00"} },
		"no body":           func(d *documents.Document) { d.Body = nil },
		"body not JSON":     body(`{"a":}`),
		"body cut":          body(`{"a":[1`),
		"body array":        body(`[1]`),
		"body twice":        body(`{}{}`),
		"body not UTF-8":    body("{\"a\":\"\xff\"}"),
		"empty field":       body(`{"":1}`),
		"dollar field":      body(`{"a":{"$set":1}}`),
		"dotted field":      body(`{"a.b":1}`),
		"field twice":       body(`{"a":1,"a":2}`),
		"NUL in string":     body(`{"a":["\u0000"]}`),
		"array in array":    body(`{"a":[[1]]}`),
		"integer too big":   body(`{"a":9223372036854775808}`),
		"float too big":     body(`{"a":1e999}`),
		"nested too deep":   body(strings.Repeat(`{"a":`, documents.MaxDepth+1) + "1" + strings.Repeat("}", documents.MaxDepth+1)),
		"body longer limit": body(`{"a":"` + strings.Repeat("x", documents.MaxBodyLen) + `"}`),
	}
	for name, spoil := range tests {
		t.Run(name, func(t *testing.T) {
			doc := documents.Document{ID: "id", Position: 1, Body: json.RawMessage(`{}`)}
			spoil(&doc)
			_, err := documents.Prepare([]documents.Document{doc}, []string{"owner"})
			if !errors.Is(err, documents.ErrInvalid) || !fault.IsPermanent(err) {
				t.Errorf("Prepare() error = %v, want a permanent ErrInvalid", err)
			}
		})
	}
}

func body(s string) func(*documents.Document) {
	return func(d *documents.Document) { d.Body = json.RawMessage(s) }
}

func TestPrepareKeepsGreatestPosition(t *testing.T) {
	expiry := time.Date(2026, 1, 2, 3, 4, 5, 6_789_000, time.FixedZone("", 3600))
	doc := func(id string, position uint64, body string) documents.Document {
		return documents.Document{
			ID: id, Position: position, Keys: map[string]string{}, ExpiresAt: expiry, Body: json.RawMessage(body),
		}
	}
	given := []documents.Document{
		doc("a", 2, `{"n":1}`), doc("b", 1, `{"deep":{"list":[{"n":-0.5e1}]}}`),
		doc("a", 3, `{"n":2}`), doc("a", 3, `{"n":3}`), doc("a", 1, `{"n":4}`),
	}
	got, err := documents.Prepare(given, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []documents.Document{given[2], given[1]}
	for i := range want {
		want[i].Keys = nil
		want[i].ExpiresAt = time.Date(2026, 1, 2, 2, 4, 5, 6_000_000, time.UTC)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestCheckCollection(t *testing.T) {
	got, err := documents.CheckCollection("mailbox_v2", []string{"owner", "destination", "owner"})
	if diff := cmp.Diff([]string{"destination", "owner"}, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
	for _, name := range []string{"", "_x", "2x", "a-b", "A", "a.b", strings.Repeat("a", documents.MaxNameLen+1)} {
		if _, err := documents.CheckCollection(name, nil); !errors.Is(err, documents.ErrInvalid) {
			t.Errorf("CheckCollection(%q) = %v", name, err)
		}
		if _, err := documents.CheckCollection("ok", []string{name}); !errors.Is(err, documents.ErrInvalid) {
			t.Errorf("CheckCollection(ok, %q) = %v", name, err)
		}
	}
}
