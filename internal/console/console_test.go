package console_test

import (
	"context"
	"errors"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/access"
	"awala.network/gateway/internal/admin"
	"awala.network/gateway/internal/console"
	"awala.network/gateway/internal/documents"
	"awala.network/gateway/internal/history"
	"awala.network/gateway/internal/overview"
	"awala.network/gateway/internal/queueadmin"
	"awala.network/gateway/internal/upkeep"
	"awala.network/gateway/projections"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

const token = "0123456789abcdef0123456789abcdef"

// hostile is what others may have written anywhere.
const hostile = `"><script>alert(1)</script><img src=x onerror=alert(2)>'`

// world is a console whose gateway is made of hostile texts, behind the admin server's
// own handler, so that what protects that protects this.
type world struct {
	t       testing.TB
	handler http.Handler
	actions []queueadmin.Action
	parked  []string // what was done to parked messages
	ended   bool     // parked messages were dealt with
}

type option func(*console.Options, *access.Options)

func changes(o *console.Options, _ *access.Options)   { o.Changes = true }
func withToken(_ *console.Options, a *access.Options) { a.Token = token }
func behindProxy(_ *console.Options, a *access.Options) {
	a.UserHeader, a.Proxies = "X-User", []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
}

func newWorld(t testing.TB, options ...option) *world {
	t.Helper()
	w := &world{t: t}
	logger := slog.New(slog.DiscardHandler)
	relay := &admin.Relay{Local: w.mounts()}
	client := &http.Client{Transport: relay}
	upkeepClient, err := upkeep.NewClient("http://gateway", client)
	if err != nil {
		t.Fatal(err)
	}
	o := console.Options{
		Overview: fakeOverview{}, History: fakeHistory{}, Peers: fakePeers{}, Mailbox: fakeMailbox{},
		Queue: queueadmin.Client{Base: "http://gateway", HTTP: client}, Upkeep: upkeepClient,
		Name: "gw.example.com", Version: "v1", Logger: logger, Now: func() time.Time { return noon },
	}
	a := access.Options{Now: func() time.Time { return noon }, Logger: logger}
	for _, change := range options {
		change(&o, &a)
	}
	o.Access = access.New(a)
	c := console.New(o)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- c.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	mount := &admin.Mount{Path: access.ConsolePath}
	mount.Fill(c)
	w.handler = admin.NewHandler(admin.Options{
		Readiness: admin.NewReadiness("v1"), Metrics: prometheus.NewRegistry(), Level: new(slog.LevelVar), Logger: logger,
		Mounts: []*admin.Mount{mount}, Access: o.Access,
	})
	return w
}

// do makes a request as a browser on this machine does.
func (w *world) do(method, target string, form url.Values, change ...func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(form.Encode()))
	r.Host = "127.0.0.1:8083"
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", "http://127.0.0.1:8083")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	for _, c := range change {
		c(r)
	}
	answer := httptest.NewRecorder()
	w.handler.ServeHTTP(answer, r)
	return answer
}

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

// pages are all there are, and what each has to show.
var pages = map[string]string{
	"/console/":        "gateway parcels",
	"/console/parcels": "Give the id that the sender chose",
	"/console/parcels?id=" + url.QueryEscape(hostile): "4 octets by poweb",
	"/console/events": "gateway-parcel-accepted",
	"/console/events?stream=PDC_PARCELS&type=none":      "No event of this stream fits",
	"/console/events/PDC_PARCELS/7":                     "Body of the event",
	"/console/gateways":                                 "Waiting for it",
	"/console/gateways/0known":                          "Its session key",
	"/console/destinations":                             "being tried",
	"/console/destinations/far.example":                 "Last error",
	"/console/destinations/far.example?state=delivered": "No parcel that ended so",
	"/console/parked":                                   "Stands at",
	"/console/parked/m1":                                "Why",
	"/console/projections":                              "mailbox",
	"/console/projections/mailbox":                      "Live version",
}

var (
	inline = regexp.MustCompile(`(?i)<script>|<script[^>]*></script>alert|<img|\son\w+="|\sstyle="|<style|javascript:`)
	label  = regexp.MustCompile(`<h1>`)
)

// TestPages shows that every page answers, is whole, and shows what others have written
// as text.
func TestPages(t *testing.T) {
	w := newWorld(t, changes)
	for path, want := range pages {
		answer := w.do("GET", path, nil)
		body := answer.Body.String()
		if answer.Code != 200 || !strings.Contains(body, want) || !strings.HasSuffix(strings.TrimSpace(body), "</html>") {
			t.Errorf("%s: %d, %q is not in it: %s", path, answer.Code, want, body)
		}
		if found := inline.FindString(body); found != "" {
			t.Errorf("%s: has %q", path, found)
		}
		if len(label.FindAllString(body, -1)) != 1 {
			t.Errorf("%s: has not one heading", path)
		}
		if csp := answer.Header().Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: policy %q", path, csp)
		}
	}
}

func TestMistakes(t *testing.T) {
	w := newWorld(t)
	for path, want := range map[string]struct {
		status int
		text   string
	}{
		"/console/nowhere":                                {404, "no such page"},
		"/console/events?stream=NONE":                     {404, "unknown stream"},
		"/console/events?since=" + url.QueryEscape("<b>"): {400, "is no time: want now"},
		"/console/events?before=x":                        {400, "number of an event"},
		"/console/events/PDC_PARCELS/x":                   {404, "no such page"},
		"/console/events/PDC_PARCELS/99":                  {404, "no event"},
		"/console/parcels?id=x&below=PDC_PARCELS":         {400, "STREAM:SEQUENCE"},
		"/console/parcels?id=" + strings.Repeat("x", 300): {400, "at most"},
		"/console/gateways/0unknown":                      {404, "not found"},
		"/console/parked?state=lost":                      {404, "no such page"},
		"/console/assets/nothing":                         {404, ""},
		"/console/assets/..%2ftemplates%2flayout.html":    {400, "invalid"},
	} {
		answer := w.do("GET", path, nil)
		if answer.Code != want.status || !strings.Contains(answer.Body.String(), want.text) || inline.MatchString(answer.Body.String()) {
			t.Errorf("%s: %d %s", path, answer.Code, answer.Body)
		}
	}
}

// TestChanges shows that each change reaches what it is to change, with who and why,
// and leads back to where it shows.
func TestChanges(t *testing.T) {
	form := func(pairs ...string) url.Values {
		v := url.Values{"by": {"ada"}, "reason": {"why not"}}
		for i := 0; i < len(pairs); i += 2 {
			v.Set(pairs[i], pairs[i+1])
		}
		return v
	}
	by := func(a queueadmin.Action) queueadmin.Action { a.By, a.Reason = "ada", "why not"; return a }
	tests := []struct {
		path   string
		form   url.Values
		to     string
		action queueadmin.Action
		parked string
	}{
		{"/console/destinations/far.example", form("verb", "hold"), "/console/destinations/far.example?did=hold", by(queueadmin.Action{Verb: "hold", Whole: "far.example"}), ""},
		{"/console/destinations/far.example", form("verb", "release"), "/console/destinations/far.example?did=release", by(queueadmin.Action{Verb: "release", Whole: "far.example"}), ""},
		{"/console/destinations/far.example", form("verb", "flush"), "/console/destinations/far.example?did=flush", by(queueadmin.Action{Verb: "flush", Whole: "far.example"}), ""},
		{"/console/destinations/far.example/parcels", form("verb", "retry", "id", "12345678"), "/console/destinations/far.example?did=retry", by(queueadmin.Action{Verb: "retry", Filter: queueadmin.Filter{Parcel: "12345678", Destination: "far.example"}}), ""},
		{"/console/parked/m1/replay", form(), "/console/parked/m1?did=replay", queueadmin.Action{}, "replay m1 by ada: why not"},
		{"/console/parked/m1/drop", form(), "/console/parked/m1?did=drop", queueadmin.Action{}, "drop m1 by ada: why not"},
		{"/console/projections/mailbox/rebuild", form(), "/console/projections/mailbox?did=rebuild", queueadmin.Action{}, ""},
	}
	for _, tt := range tests {
		w := newWorld(t, changes)
		answer := w.do("POST", tt.path, tt.form)
		if answer.Code != http.StatusSeeOther || answer.Header().Get("Location") != tt.to {
			t.Errorf("%s: %d to %q: %s", tt.path, answer.Code, answer.Header().Get("Location"), answer.Body)
			continue
		}
		if tt.action.Verb != "" && (len(w.actions) != 1 || w.actions[0] != tt.action) {
			t.Errorf("%s: %+v", tt.path, w.actions)
		}
		if tt.parked != "" && !slices.Equal(w.parked, []string{tt.parked}) {
			t.Errorf("%s: %q", tt.path, w.parked)
		}
		if shown := w.do("GET", tt.to, nil); shown.Code != 200 || !strings.Contains(shown.Body.String(), `class="notice"`) {
			t.Errorf("%s: %d", tt.to, shown.Code)
		}
	}
}

// TestRefusedChanges shows what is not let through, and that nothing is changed then.
func TestRefusedChanges(t *testing.T) {
	good := url.Values{"by": {"ada"}, "reason": {"why not"}, "verb": {"hold"}}
	without := func(name string) url.Values {
		v := url.Values{"by": {"ada"}, "reason": {"why not"}, "verb": {"hold"}}
		v.Del(name)
		return v
	}
	const path = "/console/destinations/far.example"
	tests := []struct {
		name    string
		options []option
		form    url.Values
		request []func(*http.Request)
		status  int
	}{
		{"read only", nil, good, nil, 403},
		{"nobody", []option{changes}, without("by"), nil, 400},
		{"no reason", []option{changes}, without("reason"), nil, 400},
		{"no verb", []option{changes}, without("verb"), nil, 400},
		{"drop of a whole destination", []option{changes}, url.Values{"by": {"ada"}, "reason": {"x"}, "verb": {"drop"}}, nil, 400},
		{"a long reason", []option{changes}, url.Values{"by": {"ada"}, "reason": {strings.Repeat("x", 600)}, "verb": {"hold"}}, nil, 400},
		{"a huge form", []option{changes}, url.Values{"by": {"ada"}, "reason": {strings.Repeat("x", 60_000)}, "verb": {"hold"}}, nil, 400},
		{"another site", []option{changes}, good, []func(*http.Request){header("Sec-Fetch-Site", "cross-site"), header("Origin", "https://evil.example")}, 403},
		{"another site, an old browser", []option{changes}, good, []func(*http.Request){header("Sec-Fetch-Site", ""), header("Origin", "https://evil.example")}, 403},
		{"a name that was made to lead here", []option{changes}, good, []func(*http.Request){func(r *http.Request) { r.Host = "evil.example:8083" }, header("Origin", "http://evil.example:8083")}, 421},
		{"no token", []option{changes, withToken}, good, nil, 401},
		{"no user from the proxy", []option{changes, behindProxy}, good, nil, 401},
		{"a claim of a user", []option{changes, behindProxy}, good, []func(*http.Request){header("X-User", "eve"), func(r *http.Request) { r.RemoteAddr = "198.51.100.1:5" }}, 401},
	}
	for _, tt := range tests {
		w := newWorld(t, tt.options...)
		answer := w.do("POST", path, tt.form, tt.request...)
		if answer.Code != tt.status || len(w.actions) > 0 {
			t.Errorf("%s: %d, %+v: %s", tt.name, answer.Code, w.actions, answer.Body)
		}
	}
}

// TestWhoChanges shows that the name is that of the session or the proxy, whatever the
// form says.
func TestWhoChanges(t *testing.T) {
	form := url.Values{"by": {"eve"}, "reason": {"why not"}, "verb": {"flush"}}
	w := newWorld(t, changes, behindProxy)
	w.do("POST", "/console/destinations/far.example", form, header("X-User", "ada"))
	if len(w.actions) != 1 || w.actions[0].By != "ada" {
		t.Errorf("by the proxy: %+v", w.actions)
	}
	w = newWorld(t, changes, withToken)
	login := w.do("POST", "/console/login", url.Values{"name": {"ada"}, "token": {token}, "next": {"/console/parked?state=dropped"}})
	if login.Code != http.StatusSeeOther || login.Header().Get("Location") != "/console/parked?state=dropped" {
		t.Fatalf("login: %d %s", login.Code, login.Header())
	}
	cookie := login.Result().Cookies()[0]
	w.do("POST", "/console/destinations/far.example", form, func(r *http.Request) { r.AddCookie(cookie) })
	if len(w.actions) != 1 || w.actions[0].By != "ada" {
		t.Errorf("by the session: %+v", w.actions)
	}
}

func TestLogin(t *testing.T) {
	w := newWorld(t, withToken)
	if answer := w.do("GET", "/console/events?stream=PARKED", nil); answer.Code != http.StatusSeeOther ||
		answer.Header().Get("Location") != "/console/login?next=%2Fconsole%2Fevents%3Fstream%3DPARKED" {
		t.Errorf("%d %s", answer.Code, answer.Header())
	}
	if answer := w.do("GET", "/console/login?next="+url.QueryEscape(hostile), nil); answer.Code != 200 || inline.MatchString(answer.Body.String()) {
		t.Errorf("%d %s", answer.Code, answer.Body)
	}
	if answer := w.do("GET", "/console/assets/console.css", nil); answer.Code != 200 {
		t.Errorf("style of the login page: %d", answer.Code)
	}
	for _, tt := range []struct {
		form   url.Values
		status int
		to     string
	}{
		{url.Values{"name": {"ada"}, "token": {"wrong"}}, 403, ""},
		{url.Values{"token": {token}}, 400, ""},
		{url.Values{"name": {"ada"}, "token": {token}, "next": {"https://evil.example/"}}, 303, "/console/"},
		{url.Values{"name": {"ada"}, "token": {token}, "next": {"//evil.example/console/"}}, 303, "/console/"},
		{url.Values{"name": {"ada"}, "token": {token}, "next": {`/console/\evil`}}, 303, "/console/"},
		{url.Values{"name": {"ada"}, "token": {token}, "next": {"/console/../log-level"}}, 303, "/console/"},
		{url.Values{"name": {"ada"}, "token": {token}, "next": {"/console/parked"}}, 303, "/console/parked"},
	} {
		answer := w.do("POST", "/console/login", tt.form)
		if answer.Code != tt.status || answer.Header().Get("Location") != tt.to || (len(answer.Result().Cookies()) > 0) != (tt.status == 303) {
			t.Errorf("%v: %d %s", tt.form, answer.Code, answer.Header())
		}
	}
}

// TestReadOnlyOffersNothing shows that a console that may not change things has no
// forms that would.
func TestReadOnlyOffersNothing(t *testing.T) {
	w := newWorld(t)
	for path := range pages {
		if body := w.do("GET", path, nil).Body.String(); strings.Contains(body, `method="post"`) {
			t.Errorf("%s: %s", path, body)
		}
	}
}

// TestPartsThatAreElsewhere shows that a page of what no process that was asked knows
// says so, and what to do.
func TestPartsThatAreElsewhere(t *testing.T) {
	nobody := &http.Client{Transport: &admin.Relay{Local: []*admin.Mount{{Path: "/queue"}, {Path: "/parked"}, {Path: "/projections"}}}}
	w := newWorld(t, func(o *console.Options, _ *access.Options) {
		o.Queue.HTTP = nobody
		o.Upkeep, _ = upkeep.NewClient("http://gateway", nobody)
	})
	for _, path := range []string{"/console/destinations", "/console/destinations/far.example", "/console/parked", "/console/projections"} {
		answer := w.do("GET", path, nil)
		if answer.Code != 200 || !strings.Contains(answer.Body.String(), "--console-peers") {
			t.Errorf("%s: %d %s", path, answer.Code, answer.Body)
		}
	}
	if answer := w.do("GET", "/console/gateways/0known", nil); answer.Code != 200 || !strings.Contains(answer.Body.String(), "cannot be seen from this process") {
		t.Errorf("%d %s", answer.Code, answer.Body)
	}
}

// TestTail reads new events as a browser does.
func TestTail(t *testing.T) {
	w := newWorld(t)
	answer := w.do("GET", "/console/events/tail?stream=PDC_PARCELS&after=6", nil)
	body := answer.Body.String()
	if answer.Header().Get("Content-Type") != "text/event-stream" || !strings.Contains(body, "id: 7\ndata: <tr>") ||
		!strings.HasSuffix(body, "</tr>\n\n") || inline.MatchString(body) {
		t.Errorf("%v %s", answer.Header(), body)
	}
	for line := range strings.SplitSeq(strings.TrimSpace(body), "\n") {
		if line != "" && !strings.HasPrefix(line, "data: ") && !strings.HasPrefix(line, "id: ") && !strings.HasPrefix(line, ": ") {
			t.Errorf("line %q", line)
		}
	}
}

// --- the gateway that the console shows ------------------------------------------------

type fakeOverview struct{}

func (fakeOverview) Look(context.Context) (overview.Overview, error) {
	return overview.Overview{
		At: noon, InternetAddress: "gw.example.com", NodeID: hostile, CertificateExpiresAt: noon.Add(time.Hour),
		Channels:    []overview.Channel{{Name: "gateway parcels", In: 12_345, Waiting: 3, OldestSince: noon.Add(-time.Hour), Parked: 1}},
		Consumers:   []overview.Consumer{{Stream: "PDC_PARCELS", Name: hostile, Lag: 2, OldestSince: noon.Add(-time.Hour)}},
		Projections: []overview.Projection{{Name: hostile, Lag: 5000}},
		Processes:   []overview.Process{{Kind: hostile, Host: hostile, Version: "v1", Problems: []string{hostile}}},
	}, nil
}

func (fakeOverview) Counts(context.Context) ([]overview.Count, error) {
	return []overview.Count{{Channel: "gateway parcels", In: 10, Out: 5}}, nil
}

type fakeHistory struct{}

func message() events.Message {
	e := events.New("event-1", "poweb", noon, events.GatewayParcelAccepted{
		ParcelKey:  events.ParcelKey{SenderID: hostile, RecipientID: hostile, ParcelID: hostile},
		ParcelBlob: events.ParcelBlob{BlobKey: hostile, Size: 4, ExpiresAt: noon}, PrivateGatewayID: "0gateway", Via: events.ViaPoWeb,
	})
	subject, head, body, err := events.Encode(e)
	if err != nil {
		panic(err)
	}
	return events.Message{Stream: "PDC_PARCELS", Sequence: 7, Subject: subject, Header: head, Body: body, StoredAt: noon}
}

func (fakeHistory) States(context.Context) ([]history.Stream, error) {
	s := history.Stream{}
	s.Name, s.First, s.Last, s.Messages, s.LastAt = "PDC_PARCELS", 1, 7, 7, noon
	return []history.Stream{s}, nil
}

func (fakeHistory) Message(_ context.Context, _ string, sequence uint64) (events.Message, error) {
	if sequence != 7 {
		return events.Message{}, history.ErrNoEvent
	}
	return message(), nil
}

func (fakeHistory) Messages(context.Context, history.Query) iter.Seq2[events.Message, error] {
	return func(yield func(events.Message, error) bool) { yield(message(), nil) }
}

func (fakeHistory) Page(_ context.Context, q history.PageQuery) (history.Page, error) {
	p := history.Page{First: 1, Last: 7, From: 1, To: 7, Older: true, Newer: true}
	if q.Streams[0] != "PDC_PARCELS" {
		return p, history.ErrNoStream
	}
	if len(q.Types) == 0 {
		p.Messages = []events.Message{message()}
	}
	return p, nil
}

func (fakeHistory) Search(_ context.Context, s history.Search) (history.Finding, error) {
	return history.Finding{
		Lives: []history.Life{{
			ParcelKey: events.ParcelKey{SenderID: hostile, RecipientID: hostile, ParcelID: s.Parcel},
			Steps:     []history.Step{{At: noon, Stream: "PDC_PARCELS", Sequence: 7, Type: "gateway-parcel-accepted.v1", Source: hostile, Cause: hostile, What: "4 octets by poweb " + hostile}},
		}},
		Next:     history.Search{Parcel: s.Parcel, Below: map[string]uint64{"PDC_PARCELS": 3}, Found: []history.Position{{Stream: "PDC_PARCELS", Sequence: 7}}},
		Searched: 4, Total: 7, At: noon,
	}, nil
}

type fakePeers struct{}

func (fakePeers) List(context.Context, uint64, int) ([]projections.Peer, error) {
	return []projections.Peer{{PrivateGatewayID: "0known", LastContact: noon}, {PrivateGatewayID: hostile, LastContact: noon}}, nil
}

func (fakePeers) Get(_ context.Context, id string) (projections.Peer, error) {
	if id != "0known" {
		return projections.Peer{}, documents.ErrNotFound
	}
	return projections.Peer{PrivateGatewayID: id, LastContact: noon, SessionKey: &projections.PeerSessionKey{KeyID: hostile, MessageCreatedAt: noon}}, nil
}

type fakeMailbox struct{}

func (fakeMailbox) Waiting(_ context.Context, id string, _ int) ([]projections.Item, error) {
	if id != "0known" {
		return nil, nil
	}
	item := projections.Item{Key: events.ParcelKey{ParcelID: hostile}}
	item.AcceptedAt, item.ExpiresAt = noon.Add(-time.Minute), noon.Add(time.Hour)
	return []projections.Item{item}, nil
}

// mounts are the parts of an admin server that the console asks.
func (w *world) mounts() []*admin.Mount {
	queue, parked, read := &admin.Mount{Path: "/queue"}, &admin.Mount{Path: "/parked"}, &admin.Mount{Path: "/projections"}
	queue.Fill(http.HandlerFunc(w.queue))
	parked.Fill(http.HandlerFunc(w.parkedMessages))
	read.Fill(http.HandlerFunc(w.projections))
	return []*admin.Mount{queue, parked, read}
}

func (w *world) queue(out http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method == http.MethodPost:
		var a queueadmin.Action
		decode(w.t, r.Body, &a)
		w.actions = append(w.actions, a)
		encode(out, queueadmin.Done{Matched: 1, Changed: 1})
	case r.URL.Query().Get("state") != "":
		encode(out, queueadmin.Page{})
	case r.URL.Path == "/queue/destinations":
		held := slices.ContainsFunc(w.actions, func(a queueadmin.Action) bool { return a.Verb == queueadmin.Hold })
		encode(out, queueadmin.Stats{Queued: 1, Destinations: []queueadmin.Destination{
			{Name: "far.example", Waiting: 1, OldestSince: noon.Add(-time.Hour), Breaker: "closed", LastError: hostile, LastErrorAt: noon, Held: held},
			{Name: hostile, Waiting: 1, Breaker: "open", Failures: 2, OpenUntil: noon.Add(time.Minute), Held: true, HeldReason: hostile},
		}})
	default:
		encode(out, queueadmin.Page{Matched: 1, Parcels: []queueadmin.Parcel{
			{ID: "12345678", ParcelID: hostile, Destination: hostile, State: projections.DeliveryDeferred, AcceptedAt: noon, LastError: hostile, HeldReason: hostile},
		}})
	}
}

func (w *world) parkedMessages(out http.ResponseWriter, r *http.Request) {
	m := upkeep.Shown{Type: "gateway-parcel-accepted.v1", Data: map[string]string{"parcelId": hostile}}
	m.ID, m.State, m.Reason, m.Consumer, m.Stream, m.Sequence = "m1", projections.ParkedOpen, hostile, hostile, "PDC_PARCELS", 7
	m.ParkedAt, m.LastParkedAt, m.CorrelationID, m.Times = noon, noon, hostile, 2
	if w.ended {
		m.State, m.EndedAt, m.Resolution = projections.ParkedDropped, noon, &events.Operation{By: hostile, Reason: hostile}
	}
	switch {
	case r.Method == http.MethodPost:
		verb, id := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:], strings.Split(r.URL.Path, "/")[2]
		w.parked = append(w.parked, verb+" "+id+" by "+r.URL.Query().Get("by")+": "+r.URL.Query().Get("reason"))
		w.ended = true
		out.WriteHeader(http.StatusNoContent)
	case r.URL.Path == "/parked":
		encode(out, []projections.ParkedMessage{m.ParkedMessage})
	default:
		encode(out, m)
	}
}

func (w *world) projections(out http.ResponseWriter, r *http.Request) {
	s := projections.Status{Name: "mailbox", Stream: "PDC_PARCELS", Checkpoint: 5, Last: 7, Documents: 3}
	s.Live = projections.Edition{Collection: hostile, Number: 1, Since: noon}
	switch {
	case r.Method == http.MethodPost:
		_, _ = io.WriteString(out, `{"progress":{"sequence":1,"last":2}}`+"\n"+`{"rebuilt":{"live":{"number":2}}}`+"\n")
	case r.URL.Path == "/projections":
		encode(out, []projections.Status{s})
	default:
		encode(out, s)
	}
}
