package history_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/evidence"
	"awala.network/gateway/internal/history"
)

// TestImportIsTheHistory takes a history with all that can be odd about one to an
// empty system: the events, their ids, times and sequences are the same, and so is
// what is signed.
func TestImportIsTheHistory(t *testing.T) {
	w := newWorld(t)
	w.parcels(t, 200, "0a")
	odd := nats.NewMsg("pdc-parcel.0a")
	odd.Header = nats.Header{"ce-type": {"network.awala.gateway.of-tomorrow.v9"}, "x": {"a", "\xff"}}
	odd.Data = []byte("no \xfe JSON")
	for _, m := range []*nats.Msg{odd, nats.NewMsg("gateway.nothing"), {Subject: "gateway.space", Data: []byte(` {"a": 1}`)}} {
		if _, err := w.js.PublishMsg(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	conditional := events.New("same-id", "test", noon, events.PeerSessionKeyLearned{PrivateGatewayID: "0a", MessageCreatedAt: noon})
	if _, err := w.log.AppendAfter(t.Context(), conditional, 0); err != nil {
		t.Fatal(err)
	}
	stream, err := w.js.Stream(t.Context(), events.StreamGatewayParcels)
	if err != nil {
		t.Fatal(err)
	}
	for _, gap := range []uint64{1, 2, 5, 6} { // before they were signed for
		if err := stream.DeleteMsg(t.Context(), gap); err != nil {
			t.Fatal(err)
		}
	}
	archive := open(t, w.export(t))
	if v := verify(t, archive, w.key); !v.OK() {
		t.Fatal(toJSON(t, v))
	}
	into := newWorld(t)
	n, err := history.Import(t.Context(), archive, into.log, w.key)
	if err != nil || n != 300-4+1+3 {
		t.Fatal(n, err)
	}
	before := collect(t, w.live.Messages(t.Context(), history.Query{}))
	after := collect(t, into.live.Messages(t.Context(), history.Query{}))
	if diff := cmp.Diff(positions(before), positions(after)); diff != "" {
		t.Fatal(diff)
	}
	for i := range before {
		if evidence.LeafHash(before[i]) != evidence.LeafHash(after[i]) {
			t.Errorf("%s %d differs", before[i].Stream, before[i].Sequence)
		}
	}
	into.sign(t)
	for _, spec := range events.Streams() {
		a, err := w.live.Evidence.Latest(t.Context(), spec.Name)
		if err != nil {
			t.Fatal(err)
		}
		b, err := into.live.Evidence.Latest(t.Context(), spec.Name)
		if err != nil || a.Checkpoint != b.Checkpoint {
			t.Errorf("%s: %v, %v, %v", spec.Name, a.Checkpoint, b.Checkpoint, err)
		}
	}
	if _, err := history.Import(t.Context(), archive, into.log, w.key); !errors.Is(err, history.ErrNotEmpty) {
		t.Errorf("a second time: %v", err)
	}
}

// TestDuplicatesAreImported has the same id twice, as happens when a retry comes
// after the deduplication window.
func TestDuplicatesAreImported(t *testing.T) {
	w := newWorld(t)
	for i := range 2 {
		e := events.New("the-id", "test", noon.Add(time.Duration(i)*time.Hour), accepted(1, "0a"))
		subject, header, body, err := events.Encode(e)
		if err != nil {
			t.Fatal(err)
		}
		delete(header, "Nats-Msg-Id")
		if _, err := w.js.PublishMsg(t.Context(), &nats.Msg{Subject: subject, Header: header, Data: body}); err != nil {
			t.Fatal(err)
		}
	}
	into, _ := openLog(t)
	if n, err := history.Import(t.Context(), open(t, w.export(t)), into, ""); n != 2 || err != nil {
		t.Error(n, err)
	}
}

func TestForgedArchivesAreNotImported(t *testing.T) {
	w := newWorld(t)
	w.parcels(t, 3, "0a")
	files := unpack(t, w.export(t))
	file, lines := files.lines(t, events.StreamGatewayParcels)
	file.body = append(lines[0], lines[2]...)
	into, _ := openLog(t)
	if _, err := history.Import(t.Context(), open(t, files.remanifest(t).pack(t)), into, w.key); !errors.Is(err, history.ErrVerdict) {
		t.Error(err)
	}
	if _, err := history.Import(t.Context(), open(t, w.export(t)), into, newWorld(t).key); !errors.Is(err, history.ErrVerdict) {
		t.Errorf("another key: %v", err)
	}
	if state, err := into.State(t.Context(), events.StreamGatewayParcels); err != nil || state.Last != 0 {
		t.Error(fmt.Sprint(state, err))
	}
}
