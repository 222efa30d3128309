package projections

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"awala.network/gateway/internal/documents"
)

// Kind is how a document differs from what the history says.
type Kind string

// The kinds of difference.
const (
	Missing Kind = "missing" // the projection lacks it
	Extra   Kind = "extra"   // no event made it
	Changed Kind = "changed"
)

// Difference is one document that is not as the history says.
type Difference struct {
	Projection string `json:"projection"`
	ID         string `json:"id"`
	Kind       Kind   `json:"kind"`
	// Fields are what differs in a changed one.
	Fields []FieldDifference `json:"fields,omitempty"`
}

// FieldDifference is one field that differs, its values as JSON; nil where there
// is none.
type FieldDifference struct {
	// Path has dots between names and indexes, such as "body.versions.0.state".
	Path    string `json:"path"`
	Stored  any    `json:"stored"`
	History any    `json:"history"`
}

// difference compares a stored document with the one that was folded anew; either
// may be absent. ok is false if there is none.
func difference[S any](id string, stored, folded *documents.Document, now time.Time) (Difference, bool) {
	d := Difference{ID: id}
	switch {
	case stored == nil && folded == nil:
		return d, false
	case stored == nil:
		d.Kind = Missing
		return d, !purgeable(folded, now)
	case folded == nil:
		d.Kind = Extra
		return d, !purgeable(stored, now)
	}
	d.Kind = Changed
	d.Fields = compareFields("", plain[S](stored), plain[S](folded))
	return d, len(d.Fields) > 0
}

// purgeable tells whether the store may have removed the document, so that its
// absence says nothing.
func purgeable(d *documents.Document, now time.Time) bool {
	return !d.ExpiresAt.IsZero() && d.ExpiresAt.Add(documents.ExpiryGrace).Before(now)
}

// plain is a document as values that can be compared. Stores may keep a body in
// another form, so it goes through the projection's own type where it fits.
func plain[S any](d *documents.Document) any {
	var body any
	e, err := decode[S](*d)
	if err == nil {
		var encoded []byte
		if encoded, err = json.Marshal(&e.state); err == nil {
			body = number(encoded)
		}
	}
	if err != nil {
		body = number(d.Body)
	}
	expires := ""
	if !d.ExpiresAt.IsZero() {
		expires = d.ExpiresAt.UTC().Truncate(time.Millisecond).Format(time.RFC3339Nano)
	}
	keys := map[string]any{}
	for name, value := range d.Keys {
		keys[name] = value
	}
	return map[string]any{
		"position": json.Number(fmt.Sprint(d.Position)), "rank": json.Number(fmt.Sprint(d.Rank)),
		"expiresAt": expires, "keys": keys, "body": body,
	}
}

// number decodes JSON with its numbers as they are written.
func number(raw []byte) any {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return string(raw)
	}
	return value
}

// compareFields lists what differs between two values.
func compareFields(path string, stored, folded any) []FieldDifference {
	switch a := stored.(type) {
	case map[string]any:
		if b, ok := folded.(map[string]any); ok {
			return compareMaps(path, a, b)
		}
	case []any:
		if b, ok := folded.([]any); ok {
			return compareMaps(path, indexed(a), indexed(b))
		}
	}
	if reflect.DeepEqual(stored, folded) {
		return nil
	}
	return []FieldDifference{{Path: path, Stored: stored, History: folded}}
}

func compareMaps(path string, a, b map[string]any) []FieldDifference {
	if path != "" {
		path += "."
	}
	names := map[string]bool{}
	for name := range a {
		names[name] = true
	}
	for name := range b {
		names[name] = true
	}
	var found []FieldDifference
	for _, name := range slices.Sorted(maps.Keys(names)) {
		found = append(found, compareFields(path+name, a[name], b[name])...)
	}
	return found
}

func indexed(list []any) map[string]any {
	byIndex := make(map[string]any, len(list))
	for i, value := range list {
		byIndex[fmt.Sprint(i)] = value
	}
	return byIndex
}
