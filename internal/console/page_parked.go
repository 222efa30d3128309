package console

import (
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"awala.network/gateway/internal/upkeep"
	"awala.network/gateway/projections"
)

// parkedSeen is how many parked messages are listed.
const parkedSeen = 200

type parkedPage struct {
	Now      time.Time
	State    projections.ParkedState
	States   []projections.ParkedState
	Messages []projections.ParkedMessage
	// Total counts those in the state, of which the first are shown.
	Total   int
	Problem string
}

var parkedStates = []projections.ParkedState{projections.ParkedOpen, projections.ParkedReplayed, projections.ParkedDropped}

func (c *Console) parked(r *http.Request) (view, error) {
	p := parkedPage{Now: c.Now(), State: projections.ParkedState(r.URL.Query().Get("state")), States: parkedStates}
	if p.State == "" {
		p.State = projections.ParkedOpen
	}
	if !slices.Contains(parkedStates, p.State) {
		return view{}, errNoPage
	}
	all, err := c.Upkeep.Parked(r.Context(), p.State)
	if err != nil {
		p.Problem = err.Error()
	}
	if p.State != projections.ParkedOpen {
		slices.Reverse(all) // what was dealt with last is of most interest
	}
	p.Total, p.Messages = len(all), all[:min(len(all), parkedSeen)]
	return view{Page: "parked", Title: "Parked messages", Section: "/console/parked", Live: true, Data: p}, nil
}

type parkedMessagePage struct {
	Now   time.Time
	Shown upkeep.Shown
	Type  string
	Body  string
	// Parcel is the id of the parcel that it is about, if it is about one.
	Parcel string
}

func (c *Console) parkedMessage(r *http.Request) (view, error) {
	m, err := c.Upkeep.ShowParked(r.Context(), r.PathValue("id"))
	if err != nil {
		return view{}, err
	}
	p := parkedMessagePage{Now: c.Now(), Shown: m, Type: withoutVersion(string(m.Type))}
	if m.Data != nil {
		// It came as JSON.
		body, _ := json.MarshalIndent(m.Data, "", "  ")
		p.Body = string(body)
		if fields, ok := m.Data.(map[string]any); ok {
			p.Parcel, _ = fields["parcelId"].(string)
		}
	}
	return view{Page: "parked-message", Title: "Parked message " + short(m.ID), Section: "/console/parked", Data: p}, nil
}
