package events

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// wire is a good event to spoil.
func wire() (subject string, header map[string][]string, body string) {
	return "gateway.identity", map[string][]string{
		"ce-specversion": {"1.0"}, "ce-id": {"i"}, "ce-source": {"test"}, "ce-time": {"2026-02-03T04:05:06Z"},
		"ce-type": {"network.awala.gateway.identity-created.v1"}, "content-type": {"application/json"},
	}, `{"nodeId":"0a","internetAddress":"example.com"}`
}

func TestDecodeToleratesWhatIsNewer(t *testing.T) {
	subject, header, _ := wire()
	header["ce-newattribute"] = []string{"x", "y"}
	got, err := Decode(subject, header, []byte(`{"nodeId":"0a","later":{"deep":[1]}}`))
	if err != nil {
		t.Fatal(err)
	}
	want := Event{
		ID: "i", Source: "test", Time: time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC),
		Data: IdentityCreated{NodeID: "0a"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDecodeRefuses(t *testing.T) {
	tests := map[string]struct {
		part  string
		spoil func(h map[string][]string)
	}{
		"no id":            {HeaderID, func(h map[string][]string) { delete(h, HeaderID) }},
		"two ids":          {HeaderID, func(h map[string][]string) { h[HeaderID] = []string{"a", "b"} }},
		"no source":        {HeaderSource, func(h map[string][]string) { delete(h, HeaderSource) }},
		"no type":          {HeaderType, func(h map[string][]string) { delete(h, HeaderType) }},
		"bad time":         {HeaderTime, func(h map[string][]string) { h[HeaderTime] = []string{"yesterday"} }},
		"other version":    {HeaderSpecVersion, func(h map[string][]string) { h[HeaderSpecVersion] = []string{"2.0"} }},
		"not JSON":         {HeaderContentType, func(h map[string][]string) { h[HeaderContentType] = []string{"text/plain"} }},
		"two causes":       {HeaderCausationID, func(h map[string][]string) { h[HeaderCausationID] = []string{"a", "b"} }},
		"no headers":       {HeaderID, func(h map[string][]string) { clear(h) }},
		"two traceparents": {HeaderTraceParent, func(h map[string][]string) { h[HeaderTraceParent] = []string{"a", "b"} }},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			subject, header, body := wire()
			tc.spoil(header)
			_, err := Decode(subject, header, []byte(body))
			var bad *MalformedError
			if !errors.As(err, &bad) || bad.Part != tc.part {
				t.Errorf("error %v, want one about %s", err, tc.part)
			}
		})
	}
}

func TestDecodeRefusesDataAndSubject(t *testing.T) {
	_, header, body := wire()
	for part, in := range map[string][2]string{
		"subject": {"gateway.peer.0a", body},
		"data":    {"gateway.identity", `{"nodeId":1}`},
	} {
		_, err := Decode(in[0], header, []byte(in[1]))
		var bad *MalformedError
		if !errors.As(err, &bad) || bad.Part != part {
			t.Errorf("error %v, want one about %s", err, part)
		}
	}
}

func TestDecodeUnknownTypes(t *testing.T) {
	for _, name := range []string{
		"network.awala.gateway.identity-created.v2",
		"network.awala.gateway.never-heard-of.v1",
		"identity-created.v1",
		"com.example.other.v1",
	} {
		subject, header, body := wire()
		header[HeaderType] = []string{name}
		_, err := Decode(subject, header, []byte(body))
		var unknown *UnknownTypeError
		if !errors.As(err, &unknown) || unknown.Type != name {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestEncodeRefuses(t *testing.T) {
	good := New("i", "test", time.Now(), IdentityCreated{NodeID: "0a"})
	tests := map[string]func(e *Event){
		"no data":                 func(e *Event) { e.Data = nil },
		"no id":                   func(e *Event) { e.ID = "" },
		"no source":               func(e *Event) { e.Source = "" },
		"a line break":            func(e *Event) { e.CorrelationID = "a\r\nx: y" },
		"outer space":             func(e *Event) { e.ID = " a" },
		"a line break in subject": func(e *Event) { e.Data = IdentityCreated{NodeID: "a\nb"} },
		"an empty token":          func(e *Event) { e.Data = PrivateGatewayRegistered{} },
		"a wildcard":              func(e *Event) { e.Data = PrivateGatewayRegistered{PrivateGatewayID: ">"} },
		"space in the channel":    func(e *Event) { e.Data = PrivateGatewayRegistered{PrivateGatewayID: "a b"} },
		"an unreadable event":     func(e *Event) { e.Data = Unreadable{} },
	}
	for name, spoil := range tests {
		t.Run(name, func(t *testing.T) {
			e := good
			spoil(&e)
			_, _, _, err := Encode(e)
			var bad *MalformedError
			if !errors.As(err, &bad) {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestRoundTrip(t *testing.T) {
	text := rapid.StringMatching(`[!-~]([ -~]{0,20}[!-~])?`)
	rapid.Check(t, func(t *rapid.T) {
		want := Event{
			ID: text.Draw(t, "id"), Source: text.Draw(t, "source"), CausationID: text.Draw(t, "cause"),
			Time: time.Unix(0, rapid.Int64Range(0, 1<<62).Draw(t, "time")).UTC(),
			Data: CargoUnwrapped{
				CargoRef: CargoRef{CargoID: text.Draw(t, "cargo"), PrivateGatewayID: "0a"},
				Parcels:  rapid.Int().Draw(t, "parcels"),
				BadItems: []BadItem{{Index: 1, Reason: rapid.String().Draw(t, "reason")}},
			},
		}
		subject, header, body, err := Encode(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Decode(subject, header, body)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
	})
}

func TestReadOfABadMessage(t *testing.T) {
	header := map[string][]string{HeaderMessageID: {"x", "y"}}
	got := Read("S", 7, "a.b", header, []byte("?"))
	data, ok := got.Data.(Unreadable)
	if !ok || data.Err == nil || string(data.Body) != "?" {
		t.Errorf("data %+v", got.Data)
	}
	if got.ID != "x" || got.Stream != "S" || got.Sequence != 7 || got.Subject != "a.b" {
		t.Errorf("record %+v", got)
	}
}

// TestEveryEventHasAStream holds types and streams together.
func TestEveryEventHasAStream(t *testing.T) {
	for _, typ := range Types() {
		channel := sample(t, typ).Data.Channel()
		holders := slices.DeleteFunc(Streams(), func(s StreamSpec) bool {
			return !slices.ContainsFunc(s.Subjects, func(pattern string) bool { return matches(pattern, channel) })
		})
		if len(holders) != 1 {
			t.Errorf("%s on %s belongs to %d streams", typ, channel, len(holders))
		}
	}
}

// matches tells whether a NATS subject is within a pattern.
func matches(pattern, subject string) bool {
	p, s := strings.Split(pattern, "."), strings.Split(subject, ".")
	for i, token := range p {
		if token == ">" {
			return len(s) > i
		}
		if i >= len(s) || token != "*" && token != s[i] {
			return false
		}
	}
	return len(p) == len(s)
}

func TestCausedIsDeterministic(t *testing.T) {
	cause := New("c", "test", time.Now(), IdentityCreated{NodeID: "0a"})
	a := Caused(cause, "w", time.Unix(1, 0), IdentityCreated{}, "1")
	b := Caused(cause, "w", time.Unix(2, 0), IdentityCreated{}, "1")
	other := Caused(cause, "w", time.Unix(1, 0), IdentityCreated{}, "2")
	if a.ID != b.ID || a.ID == other.ID || a.CausationID != "c" || a.CorrelationID != "c" {
		t.Errorf("%+v\n%+v\n%+v", a, b, other)
	}
}

// FuzzDecode looks for messages that break the decoder, or that it reads but
// the encoder writes differently.
func FuzzDecode(f *testing.F) {
	subject, header, body := wire()
	one := func(name string) string { return header[name][0] }
	f.Add(subject, one(HeaderID), one(HeaderType), one(HeaderTime), "", []byte(body))
	f.Add("crc-cargo", "\x00", TypePrefix+"cargo-received.v1", "0000-01-01T00:00:00+23:59", " ", []byte(`{"createdAt":null}`))
	f.Fuzz(func(t *testing.T, subject, id, typ, at, extra string, body []byte) {
		h := maps.Clone(header)
		h[HeaderID], h[HeaderType], h[HeaderTime], h[HeaderCorrelationID] = []string{id}, []string{typ}, []string{at}, []string{extra}
		e, err := Decode(subject, h, body)
		if err != nil {
			return
		}
		subject2, h2, body2, err := Encode(e)
		if err != nil {
			return // what is refused on writing may still be found in a stream
		}
		again, err := Decode(subject2, h2, body2)
		if err != nil {
			t.Fatalf("cannot read what was written: %v", err)
		}
		if diff := cmp.Diff(e, again); diff != "" {
			t.Fatalf("(-read +written and read):\n%s", diff)
		}
	})
}
