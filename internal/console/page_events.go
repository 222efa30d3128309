package console

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/history"
)

// pageLen is how many events a page has.
const pageLen = 50

// eventsPage is the explorer of the history.
type eventsPage struct {
	Now      time.Time
	Streams  []history.Stream
	Types    []string
	Form     eventForm
	Page     history.Page
	Rows     []eventRow
	Filtered bool
	// Links to other pages; empty if there is none.
	Newest, Older, Newer string
	// Tail is where what comes later is read.
	Tail string
}

// eventForm is the filter as people wrote it.
type eventForm struct{ Stream, Type, Gateway, Parcel, Correlation, Since, Until, From, To string }

// eventRow is one event in a list.
type eventRow struct {
	Stream   string
	Sequence uint64
	At       time.Time
	Type     string
	Parcel   string
	What     string
}

func newRow(m events.Message) eventRow {
	r := m.Record()
	row := eventRow{Stream: m.Stream, Sequence: m.Sequence, At: history.Time(m), Type: withoutVersion(history.Type(m)), What: history.Describe(r.Data)}
	if key, ok := history.ParcelOf(r.Data); ok {
		row.Parcel = key.ParcelID
	}
	return row
}

func parseForm(v url.Values) eventForm {
	get := func(name string) string { return strings.TrimSpace(v.Get(name)) }
	return eventForm{
		Stream: get("stream"), Type: get("type"), Gateway: get("gateway"), Parcel: get("parcel"), Correlation: get("correlation"),
		Since: get("since"), Until: get("until"), From: get("from"), To: get("to"),
	}
}

// values are the parameters of the form that are set.
func (f eventForm) values() url.Values {
	v := url.Values{}
	for name, value := range map[string]string{
		"stream": f.Stream, "type": f.Type, "gateway": f.Gateway, "parcel": f.Parcel, "correlation": f.Correlation,
		"since": f.Since, "until": f.Until, "from": f.From, "to": f.To,
	} {
		if value != "" {
			v.Set(name, value)
		}
	}
	return v
}

// filter returns what the form asks for.
func (f eventForm) filter(now time.Time) (history.Filter, error) {
	filter := history.Filter{Streams: []string{f.Stream}, Gateway: f.Gateway, Parcel: f.Parcel}
	if f.Type != "" {
		filter.Types = []string{f.Type}
	}
	if f.Correlation != "" {
		filter.Correlations = []string{f.Correlation}
	}
	var errs [4]error
	filter.Since, errs[0] = parseTime("since", f.Since, now, history.ParseSince)
	filter.Until, errs[1] = parseTime("until", f.Until, now, history.ParseUntil)
	filter.From, errs[2] = parseSequence("from", f.From)
	filter.To, errs[3] = parseSequence("to", f.To)
	if err := errors.Join(errs[:]...); err != nil {
		return filter, badRequest{err}
	}
	return filter, nil
}

// parseTime reads a time as people write it.
func parseTime(name, text string, now time.Time, parse func(string, time.Time) (time.Time, error)) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	at, err := parse(text, now)
	if err != nil {
		err = fmt.Errorf("%s: %w", name, err)
	}
	return at, err
}

func parseSequence(name, text string) (uint64, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s %.40q: want the number of an event", name, text)
	}
	return n, nil
}

func (c *Console) events(r *http.Request) (view, error) {
	streams, err := c.History.States(r.Context())
	if err != nil {
		return view{}, err
	}
	v := r.URL.Query()
	p := eventsPage{Now: c.Now(), Streams: streams, Types: history.Kinds(), Form: parseForm(v)}
	if p.Form.Stream == "" {
		p.Form.Stream = liveliest(streams)
	}
	p.Filtered = len(p.Form.values()) > 1
	q := history.PageQuery{Budget: pageBudget}
	if q.Filter, err = p.Form.filter(p.Now); err != nil {
		return view{}, err
	}
	var errs [2]error
	q.Before, errs[0] = parseSequence("before", v.Get("before"))
	q.After, errs[1] = parseSequence("after", v.Get("after"))
	if err := errors.Join(errs[:]...); err != nil {
		return view{}, badRequest{err}
	}
	q.Limit = pageLen
	if p.Page, err = c.History.Page(r.Context(), q); err != nil {
		return view{}, err
	}
	for _, m := range p.Page.Messages {
		p.Rows = append(p.Rows, newRow(m))
	}
	p.link(q)
	return view{Page: "events", Title: "Events", Section: "/console/events", Data: p}, nil
}

// link fills in where the other pages are.
func (p *eventsPage) link(q history.PageQuery) {
	to := func(name string, sequence uint64) string {
		v := p.Form.values()
		v.Set(name, strconv.FormatUint(sequence, 10))
		return "/console/events?" + v.Encode()
	}
	if p.Page.Older {
		p.Older = to("before", p.Page.From)
	}
	if p.Page.Newer {
		p.Newer = to("after", p.Page.To)
	}
	if q.Before > 0 || q.After > 0 {
		p.Newest = "/console/events?" + p.Form.values().Encode()
	}
	if !p.Page.Newer && q.Before == 0 && p.Form.To == "" && p.Form.Until == "" {
		v := p.Form.values()
		v.Set("after", strconv.FormatUint(p.Page.Last, 10))
		p.Tail = "/console/events/tail?" + v.Encode()
	}
}

// liveliest is the stream whose last event is the newest.
func liveliest(streams []history.Stream) string {
	best := history.Stream{}
	for _, s := range streams {
		if best.Name == "" || s.LastAt.After(best.LastAt) {
			best = s
		}
	}
	return best.Name
}

// eventPage is one event.
type eventPage struct {
	Now      time.Time
	Message  events.Message
	Row      eventRow
	Type     string
	Fields   []field
	Body     string
	Problem  string
	Around   string
	Followed string
}

// field is a line about an event. Mono tells that it is an identifier.
type field struct {
	Name, Value, Link string
}

func (c *Console) event(r *http.Request) (view, error) {
	sequence, err := strconv.ParseUint(r.PathValue("sequence"), 10, 64)
	if err != nil {
		return view{}, errNoPage
	}
	m, err := c.History.Message(r.Context(), r.PathValue("stream"), sequence)
	if err != nil {
		return view{}, err
	}
	p := eventPage{Now: c.Now(), Message: m, Row: newRow(m), Type: history.Type(m)}
	one := func(name string) string {
		if values := m.Header[name]; len(values) > 0 {
			return values[0]
		}
		return ""
	}
	p.Fields = []field{
		{Name: "Subject", Value: m.Subject},
		{Name: "Event id", Value: one(events.HeaderID)},
		{Name: "Written by", Value: one(events.HeaderSource)},
		{Name: "About", Value: one(events.HeaderSubject)},
		{Name: "Cause", Value: one(events.HeaderCausationID)},
		{Name: "Correlation", Value: one(events.HeaderCorrelationID)},
		{Name: "Trace", Value: one(events.HeaderTraceParent)},
	}
	p.Fields = slices.DeleteFunc(p.Fields, func(f field) bool { return f.Value == "" })
	if correlation := one(events.HeaderCorrelationID); correlation != "" {
		p.Followed = "/console/events?" + url.Values{"stream": {m.Stream}, "correlation": {correlation}}.Encode()
	}
	p.Around = "/console/events?" + url.Values{"stream": {m.Stream}, "before": {strconv.FormatUint(sequence+pageLen/2, 10)}}.Encode()
	if u, ok := m.Record().Data.(events.Unreadable); ok {
		p.Problem = u.Err.Error()
	}
	var indented bytes.Buffer
	if json.Indent(&indented, m.Body, "", "  ") == nil {
		p.Body = indented.String()
	} else {
		p.Body = fmt.Sprintf("%q", m.Body)
	}
	return view{
		Page: "event", Title: fmt.Sprintf("%s %s", m.Stream, count(m.Sequence)), Section: "/console/events", Data: p,
	}, nil
}
