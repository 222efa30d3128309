package console

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"awala.network/gateway/internal/overview"
)

var errStopping = errors.New("this process is stopping")

// overviewPage is the first page.
type overviewPage struct {
	Now time.Time
	overview.Overview
	Attention []attention
	Channels  []channelView
	Roles     []roleView
	// BehindBy is the greatest lag of a projection.
	BehindBy uint64
}

// attention is something that an operator should look at.
type attention struct{ What, Path, Link string }

type channelView struct {
	overview.Channel
	Rates rates
	Spark sparkline
}

// InRate and OutRate are the newest rates.
func (c channelView) InRate() float64  { return last(c.Rates.In) }
func (c channelView) OutRate() float64 { return last(c.Rates.Out) }

// roleView is the processes of a kind.
type roleView struct {
	Kind      string
	Processes []overview.Process
	Ready     int
}

func (c *Console) overview(r *http.Request) (view, error) {
	o, err := c.watch.look(r.Context())
	if err != nil {
		return view{}, err
	}
	p := overviewPage{Now: c.Now(), Overview: o}
	for _, ch := range o.Channels {
		rates := c.watch.ratesOf(ch.Name)
		p.Channels = append(p.Channels, channelView{ch, rates, newSparkline(ch.Name, rates)})
	}
	for _, process := range o.Processes {
		i := slices.IndexFunc(p.Roles, func(r roleView) bool { return r.Kind == process.Kind })
		if i < 0 {
			i = len(p.Roles)
			p.Roles = append(p.Roles, roleView{Kind: process.Kind})
		}
		p.Roles[i].Processes = append(p.Roles[i].Processes, process)
		if process.Ready {
			p.Roles[i].Ready++
		}
	}
	for _, m := range o.Projections {
		p.BehindBy = max(p.BehindBy, m.Lag)
	}
	p.Attention = needsAttention(o, p.Now)
	return view{Page: "overview", Title: "Overview", Section: "/console/", Live: true, Data: p}, nil
}

// Thresholds of what needs attention: those of the alert rules.
const (
	workLate        = 5 * time.Minute
	certificateLate = 45 * 24 * time.Hour
	projectionLate  = 1000
)

// needsAttention lists what an operator should look at, the worst first.
func needsAttention(o overview.Overview, now time.Time) (all []attention) {
	for _, p := range o.Processes {
		if !p.Ready {
			all = append(all, attention{What: fmt.Sprintf("%s on %s is not ready: %s", p.Kind, p.Host, strings.Join(p.Problems, "; "))})
		}
	}
	parked := 0
	for _, c := range o.Channels {
		parked += c.Parked
	}
	if parked > 0 {
		all = append(all, attention{plural(parked, "message is", "messages are") + " parked", "/console/parked", "Look at them"})
	}
	for _, c := range o.Consumers {
		if c.Lag > 0 && !c.OldestSince.IsZero() && now.Sub(c.OldestSince) > workLate {
			all = append(all, attention{What: fmt.Sprintf("%s of %s is behind by %s, the oldest since %s", c.Name, c.Stream,
				plural(int(c.Lag), "message", "messages"), span(now.Sub(c.OldestSince)))})
		}
	}
	for _, p := range o.Projections {
		if p.Lag > projectionLate {
			all = append(all, attention{fmt.Sprintf("Projection %s is behind by %s events", p.Name, count(p.Lag)), "/console/projections", "Look at it"})
		}
	}
	if !o.CertificateExpiresAt.IsZero() && o.CertificateExpiresAt.Sub(now) < certificateLate {
		all = append(all, attention{What: "The gateway's own certificate expires " + ago(now, o.CertificateExpiresAt) +
			": awala-gateway keys rotate-certificate"})
	}
	return all
}
