package console

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"awala.network/gateway/internal/history"
)

// parcelsPage looks for a parcel, and shows its life.
type parcelsPage struct {
	Now     time.Time
	ID      string
	Finding history.Finding
	// Further goes on with the search; "" if everything was looked at. Auto tells the
	// script to go on by itself, because no beginning of a life was found yet.
	Further string
	Auto    bool
	Percent int
}

// maxParcelID bounds the id that is looked for, in octets: RAMF allows 64.
const maxParcelID = 200

func (c *Console) parcels(r *http.Request) (view, error) {
	q := r.URL.Query()
	p := parcelsPage{Now: c.Now(), ID: strings.TrimSpace(q.Get("id"))}
	v := view{Page: "parcels", Title: "Parcels", Section: "/console/parcels"}
	if p.ID == "" {
		v.Data = p
		return v, nil
	}
	if len(p.ID) > maxParcelID {
		return view{}, badRequest{fmt.Errorf("a parcel's id has at most %d characters", maxParcelID)}
	}
	search, err := parseSearch(q)
	if err != nil {
		return view{}, badRequest{err}
	}
	search.Parcel, search.Budget = p.ID, searchBudget
	if !search.Near.IsZero() {
		search.Budget /= 2 // finding the time in each stream takes as long again
	}
	if p.Finding, err = c.History.Search(r.Context(), search); err != nil {
		return view{}, err
	}
	p.Percent = percent(p.Finding.Searched, p.Finding.Total)
	if p.Finding.Searched < p.Finding.Total {
		p.Further = "/console/parcels?" + searchValues(p.Finding.Next).Encode()
		p.Auto = !p.Finding.Accepted
	}
	v.Title, v.Data = "Parcel "+short(p.ID), p
	return v, nil
}

// searchValues writes a search as parameters: sequences below which streams are yet to
// be searched, and where events were found.
func searchValues(s history.Search) url.Values {
	v := url.Values{"id": {s.Parcel}}
	for stream, sequence := range s.Below {
		v.Add("below", history.Position{Stream: stream, Sequence: sequence}.String())
	}
	slices.Sort(v["below"])
	for _, p := range s.Found {
		v.Add("found", p.String())
	}
	return v
}

func parseSearch(v url.Values) (s history.Search, err error) {
	s.Below = make(map[string]uint64)
	if near := v.Get("near"); near != "" {
		if s.Near, err = time.Parse(time.RFC3339, near); err != nil {
			return s, fmt.Errorf("near %.40q: want a time such as 2026-03-01T12:00:00Z", near)
		}
	}
	for _, text := range v["below"] {
		p, err := parsePosition(text)
		if err != nil {
			return s, err
		}
		s.Below[p.Stream] = p.Sequence
	}
	for _, text := range v["found"] {
		p, err := parsePosition(text)
		if err != nil {
			return s, err
		}
		s.Found = append(s.Found, p)
	}
	const most = 200 // more would take long to read
	if len(s.Below) > most || len(s.Found) > most {
		return s, fmt.Errorf("more than %d positions", most)
	}
	return s, nil
}

func parsePosition(text string) (history.Position, error) {
	stream, number, _ := strings.Cut(text, ":")
	sequence, err := strconv.ParseUint(number, 10, 64)
	if err != nil || stream == "" {
		return history.Position{}, fmt.Errorf("position %.60q: want STREAM:SEQUENCE", text)
	}
	return history.Position{Stream: stream, Sequence: sequence}, nil
}
