package console

import (
	"net/http"
	"time"

	"awala.network/gateway/projections"
)

type projectionsPage struct {
	Now     time.Time
	Rows    []projectionView
	Problem string
}

// projectionView is a projection and what is being done to it.
type projectionView struct {
	projections.Status
	Job *jobView
}

// Lag is how many events it does not hold yet.
func (p projectionView) Lag() uint64 { return max(p.Last, p.Checkpoint) - p.Checkpoint }

func (c *Console) projections(r *http.Request) (view, error) {
	p := projectionsPage{Now: c.Now()}
	all, err := c.Upkeep.Projections(r.Context())
	if err != nil {
		p.Problem = err.Error()
	}
	for _, s := range all {
		p.Rows = append(p.Rows, projectionView{s, c.jobs.of(s.Name)})
	}
	return view{Page: "projections", Title: "Projections", Section: "/console/projections", Live: true, Data: p}, nil
}

type projectionPage struct {
	Now time.Time
	projectionView
}

func (c *Console) projection(r *http.Request) (view, error) {
	s, err := c.Upkeep.Projection(r.Context(), r.PathValue("name"))
	if err != nil {
		return view{}, err
	}
	p := projectionPage{c.Now(), projectionView{s, c.jobs.of(s.Name)}}
	return view{Page: "projection", Title: "Projection " + s.Name, Section: "/console/projections", Live: true, Data: p}, nil
}
