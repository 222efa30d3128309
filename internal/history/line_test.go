package history_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/evidence"
	"awala.network/gateway/internal/history"
)

// TestLineRoundTrip writes arbitrary messages and reads them back.
func TestLineRoundTrip(t *testing.T) {
	octets := rapid.OneOf(
		rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }),
		rapid.String(), rapid.SampledFrom([]string{"null", `{"a":"<\u2028>"}`, `{"a": 1}`, `{"a":1}`, `"\u003c"`, "1e400", ""}),
	)
	rapid.Check(t, func(rt *rapid.T) {
		m := events.Message{
			Stream: "S", Sequence: rapid.Uint64Min(1).Draw(rt, "sequence"),
			Subject:  rapid.StringMatching(`[a-z<&]{1,9}(\.[a-z]{1,3})?`).Draw(rt, "subject"),
			Header:   rapid.MapOf(rapid.StringMatching(`[a-z-]{1,9}`), rapid.SliceOfN(octets, 1, 3)).Draw(rt, "header"),
			Body:     []byte(octets.Draw(rt, "body")),
			StoredAt: time.Unix(rapid.Int64Range(1, 1e10).Draw(rt, "at"), 5).UTC(),
		}
		line, err := history.AppendLine([]byte("before "), m)
		if err != nil {
			rt.Fatal(err)
		}
		line = bytes.TrimPrefix(line, []byte("before "))
		if bytes.ContainsAny(line, "\n\r") {
			rt.Fatalf("%q is not one line", line)
		}
		got, err := history.ParseLine(line)
		if err != nil {
			rt.Fatalf("%s: %v", line, err)
		}
		if diff := cmp.Diff(m, got, cmpopts.EquateEmpty()); diff != "" || evidence.LeafHash(m) != evidence.LeafHash(got) {
			rt.Fatalf("%s: %s", line, diff)
		}
	})
}

func TestOnlyOurLinesAreRead(t *testing.T) {
	const ours = `{"stream":"S","sequence":1,"subject":"s","header":{"a":"b"},"data":{"n":1}}`
	if _, err := history.ParseLine([]byte(ours)); err != nil {
		t.Fatal(err)
	}
	for _, theirs := range []string{
		"", "null", "{}", "[]", ours + "x", " " + ours, ours[:len(ours)-1],
		`{"stream":"S","sequence":1,"subject":"s","header":{"a":"b"},"data":{"n": 1}}`,
		`{"stream":"S","sequence":1,"subject":"s","header":{"a":"b"},"data":{"n":1},"data":{"n":1}}`,
		`{"stream":"S","sequence":1,"subject":"s","header":{"a":"b"},"data":{"n":1},"more":1}`,
		`{"stream":"S","sequence":1,"subject":"s","header":{"a":["b"]},"data":{"n":1}}`,
		`{"stream":"S","sequence":1,"subject":"s","header":{"Nats-X":"b"},"data":{"n":1}}`,
		`{"stream":"S","sequence":-1,"subject":"s","header":{"a":"b"},"data":{"n":1}}`,
		`{"subject":"s","stream":"S","sequence":1,"header":{"a":"b"},"data":{"n":1}}`,
		`{"stream":"S","sequence":1,"subject":"s","header":{"a":{"base64":"YQ=="}},"data":{"n":1}}`,
		`{"stream":"S","sequence":1,"subject":"s","header":{"a":"b"},"data_base64":"e30="}`,
	} {
		if m, err := history.ParseLine([]byte(theirs)); !errors.Is(err, history.ErrLine) {
			t.Errorf("%s: %+v, %v", theirs, m, err)
		}
	}
}

// FuzzLine shows that each line that is read is the only one for its message.
func FuzzLine(f *testing.F) {
	f.Add([]byte(`{"stream":"S","sequence":1,"subject":"s","header":{"a":"b"},"data":{"n":1}}`))
	f.Add([]byte(`{"stream":"S","sequence":1,"subject":"s","storedAt":"2026-01-01T00:00:00Z","header":{"a":["b",{"base64":"/w=="}]},"data_base64":"AA=="}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := history.ParseLine(text)
		if err != nil {
			return
		}
		if again, err := history.AppendLine(nil, m); err != nil || !bytes.Equal(again, text) {
			t.Errorf("%s becomes %s, %v", text, again, err)
		}
	})
}
