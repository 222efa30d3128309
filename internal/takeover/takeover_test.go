package takeover_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"awala.network/gateway/events"
	failure "awala.network/gateway/internal/fault"
	"awala.network/gateway/internal/keystore"
	"awala.network/gateway/internal/takeover"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestTwice takes over twice: the second time there is nothing to move.
func TestTwice(t *testing.T) {
	w := populated(t)
	predicted := must(w.takeover().DryRun(t.Context()))(t)
	first := must(w.takeover().Once(t.Context()))(t)
	predicted.DryRun = false
	if diff := cmp.Diff(predicted, first); diff != "" {
		t.Errorf("(-predicted +done)\n%s", diff)
	}
	second := must(w.takeover().Once(t.Context()))(t)
	for i, l := range second.Lines {
		if l.Moved != 0 || l.Already != first.Lines[i].Moved {
			t.Errorf("%s: the second time %+v, the first time %+v", l.Kind, l, first.Lines[i])
		}
	}
	want := map[takeover.Kind]int{
		takeover.Identities: 1, takeover.Certificates: 1, takeover.IdentityKey: 1, takeover.BoundKeys: 1, takeover.PeerKeys: 1,
		takeover.Collections: 1, takeover.Fulfilments: 1, takeover.GatewayParcels: 3, takeover.Deliveries: 3, takeover.Cargoes: 3,
	}
	for kind, l := range lines(first) {
		if l.Moved != want[kind] {
			t.Errorf("%s: %d moved, want %d", kind, l.Moved, want[kind])
		}
	}
	if n := lines(first)[takeover.GatewayParcels].Skipped["expired"]; n != 1 {
		t.Errorf("%d expired parcels, want 1", n)
	}
	must(w.takeover().Verify(t.Context()))(t)
	w.recordedOnce()
}

// TestFaults breaks each write of a takeover once, before or after it took effect, and
// takes over again: that completes what is missing, and records nothing twice.
func TestFaults(t *testing.T) {
	for store, faultOf := range map[string]func(*world) *fault{
		"blobs":   func(w *world) *fault { return &w.blobs.fault },
		"history": func(w *world) *fault { return &w.log.fault },
	} {
		for _, stored := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/stored=%t", store, stored), func(t *testing.T) {
				n := 1
				for breaks(t, faultOf, n, stored) {
					n++
				}
				if n < 10 {
					t.Errorf("only %d faults struck", n-1)
				}
			})
		}
	}
}

// breaks takes over once with the nth write of a store failing, and once without, and
// tells whether there was an nth write.
func breaks(t *testing.T, faultOf func(*world) *fault, n int, stored bool) bool {
	t.Helper()
	w := populated(t)
	faultOf(w).arm(n, stored)
	_, failed := w.takeover().Once(t.Context())
	faultOf(w).arm(0, false)
	if failed == nil {
		return false
	}
	if !errors.Is(failed, errFault) {
		t.Fatal(failed)
	}
	must(w.takeover().Once(t.Context()))(t)
	if a, err := w.takeover().Verify(t.Context()); err != nil {
		t.Errorf("%v: %+v", err, a.Remarks)
	}
	w.recordedOnce()
	return true
}

// TestEndedThere has things end in the other gateway after they were taken over.
func TestEndedThere(t *testing.T) {
	w := populated(t)
	collected, delivered := w.inbound(time.Hour), w.outbound(time.Hour)
	must(w.takeover().Once(t.Context()))(t)
	delete(w.former.objects, collected)
	delete(w.former.objects, delivered)
	c := w.former.channels["crc-cargo"]
	c.sent, c.pending = 2, []uint64{1} // the second one is acknowledged
	after := lines(must(w.takeover().Once(t.Context()))(t))
	for kind, ended := range map[takeover.Kind]int{takeover.GatewayParcels: 1, takeover.Deliveries: 1, takeover.Cargoes: 1} {
		if after[kind].Ended != ended || after[kind].Moved != 0 {
			t.Errorf("%s: %+v, want %d ended", kind, after[kind], ended)
		}
	}
	if a, err := w.takeover().Verify(t.Context()); err != nil {
		t.Errorf("%v: %+v", err, a.Remarks)
	}
	again := must(w.takeover().Once(t.Context()))(t)
	if n := lines(again)[takeover.Cargoes].Ended; n != 0 {
		t.Errorf("%d cargoes end again", n)
	}
	w.recordedOnce()
}

// TestInDoubtItStays leaves alone what a worker has in hand, and what the server's
// limits removed.
func TestInDoubtItStays(t *testing.T) {
	w := populated(t)
	must(w.takeover().Once(t.Context()))(t)
	c := w.former.channels["crc-cargo"]
	c.sent, c.pending, c.members = 2, []uint64{1}, 1
	if l := lines(must(w.takeover().Once(t.Context()))(t))[takeover.Cargoes]; l.Ended != 0 {
		t.Errorf("%d cargoes ended that a worker may have in hand", l.Ended)
	}
	c.sent, c.pending, c.members, c.removed = 0, nil, 0, 2
	if l := lines(must(w.takeover().Once(t.Context()))(t))[takeover.Cargoes]; l.Ended != 0 {
		t.Errorf("%d cargoes ended that nobody unwrapped", l.Ended)
	}
	*c = channel{} // as after a restart of a server that keeps messages in memory
	if l := lines(must(w.takeover().Once(t.Context()))(t))[takeover.Cargoes]; l.Ended != 0 {
		t.Errorf("%d cargoes ended whose channel got lost", l.Ended)
	}
}

// TestFailover makes a pass again when another server of NATS Streaming took over while
// it was made, and ends nothing on the word of the one before.
func TestFailover(t *testing.T) {
	w := newWorld(t)
	for range 3 {
		w.cargo()
	}
	must(w.takeover().Once(t.Context()))(t)
	w.former.behind = true
	a, err := w.takeover().Once(t.Context())
	if err == nil || failure.IsPermanent(err) {
		t.Errorf("Once() = %v", err)
	}
	if n := lines(a)[takeover.Cargoes].Ended; n != 0 {
		t.Errorf("%d cargoes ended", n)
	}
	if l := lines(must(w.takeover().Once(t.Context()))(t))[takeover.Cargoes]; l.Already != 3 || l.Ended != 0 {
		t.Errorf("%+v", l)
	}
}

// TestNewVersionOfAnAcknowledgedObject takes an object that was stored anew before the
// message came that names it.
func TestNewVersionOfAnAcknowledgedObject(t *testing.T) {
	w := newWorld(t)
	key := w.inbound(time.Hour)
	name := "pdc-parcel." + w.peer.SubjectID()
	w.queue(name, []byte(key))
	w.former.channels[name].sent = 1
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	o := w.takeover()
	announced := false
	o.Progress = func(p takeover.Progress) {
		if p.Pass == 2 && !announced {
			w.queue(name, []byte(key))
			announced = true
		}
		if p.Pass == 3 {
			cancel()
		}
	}
	if l := lines(must(o.Follow(ctx, time.Millisecond))(t))[takeover.GatewayParcels]; l.Moved != 1 {
		t.Errorf("%+v", l)
	}
}

// TestAcknowledgedObjects leaves out objects whose last message was acknowledged.
func TestAcknowledgedObjects(t *testing.T) {
	w := newWorld(t)
	acknowledged, pending, again, fresh, orphan := w.inbound(time.Hour), w.inbound(time.Hour), w.inbound(time.Hour), w.inbound(time.Hour), w.inbound(time.Hour)
	name := "pdc-parcel." + w.peer.SubjectID()
	w.queue(name, []byte(acknowledged), []byte(again), []byte(pending), []byte(again), []byte(fresh))
	w.former.channels[name].sent, w.former.channels[name].pending = 3, []uint64{3}
	for _, run := range []func(context.Context) (takeover.Account, error){w.takeover().DryRun, w.takeover().Once} {
		l := lines(must(run(t.Context()))(t))[takeover.GatewayParcels]
		if l.Found != 5 || l.Moved != 4 || l.Skipped["acknowledged"] != 1 || l.Orphans != 1 {
			t.Errorf("%+v; orphan is %s", l, orphan)
		}
	}
}

// TestCutover completes, and nothing is followed any more.
func TestCutover(t *testing.T) {
	w := populated(t)
	w.former.clients = []string{"worker"}
	takeOver := w.takeover()
	waited := make(chan struct{})
	takeOver.Progress = func(p takeover.Progress) {
		if strings.Contains(p.Doing, "worker") {
			w.former.mu.Lock()
			w.former.clients = nil
			w.former.mu.Unlock()
			close(waited)
		}
	}
	if err := takeover.Check(t.Context(), w.log); err != nil {
		t.Errorf("before the takeover: %v", err)
	}
	account := must(takeOver.Cutover(t.Context()))(t)
	<-waited
	if !account.Completed || !account.Verified || account.Wrong() > 0 {
		t.Errorf("the takeover is not complete: %+v", account)
	}
	if err := takeover.Check(t.Context(), w.log); err != nil {
		t.Errorf("after the takeover: %v", err)
	}
	clear(w.former.objects)
	if _, err := w.takeover().Once(t.Context()); !errors.Is(err, takeover.ErrCompleted) {
		t.Errorf("a complete takeover goes on: %v", err)
	}
	if again := must(w.takeover().Cutover(t.Context()))(t); !again.Completed {
		t.Error("the second time it is not complete")
	}
}

// TestCutoverSeesWhoComesBack does not complete when the other gateway works again while
// everything is compared.
func TestCutoverSeesWhoComesBack(t *testing.T) {
	w := populated(t)
	w.former.returning = 3 // after two passes without anybody
	if a, err := w.takeover().Cutover(t.Context()); err == nil || a.Completed || !strings.Contains(err.Error(), "worker") {
		t.Errorf("Cutover() = %v, complete: %t", err, a.Completed)
	}
	if a := must(w.takeover().Cutover(t.Context()))(t); !a.Completed {
		t.Error("the next one does not complete")
	}
}

// TestKnownParcels recognises what the other gateway had accepted.
func TestKnownParcels(t *testing.T) {
	w := populated(t)
	if former := must(takeover.OpenFormer(t.Context(), w.log, time.Now()))(t); former != nil {
		t.Error("there was no takeover")
	}
	must(w.takeover().Cutover(t.Context()))(t)
	former := must(takeover.OpenFormer(t.Context(), w.log, time.Now()))(t)
	key := events.ParcelKey{SenderID: w.sender.SubjectID(), RecipientID: w.nodeID, ParcelID: "known"}
	if r, err := former.Known(t.Context(), w.peer.SubjectID(), key); err != nil || r.ID == "" {
		t.Errorf("Known() = %+v, %v", r, err)
	}
	key.ParcelID = "other"
	if _, err := former.Known(t.Context(), w.peer.SubjectID(), key); err == nil {
		t.Error("another parcel is known")
	}
	if later := must(takeover.OpenFormer(t.Context(), w.log, time.Now().Add(48*time.Hour)))(t); later != nil {
		t.Error("what has expired is still looked for")
	}
}

// TestUnderWay keeps the gateway from running while it is being taken over into.
func TestUnderWay(t *testing.T) {
	w := populated(t)
	must(w.takeover().Once(t.Context()))(t)
	if err := takeover.Check(t.Context(), w.log); !errors.Is(err, takeover.ErrUnderWay) {
		t.Errorf("Check() = %v", err)
	}
}

// TestRefused refuses what is no gateway to take over, or to take over into.
func TestRefused(t *testing.T) {
	tests := map[string]func(*world, *takeover.Takeover){
		"no gateway":      func(w *world, _ *takeover.Takeover) { w.former.current = "" },
		"no identity key": func(w *world, _ *takeover.Takeover) { _ = w.theirs.Delete(context.Background(), "i-"+w.nodeID) },
		"another bucket": func(w *world, o *takeover.Takeover) {
			must(w.takeover().Once(w.t.Context()))(w.t)
			o.Bucket = "another"
		},
		"another address": func(w *world, o *takeover.Takeover) {
			must(w.takeover().Once(w.t.Context()))(w.t)
			o.Address = "another.example"
		},
		"another identity": func(w *world, _ *takeover.Takeover) {
			data := events.IdentityCreated{NodeID: "0" + strings.Repeat("a", 64), InternetAddress: address}
			must(w.log.Append(w.t.Context(), events.New("", "test", time.Now(), data)))(w.t)
		},
	}
	for name, spoil := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			o := w.takeover()
			spoil(w, o)
			if _, err := o.Once(t.Context()); err == nil {
				t.Error("it is taken over")
			}
		})
	}
}

// TestVerifyFindsEveryDifference spoils one thing at a time.
func TestVerifyFindsEveryDifference(t *testing.T) {
	tests := map[string]struct {
		kind  takeover.Kind
		spoil func(*world)
	}{
		"a blob": {takeover.GatewayParcels, func(w *world) {
			for info, err := range w.blobs.List(w.t.Context(), "parcels/gateway-bound/") {
				if err == nil {
					_ = w.blobs.Delete(w.t.Context(), info.Key)
				}
				return
			}
		}},
		"a parcel there":       {takeover.GatewayParcels, func(w *world) { w.inbound(time.Hour) }},
		"a parcel here":        {takeover.Deliveries, func(w *world) { removeOne(w, "parcels/endpoint-bound/") }},
		"a delivery there":     {takeover.Deliveries, func(w *world) { w.outbound(time.Hour) }},
		"a cargo there":        {takeover.Cargoes, func(w *world) { w.cargo() }},
		"a record there":       {takeover.Collections, func(w *world) { w.record("new", time.Hour) }},
		"an authorisation":     {takeover.Fulfilments, func(w *world) { w.fulfil("new") }},
		"a session key there":  {takeover.BoundKeys, func(w *world) { w.session(w.sender.SubjectID()) }},
		"a peer's session key": {takeover.PeerKeys, func(w *world) { w.session(w.sender.SubjectID()) }},
		"own certificates":     {takeover.Certificates, func(w *world) { w.ownCertificate() }},
		"a key here": {takeover.IdentityKey, func(w *world) {
			_ = w.target.Secrets.Put(w.t.Context(), "i-"+w.nodeID, keystore.Record{"privateKey": "other"})
		}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			w := populated(t)
			must(w.takeover().Once(t.Context()))(t)
			tc.spoil(w)
			account, err := w.takeover().Verify(t.Context())
			if !errors.Is(err, takeover.ErrWrong) || lines(account)[tc.kind].Wrong != 1 {
				t.Errorf("Verify() = %v, %+v", err, lines(account)[tc.kind])
			}
		})
	}
}

func removeOne(w *world, prefix string) {
	for key := range w.former.objects {
		if strings.HasPrefix(key, prefix) {
			delete(w.former.objects, key)
			return
		}
	}
}

// TestFollowGoesOn goes on after an outage, and ends with its context.
func TestFollowGoesOn(t *testing.T) {
	w := populated(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	failures := 0
	w.former.fail = func() error {
		if failures++; failures == 2 {
			return errFault
		}
		return nil
	}
	takeOver := w.takeover()
	takeOver.Progress = func(p takeover.Progress) {
		if p.Pass > 3 {
			cancel()
		}
	}
	account := must(takeOver.Follow(ctx, time.Millisecond))(t)
	if l := lines(account)[takeover.GatewayParcels]; l.Moved != 3 {
		t.Errorf("%+v", l)
	}
}
