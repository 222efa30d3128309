package documentstest

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"awala.network/gateway/internal/documents"
)

// model is the simplest store that keeps the promises of package documents.
type model struct {
	docs       map[string]documents.Document
	checkpoint uint64
}

// testModel compares a store with the model over random calls.
func testModel(t *testing.T, f Fixture) {
	db := open(t, f)
	rapid.Check(t, func(rt *rapid.T) {
		check(rt, db.Drop(t.Context(), "model"))
		c, err := db.Collection(t.Context(), "model", []string{"owner", "destination"})
		check(rt, err)
		m := &model{docs: map[string]documents.Document{}}
		rt.Repeat(m.actions(t.Context(), c))
	})
}

func (m *model) actions(ctx context.Context, c documents.Collection) map[string]func(*rapid.T) {
	ids := rapid.SampledFrom([]string{"a", "b", "c", "d", "e"})
	values := rapid.SampledFrom([]string{"", "x", "y"})
	return map[string]func(*rapid.T){
		"replace": func(rt *rapid.T) {
			batch := rapid.SliceOfN(rapid.Custom(drawDocument), 1, 6).Draw(rt, "batch")
			check(rt, c.Replace(ctx, batch))
			m.replace(batch)
		},
		"delete": func(rt *rapid.T) {
			gone := rapid.SliceOfN(ids, 0, 2).Draw(rt, "ids")
			check(rt, c.Delete(ctx, gone))
			for _, id := range gone {
				delete(m.docs, id)
			}
		},
		"checkpoint": func(rt *rapid.T) {
			position := rapid.Uint64Max(20).Draw(rt, "position")
			check(rt, c.SaveCheckpoint(ctx, position))
			m.checkpoint = max(m.checkpoint, position)
		},
		"find": func(rt *rapid.T) {
			q := documents.Query{
				Key:   rapid.SampledFrom([]string{"owner", "destination"}).Draw(rt, "key"),
				Value: values.Draw(rt, "value"), AfterRank: rapid.Int64Range(0, 4).Draw(rt, "rank"),
				AfterID: rapid.SampledFrom([]string{"", "b", "c"}).Draw(rt, "id"), Limit: rapid.IntRange(1, 6).Draw(rt, "limit"),
			}
			got, err := c.Find(ctx, q)
			same(rt, m.find(q), got, err)
		},
		"expired": func(rt *rapid.T) {
			before, limit := moment(rapid.Float64Range(0, 5).Draw(rt, "before")), rapid.IntRange(1, 6).Draw(rt, "limit")
			got, err := c.Expired(ctx, before, limit)
			want := m.sorted(func(d documents.Document) bool { return !d.ExpiresAt.IsZero() && d.ExpiresAt.Before(before) },
				func(a, b documents.Document) int { return a.ExpiresAt.Compare(b.ExpiresAt) })
			same(rt, want[:min(limit, len(want))], got, err)
		},
		"": func(rt *rapid.T) { m.compare(ctx, rt, c) },
	}
}

func drawDocument(rt *rapid.T) documents.Document {
	d := documents.Document{
		ID:       rapid.SampledFrom([]string{"a", "b", "c", "d", "e"}).Draw(rt, "id"),
		Position: rapid.Uint64Range(1, 9).Draw(rt, "position"),
		Rank:     rapid.Int64Range(0, 4).Draw(rt, "rank"),
		Keys:     rapid.MapOfN(rapid.SampledFrom([]string{"owner", "destination"}), rapid.SampledFrom([]string{"", "x", "y"}), 0, 2).Draw(rt, "keys"),
		Body:     json.RawMessage(fmt.Sprintf(`{"n":%d}`, rapid.Int64().Draw(rt, "n"))),
	}
	if len(d.Keys) == 0 {
		d.Keys = nil
	}
	if rapid.Bool().Draw(rt, "expires") {
		d.ExpiresAt = moment(float64(rapid.IntRange(0, 4).Draw(rt, "expiry")))
	}
	return d
}

func (m *model) replace(batch []documents.Document) {
	for _, d := range batch {
		if d.Position > m.docs[d.ID].Position {
			m.docs[d.ID] = d
		}
	}
}

func (m *model) find(q documents.Query) []documents.Document {
	found := m.sorted(func(d documents.Document) bool {
		value, has := d.Keys[q.Key]
		after := d.Rank > q.AfterRank || q.AfterID != "" && d.Rank == q.AfterRank && d.ID > q.AfterID
		return has && value == q.Value && d.Rank > 0 && after
	}, func(a, b documents.Document) int { return cmp.Compare(a.Rank, b.Rank) })
	return found[:min(q.Limit, len(found))]
}

func (m *model) sorted(
	wanted func(documents.Document) bool, order func(a, b documents.Document) int,
) []documents.Document {
	docs := slices.DeleteFunc(slices.Collect(maps.Values(m.docs)), func(d documents.Document) bool { return !wanted(d) })
	slices.SortFunc(docs, func(a, b documents.Document) int { return cmp.Or(order(a, b), cmp.Compare(a.ID, b.ID)) })
	return docs
}

// compare looks at everything at once; it runs after every action.
func (m *model) compare(ctx context.Context, rt *rapid.T, c documents.Collection) {
	got, err := c.GetMany(ctx, []string{"a", "b", "c", "d", "e"})
	check(rt, err)
	order := func(a, b documents.Document) int { return cmp.Compare(a.ID, b.ID) }
	all := func(documents.Document) bool { return true }
	same(rt, m.sorted(all, order), (&model{docs: got}).sorted(all, order), nil)
	n, err := c.Count(ctx)
	check(rt, err)
	checkpoint, err := c.Checkpoint(ctx)
	check(rt, err)
	if n != len(m.docs) || checkpoint != m.checkpoint {
		rt.Fatalf("%d documents at %d, want %d at %d", n, checkpoint, len(m.docs), m.checkpoint)
	}
	if _, err := c.Get(ctx, "z"); !errors.Is(err, documents.ErrNotFound) {
		rt.Fatal(err)
	}
}

func check(rt *rapid.T, err error) {
	if err != nil {
		rt.Fatal(err)
	}
}

func same(rt *rapid.T, want, got []documents.Document, err error) {
	check(rt, err)
	if !slices.Equal(idsOf(want), idsOf(got)) {
		rt.Fatalf("ids %v, want %v", idsOf(got), idsOf(want))
	}
	for i := range want {
		if diff := difference(want[i], got[i]); diff != "" {
			rt.Fatalf("document %q (-want +got):\n%s", want[i].ID, diff)
		}
	}
}
