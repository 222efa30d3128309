package events

import (
	"encoding/json"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files of new event types")

// golden is an event on the wire, as it was when its type was released.
type golden struct {
	Subject string              `json:"subject"`
	Header  map[string][]string `json:"header"`
	Data    json.RawMessage     `json:"data"`
}

func goldenPath(t Type) string { return filepath.Join("testdata", "golden", string(t)+".json") }

// TestGolden holds every type to the form in which it was released. Golden
// files are written once and never changed; fields that were added since are
// not in them.
func TestGolden(t *testing.T) {
	for _, typ := range Types() {
		t.Run(string(typ), func(t *testing.T) {
			if *update {
				writeGolden(t, typ, sample(t, typ))
			}
			raw, err := os.ReadFile(goldenPath(typ))
			if err != nil {
				t.Fatalf("every type has a golden file (run with -update for a new one): %v", err)
			}
			var released golden
			if err := json.Unmarshal(raw, &released); err != nil {
				t.Fatal(err)
			}
			event, err := Decode(released.Subject, released.Header, released.Data)
			if err != nil {
				t.Fatal(err)
			}
			now := encode(t, event)
			if released.Subject != now.Subject {
				t.Errorf("subject was %s, is %s", released.Subject, now.Subject)
			}
			if diff := cmp.Diff(released.Header, now.Header); diff != "" {
				t.Errorf("headers (-released +now):\n%s", diff)
			}
			if diff := cmp.Diff(value(t, released.Data), value(t, now.Data), ignoreAdded); diff != "" {
				t.Errorf("data (-released +now):\n%s", diff)
			}
		})
	}
}

// ignoreAdded lets the newer of two JSON objects have more fields.
var ignoreAdded = cmp.FilterPath(func(p cmp.Path) bool {
	index, ok := p.Last().(cmp.MapIndex)
	if !ok {
		return false
	}
	released, _ := index.Values()
	return !released.IsValid()
}, cmp.Ignore())

func value(t *testing.T, raw []byte) (v any) {
	t.Helper()
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// TestSamplesRoundTrip writes and reads every type with all its fields.
func TestSamplesRoundTrip(t *testing.T) {
	for _, typ := range Types() {
		want := sample(t, typ)
		wire := encode(t, want)
		got, err := Decode(wire.Subject, wire.Header, wire.Data)
		if err != nil {
			t.Fatalf("%s: %v", typ, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", typ, diff)
		}
	}
}

func TestNoGoldenIsForgotten(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "golden", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		typ := Type(strings.TrimSuffix(filepath.Base(file), ".json"))
		if registry[typ] == nil {
			t.Errorf("%s was released and can no longer be read", typ)
		}
	}
}

// writeGolden never overwrites.
func writeGolden(t *testing.T, typ Type, e Event) {
	t.Helper()
	if _, err := os.Stat(goldenPath(typ)); !errors.Is(err, fs.ErrNotExist) {
		return
	}
	raw, err := json.MarshalIndent(encode(t, e), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(goldenPath(typ), append(raw, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}

func encode(t *testing.T, e Event) golden {
	t.Helper()
	subject, header, body, err := Encode(e)
	if err != nil {
		t.Fatal(err)
	}
	return golden{subject, header, body}
}

// sample returns an event of this type in which every field says its name.
func sample(t *testing.T, typ Type) Event {
	t.Helper()
	zero, err := registry[typ]([]byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	data := reflect.New(reflect.TypeOf(zero)).Elem()
	fill(t, data, "")
	return Event{
		ID: "event-id", Source: "golden", Time: sampleTime, CausationID: "cause-id", CorrelationID: "correlation-id",
		TraceParent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
		Data:        data.Interface().(Data),
	}
}

var sampleTime = time.Date(2026, 2, 3, 4, 5, 6, 789_000_000, time.UTC)

func fill(t *testing.T, v reflect.Value, name string) {
	t.Helper()
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(sampleTime))
	case v.Type() == reflect.TypeFor[[]byte]():
		v.SetBytes([]byte(name))
	case v.Kind() == reflect.String:
		v.SetString(name)
	case v.CanInt():
		v.SetInt(int64(len(name)))
	case v.CanUint():
		v.SetUint(uint64(len(name)))
	case v.Kind() == reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(t, v.Elem(), name)
	case v.Kind() == reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(t, v.Index(0), name)
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			fill(t, v.Field(i), v.Type().Field(i).Name)
		}
	default:
		t.Fatalf("no sample of %v for %s", v.Type(), name)
	}
}
