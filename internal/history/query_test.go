package history_test

import (
	"net/url"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"awala.network/gateway/internal/history"
)

func TestQueryRoundTrip(t *testing.T) {
	for _, q := range []history.Query{
		{},
		{Filter: history.Filter{
			Streams: []string{"A", "B"}, Subjects: []string{"a.>"}, Types: []string{"t*"}, Gateway: "0a", Parcel: "p &=%",
			Cargo: "c", Correlations: []string{"x", "y"}, Event: "e", Since: noon, Until: noon.Add(time.Nanosecond), From: 1, To: 1 << 63, Limit: 5,
		}, Follow: true, Tail: 7},
	} {
		values, err := url.ParseQuery(q.Values().Encode())
		if err != nil {
			t.Fatal(err)
		}
		got, err := history.ParseQuery(values)
		if diff := cmp.Diff(q, got); diff != "" || err != nil {
			t.Error(diff, err)
		}
	}
	for _, bad := range []string{"since=yesterday", "from=-1", "to=x", "limit=99999999999", "tail=1.5"} {
		values, err := url.ParseQuery(bad)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := history.ParseQuery(values); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
}
