package formerstan

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"awala.network/gateway/internal/takeover"
)

// maxAnswer bounds an answer of the monitoring endpoint, in octets.
const maxAnswer = 64 << 20

// clientsPage is how many clients are asked for at a time.
const clientsPage = 1000

// channelz is what the server says of a channel.
type channelz struct {
	Messages      int    `json:"msgs"`
	First         uint64 `json:"first_seq"`
	Last          uint64 `json:"last_seq"`
	Subscriptions []struct {
		ClientID string `json:"client_id"`
		Queue    string `json:"queue_name"`
		Offline  bool   `json:"is_offline"`
		Sent     uint64 `json:"last_sent"`
		Pending  int    `json:"pending_count"`
	} `json:"subscriptions"`
}

// Group implements takeover.Queues. The server names a durable queue group by both
// names with a colon in between.
func (q *Queues) Group(ctx context.Context, channel, queue, durable string) (takeover.Group, error) {
	c, err := q.channel(ctx, channel)
	if err != nil {
		return takeover.Group{}, err
	}
	g := takeover.Group{First: c.First, Last: c.Last}
	for _, s := range c.Subscriptions {
		if s.Queue != durable+":"+queue {
			continue
		}
		g.Sent = max(g.Sent, s.Sent)
		g.Pending += s.Pending
		if !s.Offline && s.ClientID != ClientID {
			g.Members++
		}
	}
	return g, nil
}

// channel returns what the server says of a channel; zero if there is none.
func (q *Queues) channel(ctx context.Context, name string) (channelz, error) {
	var c channelz
	found, err := q.ask(ctx, "/streaming/channelsz", url.Values{"channel": {name}, "subs": {"1"}}, &c)
	if err != nil || !found {
		return channelz{}, err
	}
	return c, nil
}

// Clients implements takeover.Queues.
func (q *Queues) Clients(ctx context.Context) ([]string, error) {
	var ids []string
	for offset := 0; ; offset += clientsPage {
		var page struct {
			Total   int `json:"total"`
			Clients []struct {
				ID string `json:"id"`
			} `json:"clients"`
		}
		query := url.Values{"offset": {strconv.Itoa(offset)}, "limit": {strconv.Itoa(clientsPage)}}
		if _, err := q.ask(ctx, "/streaming/clientsz", query, &page); err != nil {
			return nil, err
		}
		for _, c := range page.Clients {
			if c.ID != ClientID {
				ids = append(ids, c.ID)
			}
		}
		if offset+clientsPage >= page.Total {
			return ids, nil
		}
	}
}

// ask gets an answer of the monitoring endpoint. found is false if what was asked
// about does not exist.
func (q *Queues) ask(ctx context.Context, path string, query url.Values, answer any) (found bool, err error) {
	fail := func(err error) (bool, error) {
		return false, fmt.Errorf("NATS Streaming's monitoring endpoint: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, q.options.Monitor+path+"?"+query.Encode(), nil)
	if err != nil {
		return fail(err)
	}
	response, err := q.http.Do(request)
	if err != nil {
		return fail(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	switch {
	case err != nil:
		return fail(err)
	case response.StatusCode == http.StatusNotFound && query.Has("channel"):
		return false, nil
	case response.StatusCode != http.StatusOK:
		return fail(fmt.Errorf("%s answers %s", path, response.Status))
	}
	if err := json.Unmarshal(body, answer); err != nil {
		return fail(err)
	}
	return true, nil
}
