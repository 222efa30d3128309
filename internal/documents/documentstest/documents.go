package documentstest

import (
	"context"
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

func testGet(t *testing.T, f Fixture) {
	c := mailbox(t, open(t, f))
	if _, err := c.Get(t.Context(), "a"); !errors.Is(err, documents.ErrNotFound) {
		t.Errorf("Get of nothing = %v, want ErrNotFound", err)
	}
	must(t, c.Replace(t.Context(), []documents.Document{doc("a", 1), doc("b", 2)}))
	wantStored(t, c, doc("a", 1), doc("b", 2))
	many, err := c.GetMany(t.Context(), []string{"b", "c", "a", "b"})
	must(t, err)
	if diff := cmp.Diff([]string{"a", "b"}, idsOf([]documents.Document{many["a"], many["b"]})); diff != "" || len(many) != 2 {
		t.Errorf("GetMany() = %v", many)
	}
	none, err := c.GetMany(t.Context(), nil)
	must(t, err)
	if len(none) != 0 {
		t.Errorf("GetMany of nothing = %v", none)
	}
}

// testValues stores values at the borders of what is allowed.
func testValues(t *testing.T, f Fixture) {
	c := mailbox(t, open(t, f))
	odd := `quote ' " back \ dollar $ dot . percent % null-ish null emoji 🦊 line` + "\n"
	docs := []documents.Document{
		{ID: odd, Position: 1, Body: json.RawMessage(`{}`)},
		{ID: strings.Repeat("i", documents.MaxIDLen), Position: math.MaxInt64, Rank: math.MaxInt64, Body: json.RawMessage(`{}`)},
		{ID: "keys", Position: 1, Keys: map[string]string{"owner": odd, "destination": ""}, Body: json.RawMessage(`{}`)},
		{ID: "expiry", Position: 1, ExpiresAt: time.Date(2026, 2, 3, 4, 5, 6, 789_000_000, time.UTC), Body: json.RawMessage(`{}`)},
		{ID: "past", Position: 1, ExpiresAt: time.Date(1969, 2, 3, 4, 5, 6, 0, time.UTC), Body: json.RawMessage(`{}`)},
		{ID: "integers", Position: 1, Body: json.RawMessage(
			`{"max":9223372036854775807,"min":-9223372036854775808,"above":9007199254740993,"small":7,"zero":0,"minus":-0}`)},
		{ID: "floats", Position: 1, Body: json.RawMessage(`{"a":0.1,"b":-1.5e300,"c":5e-324,"d":3.0,"e":1e2}`)},
		{ID: "kinds", Position: 1, Body: json.RawMessage(
			`{"t":true,"f":false,"n":null,"s":"\u00e9\u2028\"\\","e":"","o":{},"l":[],"m":[1,"two",null,{"x":[{}]}]}`)},
		{ID: "names", Position: 1, Body: json.RawMessage(`{"_id":"x","a$b":1,"0":2,"ünï cödé":3,"'":4,"\"":5,"pos":6}`)},
		{ID: "deep", Position: 1, Body: json.RawMessage(
			strings.Repeat(`{"a":`, documents.MaxDepth) + "1" + strings.Repeat("}", documents.MaxDepth))},
		{ID: "big", Position: 1, Body: json.RawMessage(`{"a":"` + strings.Repeat("x", documents.MaxBodyLen-8) + `"}`)},
		{ID: "spaced", Position: 1, Body: json.RawMessage(" {\n\t\"a\" : [ 1 , 2 ] }\r\n ")},
	}
	must(t, c.Replace(t.Context(), docs))
	wantStored(t, c, docs...)
	found, err := c.Find(t.Context(), documents.Query{Key: "owner", Value: odd, Limit: 1})
	wantIDs(t, found, err) // rank 0: in no list
}

func testReplace(t *testing.T, f Fixture) {
	c := mailbox(t, open(t, f))
	steps := []struct {
		name       string
		give, want uint64
	}{
		{"new", 5, 5},
		{"older", 4, 5},
		{"same", 5, 5},
		{"newer", 6, 6},
		{"much older", 1, 6},
	}
	for _, step := range steps {
		must(t, c.Replace(t.Context(), []documents.Document{doc("a", step.give)}))
		t.Log(step.name)
		wantStored(t, c, doc("a", step.want))
	}
	changed := doc("a", 6)
	changed.Body = json.RawMessage(`{"other":"body of the same position"}`)
	must(t, c.Replace(t.Context(), []documents.Document{changed}))
	wantStored(t, c, doc("a", 6))
}

func testReplaceIsWhole(t *testing.T, f Fixture) {
	c := mailbox(t, open(t, f))
	first := expiring("a", 1)
	first.Body = json.RawMessage(`{"a":1,"b":{"c":2}}`)
	must(t, c.Replace(t.Context(), []documents.Document{first}))
	bare := documents.Document{ID: "a", Position: 2, Body: json.RawMessage(`{"b":{"d":3}}`)}
	must(t, c.Replace(t.Context(), []documents.Document{bare}))
	wantStored(t, c, bare)
	expired, err := c.Expired(t.Context(), moment(10), 10)
	wantIDs(t, expired, err)
}

// testBatch mixes new, newer, stale and repeated documents in one call.
func testBatch(t *testing.T, f Fixture) {
	c := mailbox(t, open(t, f))
	must(t, c.Replace(t.Context(), nil))
	first := make([]documents.Document, 0, 500)
	for i := range 500 {
		first = append(first, doc(numbered(i), 10))
	}
	must(t, c.Replace(t.Context(), first))
	second, want := []documents.Document{}, []documents.Document{}
	for i := range 700 {
		d := doc(numbered(i), uint64(9+i%3))
		second = append(second, d)
		if i < 500 && d.Position < 10 {
			d = first[i]
		}
		want = append(want, d)
	}
	second = append(second, doc(numbered(0), 99), doc(numbered(0), 98))
	want[0] = doc(numbered(0), 99)
	must(t, c.Replace(t.Context(), second))
	many, err := c.GetMany(t.Context(), idsOf(want))
	must(t, err)
	for _, w := range want {
		wantEqual(t, w, many[w.ID])
	}
}

func testInvalid(t *testing.T, f Fixture) {
	db := open(t, f)
	c := mailbox(t, db)
	bad := doc("b", 1)
	bad.Body = json.RawMessage(`[]`)
	_, name := db.Collection(t.Context(), "no.such-name", nil)
	_, index := db.Collection(t.Context(), "name", []string{"$index"})
	_, key := c.Find(t.Context(), documents.Query{Key: "sender", Value: "x", Limit: 1})
	_, limit := c.Find(t.Context(), documents.Query{Key: "owner", Value: "x"})
	_, expired := c.Expired(t.Context(), moment(0), documents.MaxLimit+1)
	for call, err := range map[string]error{
		"Replace":    c.Replace(t.Context(), []documents.Document{doc("a", 1), bad}),
		"Collection": name, "Collection index": index, "Find key": key, "Find limit": limit, "Expired": expired,
		"Drop":           db.Drop(t.Context(), "no.such-name"),
		"SaveCheckpoint": c.SaveCheckpoint(t.Context(), math.MaxInt64+1),
	} {
		if !errors.Is(err, documents.ErrInvalid) || !fault.IsPermanent(err) {
			t.Errorf("%s = %v, want a permanent ErrInvalid", call, err)
		}
	}
	wantStored(t, c)
}

func testCancelled(t *testing.T, f Fixture) {
	c := mailbox(t, open(t, f))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, get := c.Get(ctx, "a")
	for call, err := range map[string]error{
		"Get": get, "Replace": c.Replace(ctx, []documents.Document{doc("a", 1)}), "SaveCheckpoint": c.SaveCheckpoint(ctx, 1),
	} {
		if !errors.Is(err, context.Canceled) || fault.IsPermanent(err) {
			t.Errorf("%s = %v, want a transient context.Canceled", call, err)
		}
	}
	wantStored(t, c)
}

func testDelete(t *testing.T, f Fixture) {
	c := mailbox(t, open(t, f))
	must(t, c.Delete(t.Context(), nil))
	must(t, c.Replace(t.Context(), []documents.Document{doc("a", 5), doc("b", 5), doc("c", 5)}))
	for range 2 {
		must(t, c.Delete(t.Context(), []string{"a", "never", "b"}))
		wantStored(t, c, doc("c", 5))
	}
	must(t, c.Replace(t.Context(), []documents.Document{doc("a", 1)}))
	wantStored(t, c, doc("a", 1), doc("c", 5))
}
