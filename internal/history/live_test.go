package history_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/evidence"
	"awala.network/gateway/internal/history"
)

// TestEverySourceAnswersAlike asks the streams, the admin server and an archive.
func TestEverySourceAnswersAlike(t *testing.T) {
	w := newWorld(t)
	w.parcels(t, 4, "0a") // PDC_PARCELS 1 to 6
	w.parcels(t, 3, "0b") // 7 to 11
	cargo := w.append(t, events.New("cargo", "cogrpc", noon.Add(90*time.Second), events.CargoReceived{CargoID: "c1", PrivateGatewayID: "0a", CreatedAt: noon, ExpiresAt: noon}))
	w.append(t, events.Caused(cargo, "cargo", noon.Add(2*time.Minute), events.CargoUnwrapped{CargoRef: events.CargoRef{CargoID: "c1", PrivateGatewayID: "0a", ReceivedID: cargo.ID}}))
	archive := open(t, w.export(t))
	tests := map[string]struct {
		query history.Query
		want  []string
	}{
		"stream":      {history.Query{Filter: history.Filter{Streams: []string{"CRC_CARGO"}}}, []string{"CRC_CARGO 1", "CRC_CARGO 2"}},
		"type":        {history.Query{Filter: history.Filter{Types: []string{"cargo-*", "x"}}}, []string{"CRC_CARGO 1", "CRC_CARGO 2"}},
		"type, v1":    {history.Query{Filter: history.Filter{Types: []string{"cargo-received.v1"}}}, []string{"CRC_CARGO 1"}},
		"gateway":     {history.Query{Filter: history.Filter{Gateway: "0b"}}, []string{"PDC_PARCELS 7", "PDC_PARCELS 8", "PDC_PARCELS 9", "PDC_PARCELS 10", "PDC_PARCELS 11"}},
		"parcel":      {history.Query{Filter: history.Filter{Parcel: "parcel-1"}}, []string{"PDC_PARCELS 3", "PDC_PARCELS 9"}},
		"parcel hash": {history.Query{Filter: history.Filter{Parcel: key(3).Hash()}}, []string{"PDC_PARCELS 6"}},
		"cargo":       {history.Query{Filter: history.Filter{Cargo: "c1"}}, []string{"CRC_CARGO 1", "CRC_CARGO 2"}},
		"correlation": {history.Query{Filter: history.Filter{Correlations: []string{"cargo"}}}, []string{"CRC_CARGO 1", "CRC_CARGO 2"}},
		"event":       {history.Query{Filter: history.Filter{Event: "accepted-0a1"}}, []string{"PDC_PARCELS 3"}},
		"sequence":    {history.Query{Filter: history.Filter{From: 2, To: 3}}, []string{"PDC_PARCELS 2", "PDC_PARCELS 3", "CRC_CARGO 2"}},
		"subject":     {history.Query{Filter: history.Filter{Subjects: []string{"pdc-parcel.0a.outcome", "crc-cargo"}}}, []string{"PDC_PARCELS 2", "CRC_CARGO 1", "PDC_PARCELS 5"}},
		"subject >":   {history.Query{Filter: history.Filter{Subjects: []string{"pdc-parcel.0a.>"}}}, []string{"PDC_PARCELS 2", "PDC_PARCELS 5"}},
		"limit":       {history.Query{Filter: history.Filter{Limit: 2}}, []string{"PDC_PARCELS 1", "PDC_PARCELS 2"}},
		"tail":        {history.Query{Filter: history.Filter{}, Tail: 1}, []string{"CRC_CARGO 2", "PDC_PARCELS 11"}},
		"time": {
			history.Query{Filter: history.Filter{Since: noon.Add(90 * time.Second), Until: noon.Add(2 * time.Minute)}},
			[]string{"CRC_CARGO 1", "CRC_CARGO 2", "PDC_PARCELS 4", "PDC_PARCELS 10"},
		},
		"nothing": {history.Query{Filter: history.Filter{Parcel: "no"}}, []string{}},
	}
	for name, tt := range tests {
		for _, source := range []history.Source{w.live, w.client, archive} {
			t.Run(fmt.Sprintf("%s/%T", name, source), func(t *testing.T) {
				got := positions(collect(t, source.Messages(t.Context(), tt.query)))
				if name == "tail" || name == "time" { // equal times and streams come in any order
					slices.Sort(got)
					slices.Sort(tt.want)
				}
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
	for _, source := range []history.Source{w.live, w.client, archive} {
		for _, err := range source.Messages(t.Context(), history.Query{Filter: history.Filter{Streams: []string{"NONE"}}}) {
			if err == nil {
				t.Errorf("%T knows the stream NONE", source)
			}
		}
		if _, err := source.Checkpoint(t.Context(), "NONE", 0); err == nil {
			t.Errorf("%T has a checkpoint of the stream NONE", source)
		}
	}
}

func TestFollow(t *testing.T) {
	w := newWorld(t)
	w.parcels(t, 3, "0a")
	for _, source := range []history.Source{w.live, w.client} {
		ctx, cancel := context.WithCancel(t.Context())
		before, _ := w.log.LastSequence(ctx, events.StreamGatewayParcels, ">")
		var got []string
		for m, err := range source.Messages(ctx, history.Query{Filter: history.Filter{Streams: []string{events.StreamGatewayParcels}}, Follow: true, Tail: 1}) {
			if errors.Is(err, context.Canceled) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, fmt.Sprint(m.Stream, " ", m.Sequence))
			switch len(got) {
			case 1: // the backlog is read; what comes now must follow
				w.append(t, events.New("", "test", noon, accepted(100, "0b")))
			case 2:
				w.append(t, events.New("", "test", noon, accepted(101, "0a")))
			case 3:
				cancel()
			}
		}
		cancel()
		want := []string{fmt.Sprint("PDC_PARCELS ", before), fmt.Sprint("PDC_PARCELS ", before+1), fmt.Sprint("PDC_PARCELS ", before+2)}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%T: %s", source, diff)
		}
	}
}

// TestChangedStreams changes live streams behind the gateway's back.
func TestChangedStreams(t *testing.T) {
	w := newWorld(t)
	w.parcels(t, 10, "0a")
	w.sign(t)
	for _, source := range []history.Source{w.live, w.client} {
		if v := verify(t, source, w.key); !v.OK() {
			t.Fatal(toJSON(t, v))
		}
	}
	first, err := w.client.Checkpoint(t.Context(), events.StreamGatewayParcels, 0)
	if err != nil {
		t.Fatal(err)
	}
	w.parcels(t, 1, "0b")
	w.sign(t)
	if v := verify(t, w.client, w.key, first); !v.OK() {
		t.Error("a checkpoint that was kept:", toJSON(t, v))
	}
	stream, err := w.js.Stream(t.Context(), events.StreamGatewayParcels)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.DeleteMsg(t.Context(), 4); err != nil {
		t.Fatal(err)
	}
	v := verify(t, w.client, w.key)
	want := &evidence.Difference{Stream: events.StreamGatewayParcels, Sequence: 4, Kind: evidence.Removed}
	if diff := cmp.Diff(want, v.Streams[2].First); diff != "" || v.OK() {
		t.Error(diff)
	}
	if v := verify(t, open(t, exported(t, w.client)), w.key); v.OK() {
		t.Error("an archive hides what was removed before it was made")
	}
}

// TestRewrittenHistory replaces the history and the evidence, as only one with the
// gateway's own key can; who kept a checkpoint notices.
func TestRewrittenHistory(t *testing.T) {
	w := newWorld(t)
	w.parcels(t, 10, "0a")
	w.sign(t)
	kept, err := w.client.Checkpoint(t.Context(), events.StreamGatewayParcels, 0)
	if err != nil {
		t.Fatal(err)
	}
	other := newWorld(t)
	other.recorder.Key, other.live.PublicKey = w.recorder.Key, w.key
	other.recorder.Store.Verifier, other.live.Evidence.Verifier = w.recorder.Store.Verifier, w.recorder.Store.Verifier
	other.parcels(t, 9, "0a")
	other.parcels(t, 9, "0b")
	other.sign(t)
	if v := verify(t, other.live, w.key); !v.OK() {
		t.Fatal("by itself it is consistent:", toJSON(t, v))
	}
	if v := verify(t, other.live, w.key, kept); v.OK() || v.Streams[2].Problem == "" {
		t.Error("the checkpoint that was kept is not missed:", toJSON(t, v))
	}
}

// TestRetention lets old events go, as an operator's retention does. What remains
// verifies, live, in an archive and after an import.
func TestRetention(t *testing.T) {
	w := newWorld(t)
	w.parcels(t, 10, "0a")
	w.sign(t)
	stream, err := w.js.Stream(t.Context(), events.StreamGatewayParcels)
	if err != nil {
		t.Fatal(err)
	}
	config := stream.CachedInfo().Config
	if err := stream.Purge(t.Context(), natsjs.WithPurgeSequence(8)); err != nil {
		t.Fatal(err)
	}
	if v := verify(t, w.client, w.key); v.OK() || v.Streams[2].First.Sequence != 1 {
		t.Error("kept for ever, and yet gone:", toJSON(t, v))
	}
	config.MaxAge = 24 * time.Hour
	if _, err := w.js.UpdateStream(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	w.parcels(t, 2, "0b")
	w.sign(t)
	archive := open(t, w.export(t))
	for _, source := range []history.Source{w.live, w.client, archive} {
		v := verify(t, source, w.key)
		if s := v.Streams[2]; !v.OK() || s.Aged != 7 || s.Verified != 11 {
			t.Errorf("%T: %s", source, toJSON(t, v))
		}
	}
	proof, err := history.Prove(t.Context(), archive, events.StreamGatewayParcels, 9, w.key)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := proof.Check(w.key); err != nil {
		t.Error(err)
	}
	imported, _ := openLog(t)
	if _, err := history.Import(t.Context(), archive, imported, w.key); err != nil {
		t.Fatal(err)
	}
	if state, err := imported.State(t.Context(), events.StreamGatewayParcels); err != nil || state.First != 8 || state.Last != 18 {
		t.Errorf("%+v, %v", state, err)
	}
}

func TestProofs(t *testing.T) {
	w := newWorld(t)
	w.parcels(t, 300, "0a")
	archive := open(t, w.export(t))
	for _, source := range []history.Source{w.live, w.client, archive} {
		proof, err := history.Prove(t.Context(), source, events.StreamGatewayParcels, 123, w.key)
		if err != nil {
			t.Fatal(err)
		}
		read, err := history.ParseProof([]byte(toJSON(t, proof)))
		if err != nil {
			t.Fatal(err)
		}
		m, c, err := read.Check(w.key)
		if err != nil || m.Sequence != 123 || c.Size != 450 {
			t.Errorf("%T: %d in %d, %v", source, m.Sequence, c.Size, err)
		}
		if _, _, err := read.Check(newWorld(t).key); err == nil {
			t.Error("another key will do")
		}
		forged := read
		forged.Event = slices.Clone(read.Event)
		forged.Event[len(forged.Event)-4] ^= 1
		if _, _, err := forged.Check(w.key); !errors.Is(err, evidence.ErrProof) {
			t.Errorf("forged: %v", err)
		}
		if _, err := history.Prove(t.Context(), source, events.StreamGatewayParcels, 451, w.key); err == nil {
			t.Error("an event that there is not")
		}
	}
}
