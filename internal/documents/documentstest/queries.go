package documentstest

import (
	"testing"
	"time"

	"awala.network/gateway/internal/documents"
)

func listed(id, owner string, rank int64) documents.Document {
	d := doc(id, 1)
	d.Keys = map[string]string{"owner": owner, "destination": "d" + owner}
	d.Rank = rank
	return d
}

func testFind(t *testing.T, f Fixture) {
	c := mailbox(t, open(t, f))
	unkeyed := doc("unkeyed", 1)
	unkeyed.Keys = nil
	must(t, c.Replace(t.Context(), []documents.Document{
		listed("late", "alice", 30), listed("early", "alice", 10), listed("middle", "alice", 20),
		listed("hidden", "alice", 0), listed("foreign", "bob", 15), listed("nameless", "", 5), unkeyed,
	}))
	for name, tc := range map[string]struct {
		q    documents.Query
		want []string
	}{
		"all":        {documents.Query{Key: "owner", Value: "alice", Limit: 10}, []string{"early", "middle", "late"}},
		"limit":      {documents.Query{Key: "owner", Value: "alice", Limit: 2}, []string{"early", "middle"}},
		"after":      {documents.Query{Key: "owner", Value: "alice", AfterRank: 10, Limit: 10}, []string{"middle", "late"}},
		"between":    {documents.Query{Key: "owner", Value: "alice", AfterRank: 11, Limit: 1}, []string{"middle"}},
		"past end":   {documents.Query{Key: "owner", Value: "alice", AfterRank: 30, Limit: 10}, nil},
		"negative":   {documents.Query{Key: "owner", Value: "alice", AfterRank: -9, Limit: 10}, []string{"early", "middle", "late"}},
		"other key":  {documents.Query{Key: "destination", Value: "dbob", Limit: 10}, []string{"foreign"}},
		"empty":      {documents.Query{Key: "owner", Value: "", Limit: 10}, []string{"nameless"}},
		"nobody":     {documents.Query{Key: "owner", Value: "carol", Limit: 10}, nil},
		"no pattern": {documents.Query{Key: "owner", Value: "al%", Limit: 10}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			docs, err := c.Find(t.Context(), tc.q)
			wantIDs(t, docs, err, tc.want...)
		})
	}
	docs, err := c.Find(t.Context(), documents.Query{Key: "owner", Value: "bob", Limit: 1})
	must(t, err)
	wantEqual(t, listed("foreign", "bob", 15), docs[0])
}

// testFindPages reads a list with many equal ranks page by page.
func testFindPages(t *testing.T, f Fixture) {
	c := mailbox(t, open(t, f))
	var docs []documents.Document
	var want []string
	for i := range 50 {
		docs = append(docs, listed(numbered(i), "alice", int64(1+i/7)))
		want = append(want, numbered(i))
	}
	must(t, c.Replace(t.Context(), docs))
	var got []documents.Document
	q := documents.Query{Key: "owner", Value: "alice", Limit: 3}
	for {
		page, err := c.Find(t.Context(), q)
		must(t, err)
		if len(page) == 0 {
			break
		}
		got = append(got, page...)
		last := page[len(page)-1]
		q.AfterRank, q.AfterID = last.Rank, last.ID
	}
	wantIDs(t, got, nil, want...)
}

func testFindFollowsReplace(t *testing.T, f Fixture) {
	c := mailbox(t, open(t, f))
	must(t, c.Replace(t.Context(), []documents.Document{listed("a", "alice", 1)}))
	moved := listed("a", "bob", 2)
	moved.Position = 2
	must(t, c.Replace(t.Context(), []documents.Document{moved}))
	docs, err := c.Find(t.Context(), documents.Query{Key: "owner", Value: "alice", Limit: 10})
	wantIDs(t, docs, err)
	docs, err = c.Find(t.Context(), documents.Query{Key: "owner", Value: "bob", Limit: 10})
	wantIDs(t, docs, err, "a")
	must(t, c.Delete(t.Context(), []string{"a"}))
	docs, err = c.Find(t.Context(), documents.Query{Key: "owner", Value: "bob", Limit: 10})
	wantIDs(t, docs, err)
}

func testExpired(t *testing.T, f Fixture) {
	c := mailbox(t, open(t, f))
	hidden := expiring("hidden", 1)
	hidden.Rank, hidden.Keys = 0, nil
	finer := expiring("finer", 4)
	finer.ExpiresAt = finer.ExpiresAt.Add(999 * time.Microsecond)
	must(t, c.Replace(t.Context(), []documents.Document{
		expiring("third", 3), expiring("second", 2), hidden, finer, doc("never", 1),
	}))
	for name, tc := range map[string]struct {
		before time.Time
		limit  int
		want   []string
	}{
		"none":       {moment(1), 10, nil},
		"some":       {moment(2.5), 10, []string{"hidden", "second"}},
		"exclusive":  {moment(3), 10, []string{"hidden", "second"}},
		"just after": {moment(3).Add(time.Microsecond), 10, []string{"hidden", "second", "third"}},
		"all":        {moment(5), 10, []string{"hidden", "second", "third", "finer"}},
		"limited":    {moment(5), 1, []string{"hidden"}},
	} {
		t.Run(name, func(t *testing.T) {
			docs, err := c.Expired(t.Context(), tc.before, tc.limit)
			wantIDs(t, docs, err, tc.want...)
		})
	}
}

func testAll(t *testing.T, f Fixture) {
	c := mailbox(t, open(t, f))
	hidden := doc("b", 2)
	hidden.Rank, hidden.Keys = 0, nil
	must(t, c.Replace(t.Context(), []documents.Document{doc("ä", 4), doc("c", 3), hidden, doc("B", 1)}))
	for name, tc := range map[string]struct {
		after string
		limit int
		want  []string
	}{
		"all":     {"", 10, []string{"B", "b", "c", "ä"}},
		"first":   {"", 2, []string{"B", "b"}},
		"next":    {"b", 2, []string{"c", "ä"}},
		"between": {"bb", 1, []string{"c"}},
		"no more": {"ä", 10, nil},
	} {
		t.Run(name, func(t *testing.T) {
			docs, err := c.All(t.Context(), tc.after, tc.limit)
			wantIDs(t, docs, err, tc.want...)
		})
	}
}
