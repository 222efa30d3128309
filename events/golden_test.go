package events

import (
	"encoding/json"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var update = flag.Bool("update", false, "write the golden files of new event types")

// golden is an event on the wire, as it was when its type was released.
type golden struct {
	Subject string              `json:"subject"`
	Header  map[string][]string `json:"header"`
	Data    json.RawMessage     `json:"data"`
}

const testdata = "testdata"

func goldenPath(folder string, t Type) string {
	return filepath.Join(folder, "golden", string(t)+".json")
}

// TestGolden holds every type to the form in which it was released. Golden
// files are written once and never changed; fields that were added since are
// not in them.
func TestGolden(t *testing.T) {
	for _, typ := range Types() {
		t.Run(string(typ), func(t *testing.T) {
			if ReadAs(typ) != typ {
				checkUpcast(t, testdata, typ)
				return
			}
			if *update {
				writeGolden(t, typ, sample(t, typ))
			}
			released := readGolden(t, goldenPath(testdata, typ))
			now := encode(t, decode(t, released))
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
		if ReadAs(typ) != typ {
			continue // recorded no more
		}
		want := sample(t, typ)
		wire := encode(t, want)
		if diff := cmp.Diff(want, decode(t, wire)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", typ, diff)
		}
	}
}

func TestNoGoldenIsForgotten(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(testdata, "golden", "*.json"))
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

// checkUpcast holds an old version to what it says in the words of today. That is
// in a file of its own, which changes only when a newer version comes.
func checkUpcast(t *testing.T, folder string, typ Type) {
	t.Helper()
	event := decode(t, readGolden(t, goldenPath(folder, typ)))
	if got := event.Data.EventType(); got != ReadAs(typ) || version.ReplaceAllString(string(got), "") != version.ReplaceAllString(string(typ), "") {
		t.Errorf("%s is read as %s", typ, got)
	}
	path := filepath.Join(folder, "upcast", string(typ)+".json")
	if *update {
		write(t, path, encode(t, event))
	}
	if diff := cmp.Diff(readGolden(t, path), encode(t, event), cmpopts.EquateEmpty(), asJSON); diff != "" {
		t.Errorf("(-file +now):\n%s", diff)
	}
}

var version = regexp.MustCompile(`\.v[1-9][0-9]*$`)

// asJSON compares raw JSON by what it says.
var asJSON = cmp.Transformer("JSON", func(raw json.RawMessage) (v any) {
	_ = json.Unmarshal(raw, &v) // what is no JSON differs from everything
	return v
})

func readGolden(t *testing.T, path string) (g golden) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("run with -update for a new type: %v", err)
	}
	if err := json.Unmarshal(raw, &g); err != nil {
		t.Fatal(err)
	}
	return g
}

func decode(t *testing.T, g golden) Event {
	t.Helper()
	e, err := Decode(g.Subject, g.Header, g.Data)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// writeGolden never overwrites.
func writeGolden(t *testing.T, typ Type, e Event) {
	t.Helper()
	if _, err := os.Stat(goldenPath(testdata, typ)); !errors.Is(err, fs.ErrNotExist) {
		return
	}
	write(t, goldenPath(testdata, typ), encode(t, e))
}

func write(t *testing.T, path string, g golden) {
	t.Helper()
	raw, err := json.MarshalIndent(g, "", "  ")
	if err == nil {
		err = os.WriteFile(path, append(raw, '\n'), 0o644)
	}
	if err != nil {
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
