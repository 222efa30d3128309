package projections_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/documents"
	"awala.network/gateway/projections"
)

// TestEveryProjectionIsTheFold shows for each projection that what is stored is
// the fold of the history and nothing else, although events are recorded twice,
// records come again, writes fail before or after they take effect, the worker is
// restarted, and the projection is rebuilt or lost in between.
func TestEveryProjectionIsTheFold(t *testing.T) {
	t.Run("mailbox", isTheFold(projections.Mailbox{}, drawEvent))
	t.Run("peers", isTheFold(projections.Peers{}, drawPeerEvent))
	t.Run("deliveries", isTheFold(projections.Deliveries{}, drawDeliveryEvent))
	t.Run("destinations", isTheFold(projections.Destinations{}, drawDeliveryEvent))
	t.Run("parked", isTheFold(projections.ParkedMessages{}, drawParkedEvent))
	t.Run("totals", isTheFold(projections.Totals{Stream: events.StreamGatewayParcels}, drawEvent))
	t.Run("totals of deliveries", isTheFold(projections.Totals{Stream: events.StreamInternetParcels}, drawDeliveryEvent))
}

// pure is the fold in memory: the JSON of each document by its id.
func pure[S any](p projections.Projection[S], records []events.Record) map[string]string {
	states, written := map[string]*S{}, map[string]string{}
	for _, r := range records {
		id, ok := p.DocumentID(r)
		if !ok {
			continue
		}
		if states[id] == nil {
			states[id] = new(S)
		}
		if p.Fold(states[id], r) {
			encoded, _ := json.Marshal(states[id])
			written[id] = string(encoded)
		}
	}
	return written
}

func isTheFold[S any](p projections.Projection[S], draw func(*rapid.T) events.Event) func(*testing.T) {
	return func(t *testing.T) {
		db := database(t)
		rapid.Check(t, func(rt *rapid.T) {
			wipe(t, db)
			h := new(history)
			k := keep(t, db, h, p)
			for range rapid.IntRange(1, 12).Draw(rt, "rounds") {
				for range rapid.IntRange(0, 6).Draw(rt, "events") {
					e := draw(rt)
					e.Time = start.Add(time.Duration(len(h.records)) * 7 * time.Hour)
					for range rapid.IntRange(1, 2).Draw(rt, "times") {
						h.append(e)
					}
				}
				k.disturb(t, rt)
			}
			k.run(t)
			stored := map[string]string{}
			all, err := k.live.All(t.Context(), "", documents.MaxLimit)
			for _, d := range all {
				s := new(S)
				err = errors.Join(err, json.Unmarshal(d.Body, s))
				encoded, _ := json.Marshal(s)
				stored[d.ID] = string(encoded)
			}
			if err != nil {
				rt.Fatal(err)
			}
			if diff := cmp.Diff(pure(p, h.records), stored); diff != "" {
				rt.Fatal(diff)
			}
		})
	}
}

// disturb lets a worker fold some of the history, badly, or an operator act.
func (k *kept[S]) disturb(t *testing.T, rt *rapid.T) {
	ctx := t.Context()
	switch rapid.IntRange(0, 9).Draw(rt, "disturbance") {
	case 0:
		if _, err := k.maintenance.Rebuild(ctx, projections.RebuildOptions{}, nil); err != nil {
			rt.Fatal(err)
		}
	case 1:
		wipe(t, k.db)
	case 2:
		if _, err := k.maintenance.Sweep(ctx, 0); err != nil {
			rt.Fatal(err)
		}
	case 3: // a worker, newly started, is killed at some write
		broken := &faulty{Database: k.db, left: rapid.IntRange(0, 5).Draw(rt, "writes"), stored: rapid.Bool().Draw(rt, "stored")}
		if live, err := projections.Open(ctx, documents.Database(broken), k.projection); err == nil {
			k.fold(rt, projections.NewRunner(k.projection, live, quiet))
		}
	default:
		k.fold(rt, k.runner)
	}
}

// fold gives some records to a runner, some of them again.
func (k *kept[S]) fold(rt *rapid.T, runner *projections.Runner[S]) {
	first, err := runner.From(context.Background())
	if err != nil {
		return
	}
	done := first - 1
	if end := uint64(len(k.history.records)); done < end {
		from := done - uint64(rapid.IntRange(0, int(done)).Draw(rt, "overlap"))
		to := done + uint64(rapid.IntRange(1, int(end-done)).Draw(rt, "batch"))
		_, _ = runner.Apply(context.Background(), k.history.records[from:to]) // it may fail, and is asked again
	}
}

func drawPeerEvent(t *rapid.T) events.Event {
	peer := gateway(rapid.IntRange(0, 2).Draw(t, "peer"))
	when := start.Add(time.Duration(rapid.IntRange(0, 100).Draw(t, "when")) * time.Hour)
	data := []events.Data{
		events.PrivateGatewayRegistered{PrivateGatewayID: peer, SessionKeyID: fmt.Sprint(when.Unix()), CertificateExpiresAt: when},
		events.PeerSessionKeyLearned{PrivateGatewayID: peer, KeyID: "aa", PublicKey: []byte{1}, MessageCreatedAt: when},
		events.PrivateGatewayCertificateIssued{PrivateGatewayID: peer, CertificateExpiresAt: when},
		events.CargoCollectionFulfilled{PrivateGatewayID: peer, AuthorizationID: fmt.Sprint(when.Unix())},
	}
	return events.New("", "test", start, rapid.SampledFrom(data).Draw(t, "data"))
}

func drawDeliveryEvent(t *rapid.T) events.Event {
	n := rapid.IntRange(0, 4).Draw(t, "parcel")
	destination := fmt.Sprintf("gw%d.example.com", n%2)
	id := fmt.Sprintf("accepted-%d", n)
	ref := events.InternetParcelRef{ParcelKey: key(n), AcceptedID: id, Destination: destination, BlobKey: id}
	attempt := events.DeliveryAttempt{Number: rapid.IntRange(1, 5).Draw(t, "attempt"), StartedAt: start, Cause: "refused"}
	by := events.Operation{By: "o", Reason: "r"}
	if rapid.Bool().Draw(t, "accepted") {
		return events.New(id, "test", start, events.InternetParcelAccepted{
			ParcelKey: key(n), Destination: destination,
			ParcelBlob: events.ParcelBlob{BlobKey: id, Size: int64(n), ExpiresAt: far.AddDate(10, 0, 0)},
		})
	}
	data := []events.Data{
		events.InternetParcelDelivered{InternetParcelRef: ref, Attempt: attempt},
		events.InternetParcelDeferred{InternetParcelRef: ref, Attempt: attempt, NextAttemptAt: later},
		events.InternetParcelRefused{InternetParcelRef: ref, Reason: "no"},
		events.InternetParcelExpired{InternetParcelRef: ref},
		events.InternetParcelDropped{InternetParcelRef: ref},
		events.InternetParcelHeld{InternetParcelRef: ref, Operation: by},
		events.InternetParcelReleased{InternetParcelRef: ref, Operation: by},
		events.InternetParcelHastened{InternetParcelRef: ref, Operation: by},
		events.DestinationHeld{Destination: destination, Operation: by},
		events.DestinationReleased{Destination: destination, Operation: by},
		events.DestinationFlushed{Destination: destination, Operation: by},
	}
	return events.New("", "test", start, rapid.SampledFrom(data).Draw(t, "data"))
}

func drawParkedEvent(t *rapid.T) events.Event {
	n := rapid.IntRange(0, 3).Draw(t, "message")
	ref := events.ParkedRef{ParkedID: fmt.Sprintf("parked-%d", n), Consumer: "unwrap-cargo"}
	switch rapid.IntRange(0, 2).Draw(t, "kind") {
	case 0:
		return events.New("", "test", start, events.ParkedMessageReplayed{ParkedRef: ref})
	case 1:
		return events.New("", "test", start, events.ParkedMessageDropped{ParkedRef: ref, Operation: events.Operation{By: "ada", Reason: "no use"}})
	default:
		return events.New(ref.ParkedID, "test", start, events.MessageParked{
			Consumer: ref.Consumer, Stream: events.StreamCargo, Sequence: uint64(n + 1), Reason: "broken", Attempts: n,
		})
	}
}
