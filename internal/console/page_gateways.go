package console

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"awala.network/gateway/internal/documents"
	"awala.network/gateway/internal/queueadmin"
	"awala.network/gateway/projections"
)

const (
	gatewaysLen = 25 // private gateways on a page
	waitingSeen = 50 // parcels that are counted, or listed, for each of them
)

type gatewaysPage struct {
	Now   time.Time
	Rows  []gatewayRow
	First bool
	Next  string
}

type gatewayRow struct {
	projections.Peer
	// Waiting is how many parcels wait, More that there are still more.
	Waiting     int
	More        bool
	OldestSince time.Time
}

func (c *Console) gateways(r *http.Request) (view, error) {
	if id := strings.TrimSpace(r.URL.Query().Get("id")); id != "" {
		return c.oneGateway(r, id)
	}
	after, err := parseSequence("after", r.URL.Query().Get("after"))
	if err != nil {
		return view{}, badRequest{err}
	}
	peers, err := c.Peers.List(r.Context(), after, gatewaysLen)
	if err != nil {
		return view{}, err
	}
	p := gatewaysPage{Now: c.Now(), First: after == 0}
	for _, peer := range peers {
		row := gatewayRow{Peer: peer}
		items, err := c.Mailbox.Waiting(r.Context(), peer.PrivateGatewayID, waitingSeen)
		if err != nil {
			return view{}, err
		}
		if row.Waiting = len(items); row.Waiting > 0 {
			row.OldestSince, row.More = items[0].AcceptedAt, row.Waiting == waitingSeen
		}
		p.Rows = append(p.Rows, row)
	}
	if len(peers) == gatewaysLen {
		p.Next = "/console/gateways?after=" + strconv.FormatUint(peers[len(peers)-1].FirstSequence, 10)
	}
	return view{Page: "gateways", Title: "Private gateways", Section: "/console/gateways", Data: p}, nil
}

type gatewayPage struct {
	Now     time.Time
	ID      string
	Peer    projections.Peer
	Known   bool
	Waiting []projections.Item
	More    bool
	// Sending is what it sent and is being delivered; SendingProblem why that is not
	// known.
	Sending        queueadmin.Page
	SendingProblem string
	// Mailbox and Events lead to what the history says of it.
	ToIt, AboutIt string
}

func (c *Console) gateway(r *http.Request) (view, error) { return c.oneGateway(r, r.PathValue("id")) }

func (c *Console) oneGateway(r *http.Request, id string) (view, error) {
	p := gatewayPage{Now: c.Now(), ID: id}
	var err error
	p.Peer, err = c.Peers.Get(r.Context(), id)
	if err != nil && !errors.Is(err, documents.ErrNotFound) {
		return view{}, err
	}
	p.Known = err == nil
	if p.Waiting, err = c.Mailbox.Waiting(r.Context(), id, waitingSeen); err != nil {
		return view{}, err
	}
	if p.More = len(p.Waiting) == waitingSeen; !p.Known && len(p.Waiting) == 0 {
		return view{}, documents.ErrNotFound
	}
	if p.Sending, err = c.Queue.List(r.Context(), queueadmin.Filter{PrivateGateway: id}, waitingSeen); err != nil {
		p.SendingProblem = err.Error()
	}
	link := func(stream string) string {
		return "/console/events?" + url.Values{"stream": {stream}, "gateway": {id}}.Encode()
	}
	p.ToIt, p.AboutIt = link("PDC_PARCELS"), link("GATEWAY")
	return view{Page: "gateway", Title: "Private gateway " + short(id), Section: "/console/gateways", Data: p}, nil
}
