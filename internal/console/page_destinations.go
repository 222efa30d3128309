package console

import (
	"net/http"
	"slices"
	"time"

	"awala.network/gateway/internal/documents"
	"awala.network/gateway/internal/queueadmin"
	"awala.network/gateway/projections"
)

type destinationsPage struct {
	Now     time.Time
	Stats   queueadmin.Stats
	Problem string
}

func (c *Console) destinations(r *http.Request) (view, error) {
	p := destinationsPage{Now: c.Now()}
	var err error
	if p.Stats, err = c.Queue.Stats(r.Context()); err != nil {
		p.Problem = err.Error()
	}
	return view{Page: "destinations", Title: "Destinations", Section: "/console/destinations", Live: true, Data: p}, nil
}

// parcelsSeen is how many parcels of a destination are listed.
const parcelsSeen = 100

type destinationPage struct {
	Now   time.Time
	Stats queueadmin.Destination
	// State is what is listed: open parcels, or such as have ended in a way.
	State   projections.DeliveryState
	States  []projections.DeliveryState
	Parcels queueadmin.Page
	Problem string
}

var endStates = []projections.DeliveryState{
	projections.DeliveryDelivered, projections.DeliveryRefused, projections.DeliveryExpired, projections.DeliveryDropped,
}

func (c *Console) destination(r *http.Request) (view, error) {
	name := r.PathValue("name")
	p := destinationPage{Now: c.Now(), Stats: queueadmin.Destination{Name: name}, States: endStates}
	p.State = projections.DeliveryState(r.URL.Query().Get("state"))
	if p.State != "" && !slices.Contains(endStates, p.State) {
		return view{}, errNoPage
	}
	v := view{Page: "destination", Title: name, Section: "/console/destinations", Live: true}
	stats, err := c.Queue.Stats(r.Context())
	if err == nil {
		p.Parcels, err = c.Queue.List(r.Context(), queueadmin.Filter{Destination: name, State: p.State}, parcelsSeen)
	}
	if err != nil {
		p.Problem = err.Error()
		v.Data = p
		return v, nil
	}
	i := slices.IndexFunc(stats.Destinations, func(d queueadmin.Destination) bool { return d.Name == name })
	if i >= 0 {
		p.Stats = stats.Destinations[i]
	}
	if i < 0 && len(p.Parcels.Parcels) == 0 && p.State == "" && len(name) > 253 {
		return view{}, documents.ErrNotFound
	}
	v.Data = p
	return v, nil
}
