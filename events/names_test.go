package events_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"awala.network/gateway/events"
	"awala.network/gateway/events/eventstest"
)

// TestEveryTextIsMarked fails for a field of an event that does not say what it tells
// of a private gateway, so that no new one is recorded readable by oversight.
func TestEveryTextIsMarked(t *testing.T) {
	for _, typ := range events.Types() {
		data := events.Sample(t, typ).Data
		unmarked(t, reflect.TypeOf(data), string(typ))
	}
}

func unmarked(t *testing.T, typ reflect.Type, at string) {
	switch typ.Kind() {
	case reflect.Pointer, reflect.Slice:
		if typ.Elem().Kind() == reflect.String {
			t.Errorf("%s: lists of texts cannot be sealed", at)
		}
		unmarked(t, typ.Elem(), at)
		return
	case reflect.Struct:
	default:
		return
	}
	if typ.PkgPath() == "time" {
		return
	}
	for i := range typ.NumField() {
		f := typ.Field(i)
		text := f.Type.Kind() == reflect.String || f.Type == reflect.TypeFor[[]byte]()
		switch tag := f.Tag.Get("private"); {
		case text && tag == "":
			t.Errorf("%s.%s tells nothing of whether it is private", at, f.Name)
		case f.Name == "PrivateGatewayID" && tag != "owner", f.Name == "SourceGatewayID" && tag != "source" && tag != "owner":
			t.Errorf("%s.%s is marked %q", at, f.Name, tag)
		case !text:
			unmarked(t, f.Type, at+"."+f.Name)
		}
	}
}

// gatewayIDs are the fields that tell a gateway; the ones of the sample are as good as
// any other id.
const owner, source = "PrivateGatewayID", "SourceGatewayID"

// TestNothingReadableIsRecorded seals an event of each type and looks for what it
// holds: nothing of it is left but what is public, and opening brings all back.
func TestNothingReadableIsRecorded(t *testing.T) {
	names := eventstest.NewNames()
	for _, typ := range events.Types() {
		e := events.Sample(t, typ)
		clear := e.Data
		sealed, err := events.Seal(t.Context(), names, clear)
		if err != nil {
			t.Fatalf("%s: %v", typ, err)
		}
		if diff := cmp.Diff(events.Sample(t, typ).Data, clear); diff != "" {
			t.Fatalf("%s: sealing changed what was sealed:\n%s", typ, diff)
		}
		e.Data = sealed
		subject, header, body, err := events.Encode(e)
		if err != nil {
			t.Fatalf("%s: %v", typ, err)
		}
		wire := subject + strings.Join(header[events.HeaderSubject], "") + string(body)
		for _, private := range []string{
			owner, source, "SenderID", "RecipientID", "ParcelID", "CargoID", "AuthorizationID", "SessionKeyID",
			"CertificateSHA256", "Cause", `KeyID"`,
		} {
			if strings.Contains(wire, private) && !strings.HasPrefix(string(typ), "private-gateway-forg") {
				t.Errorf("%s: %s can be read in %s", typ, private, wire)
			}
		}
		r := events.Read("S", 1, subject, header, body)
		opened, err := r.Open(t.Context(), names)
		if err != nil {
			t.Fatalf("%s: %v", typ, err)
		}
		if diff := cmp.Diff(clear, opened.Data); diff != "" {
			t.Errorf("%s (-recorded +read):\n%s", typ, diff)
		}
		if opened.Subject != clear.Channel() {
			t.Errorf("%s: subject %s, want %s", typ, opened.Subject, clear.Channel())
		}
	}
}

// TestSubjectsAreThoseOfEvents holds the subjects that readers ask for to those on
// which events are recorded.
func TestSubjectsAreThoseOfEvents(t *testing.T) {
	names := eventstest.NewNames()
	for _, typ := range events.Types() {
		clear := events.Sample(t, typ).Data
		sealed, err := events.Seal(t.Context(), names, clear)
		if err != nil {
			t.Fatal(err)
		}
		subject, err := events.SealSubject(t.Context(), names, clear.Channel())
		if err != nil || subject != sealed.Channel() {
			t.Errorf("%s: %q, %v; recorded on %q", typ, subject, err, sealed.Channel())
		}
	}
	for _, wide := range []string{"pdc-parcel.*", "pdc-parcel.*.outcome", "gateway.>", "gateway.identity", ">"} {
		if subject, err := events.SealSubject(t.Context(), names, wide); err != nil || subject != wide {
			t.Errorf("%s became %s, %v", wide, subject, err)
		}
	}
	all, err := events.SealSubject(t.Context(), names, events.CollectionChannels("0a"))
	name, nameErr := names.Name(t.Context(), "0a")
	if err != nil || nameErr != nil || all != events.CollectionChannels(name.Pseudonym) {
		t.Errorf("%s, %v, %v", all, err, nameErr)
	}
}

// TestForgottenStaysTogether forgets a gateway: its events can be read, tell nothing,
// and belong to the same parcel as before.
func TestForgottenStaysTogether(t *testing.T) {
	names := eventstest.NewNames()
	key := events.ParcelKey{SenderID: "0s", RecipientID: "0r", ParcelID: "parcel"}
	for _, forgotten := range []string{"0owner", "0source"} {
		accepted := record(t, names, events.GatewayParcelAccepted{ParcelKey: key, PrivateGatewayID: "0owner", SourceGatewayID: "0source"})
		ended := record(t, names, events.GatewayParcelCollected{GatewayParcelEnd: events.GatewayParcelEnd{
			ParcelKey: key, PrivateGatewayID: "0owner", SourceGatewayID: "0source", AcceptedID: "a",
		}})
		names.Forget(forgotten)
		a := open(t, names, accepted).Data.(events.GatewayParcelAccepted)
		e := open(t, names, ended).Data.(events.GatewayParcelCollected)
		if a.ParcelKey != e.ParcelKey || a.PrivateGatewayID != e.PrivateGatewayID || a.SourceGatewayID != e.SourceGatewayID {
			t.Errorf("%+v\n%+v", a, e)
		}
		text, err := json.Marshal([]any{a, e})
		if err != nil || bytes.Contains(text, []byte(forgotten)) {
			t.Errorf("%s is named in %s, %v", forgotten, text, err)
		}
		if forgotten == "0source" && (a.SenderID == "0s" || a.RecipientID != "0r") {
			t.Errorf("%+v", a)
		}
		// What is recorded of it later stays with it.
		again, err := events.Seal(t.Context(), names, e)
		if err != nil || again.AggregateID() != record(t, names, e).Data.AggregateID() {
			t.Errorf("%+v, %v", again, err)
		}
	}
}

func record(t *testing.T, names events.Names, data events.Data) events.Record {
	t.Helper()
	sealed, err := events.Seal(t.Context(), names, data)
	if err != nil {
		t.Fatal(err)
	}
	return events.Record{Event: events.Event{Data: sealed}, Subject: sealed.Channel()}
}

func open(t *testing.T, names events.Names, r events.Record) events.Record {
	t.Helper()
	opened, err := r.Open(t.Context(), names)
	if err != nil {
		t.Fatal(err)
	}
	return opened
}

// TestMissingKeyIsNotForgotten: what nobody forgot on purpose is told, and what
// cannot be known at the moment is asked for again.
func TestMissingKeyIsNotForgotten(t *testing.T) {
	names := eventstest.NewNames()
	r := record(t, names, events.CargoReceived{PrivateGatewayID: "0a", CargoID: "c"})
	names.Lose("0a")
	bad, ok := open(t, names, r).Data.(events.Unreadable)
	var unknown *events.UnknownNameError
	if !ok || !errors.As(bad.Err, &unknown) {
		t.Errorf("%+v", bad)
	}
	names = eventstest.NewNames()
	r = record(t, names, events.CargoReceived{PrivateGatewayID: "0a", CargoID: "c"})
	down := errors.New("down")
	if _, err := r.Open(t.Context(), failing{down}); !errors.Is(err, down) {
		t.Errorf("error %v", err)
	}
	for _, data := range []events.Data{
		events.CargoReceived{PrivateGatewayID: "0a"},                                                         // in clear
		events.CargoReceived{PrivateGatewayID: r.Data.(events.CargoReceived).PrivateGatewayID, CargoID: "c"}, // not sealed
	} {
		var malformed *events.MalformedError
		bad, ok := open(t, names, events.Record{Event: events.Event{Data: data}}).Data.(events.Unreadable)
		if !ok || !errors.As(bad.Err, &malformed) {
			t.Errorf("%+v became %+v", data, bad)
		}
	}
}

type failing struct{ err error }

func (f failing) Name(context.Context, string) (events.Name, error)  { return events.Name{}, f.err }
func (f failing) Named(context.Context, string) (events.Name, error) { return events.Name{}, f.err }

// TestReveal: what is told beside a message makes it readable without keys.
func TestReveal(t *testing.T) {
	names := eventstest.NewNames()
	for _, typ := range events.Types() {
		clear := events.Sample(t, typ)
		sealed := clear
		sealed.Data = record(t, names, clear.Data).Data
		subject, header, body, err := events.Encode(sealed)
		if err != nil {
			t.Fatal(err)
		}
		m := events.Message{Stream: "S", Sequence: 1, Subject: subject, Header: header, Body: body}
		if m.Names, err = m.Reveal(t.Context(), names); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(clear, m.Record().Event); diff != "" {
			t.Errorf("%s (-recorded +revealed):\n%s", typ, diff)
		}
	}
}

func BenchmarkSeal(b *testing.B) {
	names := eventstest.NewNames()
	data := events.GatewayParcelAccepted{
		ParcelKey:        events.ParcelKey{SenderID: "0" + strings.Repeat("a", 64), RecipientID: "0" + strings.Repeat("b", 64), ParcelID: strings.Repeat("c", 36)},
		PrivateGatewayID: "0" + strings.Repeat("d", 64), SourceGatewayID: "0" + strings.Repeat("e", 64),
	}
	var sealed events.Data
	b.Run("seal", func(b *testing.B) {
		for b.Loop() {
			var err error
			if sealed, err = events.Seal(b.Context(), names, data); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("open", func(b *testing.B) {
		for b.Loop() {
			if _, err := events.Open(b.Context(), names, sealed); err != nil {
				b.Fatal(err)
			}
		}
	})
}
