package takeover

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"awala.network/gateway/events"
	"awala.network/gateway/handlers"
)

// job is a message of internet-parcels, as far as it matters: the rest is in the
// parcel.
type job struct {
	// ObjectKey is the parcel's object, without its prefix.
	ObjectKey string `json:"parcelObjectKey"`
}

func parseJob(data []byte) (job, error) {
	var j job
	if err := json.Unmarshal(data, &j); err != nil {
		return j, errors.New("it is no JSON")
	}
	if j.ObjectKey == "" {
		return j, errors.New("it names no object")
	}
	return j, nil
}

// takeInternetParcels takes what waits for other Internet nodes, and ends here what does
// not wait there any more.
func (r *run) takeInternetParcels(ctx context.Context) error {
	queued, err := r.queuedJobs(ctx)
	if err != nil {
		return err
	}
	walk := &objects{
		run: r, kind: Deliveries, prefix: handlers.FormerEndpointBound, read: r.examine.InternetParcel,
		queued: func(_ context.Context, key string) (named, acknowledged bool, err error) {
			return queued[key] != "", false, nil // what was acknowledged has no object
		},
	}
	listed, err := walk.walk(ctx)
	if err != nil {
		return err
	}
	for key, name := range queued {
		r.job(name, key, listed)
	}
	now := r.Now()
	for _, d := range r.known.openDeliveries() {
		key := handlers.FormerEndpointBound + handlers.FormerInternetKey(d.Ref.SourceGatewayID, d.Ref.ParcelKey)
		if listed.has(key) || now.After(d.ExpiresAt) {
			continue
		}
		err := r.end(Deliveries, key, func() (events.Record, error) { return r.examine.Delivered(ctx, d) })
		if err != nil {
			return err
		}
	}
	return nil
}

// queuedJobs returns the objects that the queue names, each with the name of the message
// that does so last.
func (r *run) queuedJobs(ctx context.Context) (map[string]string, error) {
	queued := map[string]string{}
	waiting, err := r.waiting(ctx, parcelsChannel, func(m Message) error {
		name := fmt.Sprintf("%s/%d", parcelsChannel, m.Sequence)
		j, err := parseJob(m.Data)
		if err != nil {
			r.ledger.note(Jobs, name, skipped(reasonUnreadable, err.Error()))
			return nil
		}
		queued[handlers.FormerEndpointBound+j.ObjectKey] = name
		return nil
	})
	r.ends.parcels = waiting.Last
	return queued, err
}

// job notes what became of a queued delivery: the same as of its parcel.
func (r *run) job(name, key string, listed keySet) {
	v, found := r.ledger.verdict(Deliveries, key)
	if !found || !listed.has(key) {
		v = skipped(reasonGone, key)
	}
	v.orphan, v.undated, v.detail = false, false, key
	if v.fate == Wrong {
		v.fate = Already // its parcel is told of
	}
	r.ledger.note(Jobs, name, v)
}
