package history

import (
	"fmt"
	"net/url"
	"strconv"
	"time"

	"awala.network/gateway/internal/fault"
)

// Values returns the query as parameters of a URL.
func (q Query) Values() url.Values {
	v := url.Values{}
	add := func(name string, values ...string) {
		for _, value := range values {
			if value != "" {
				v.Add(name, value)
			}
		}
	}
	add("stream", q.Streams...)
	add("subject", q.Subjects...)
	add("type", q.Types...)
	add("gateway", q.Gateway)
	add("parcel", q.Parcel)
	add("cargo", q.Cargo)
	add("correlation", q.Correlations...)
	add("event", q.Event)
	add("since", timeValue(q.Since))
	add("until", timeValue(q.Until))
	add("from", number(q.From))
	add("to", number(q.To))
	add("limit", number(uint64(q.Limit)))
	add("tail", number(uint64(q.Tail)))
	if q.Follow {
		add("follow", "true")
	}
	if q.Sealed {
		add("sealed", "true")
	}
	return v
}

func timeValue(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

func number(n uint64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatUint(n, 10)
}

// ParseQuery is the inverse of [Query.Values]. The error is permanent and names the
// parameter.
func ParseQuery(v url.Values) (Query, error) {
	p := parameters{values: v}
	q := Query{
		Filter: Filter{
			Streams: v["stream"], Subjects: v["subject"], Types: v["type"], Correlations: v["correlation"],
			Gateway: v.Get("gateway"), Parcel: v.Get("parcel"), Cargo: v.Get("cargo"), Event: v.Get("event"),
			Since: p.time("since"), Until: p.time("until"), From: p.number("from", 64), To: p.number("to", 64),
			Limit: int(p.number("limit", 31)),
		},
		Follow: v.Get("follow") == "true",
		Sealed: v.Get("sealed") == "true",
		Tail:   int(p.number("tail", 31)),
	}
	return q, p.err
}

// parameters reads values and keeps the first error.
type parameters struct {
	values url.Values
	err    error
}

func (p *parameters) fail(name string, err error) {
	if err != nil && p.err == nil {
		p.err = fault.Permanent(fmt.Errorf("%s %q: %w", name, p.values.Get(name), err))
	}
}

func (p *parameters) time(name string) time.Time {
	if !p.values.Has(name) {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339Nano, p.values.Get(name))
	p.fail(name, err)
	return t
}

func (p *parameters) number(name string, bits int) uint64 {
	if !p.values.Has(name) {
		return 0
	}
	n, err := strconv.ParseUint(p.values.Get(name), 10, bits)
	p.fail(name, err)
	return n
}
