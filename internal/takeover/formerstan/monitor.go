package formerstan

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"awala.network/gateway/internal/takeover"
)

// maxAnswer bounds an answer of the monitoring endpoint, in octets.
const maxAnswer = 64 << 20

// clientsPage is how many clients are asked for at a time.
const clientsPage = 1000

// serverz is what a server says of itself. Only the one that serves clients knows how
// far they are: a standby knows no channels, and a follower may be behind.
type serverz struct {
	ClusterID string `json:"cluster_id"`
	// ServerID is another after each start.
	ServerID string `json:"server_id"`
	State    string `json:"state"`
	// Role is that in a cluster.
	Role string `json:"role"`
}

func (s serverz) serves() bool {
	return s.State == "STANDALONE" || s.State == "FT_ACTIVE" || s.State == "CLUSTERED" && s.Role == "Leader"
}

// Serving implements takeover.Queues.
func (q *Queues) Serving(ctx context.Context) (string, error) {
	var reasons []error
	for _, monitor := range q.options.Monitors {
		server, err := q.servingAt(ctx, monitor)
		if err == nil {
			q.mu.Lock()
			q.monitor = monitor
			q.mu.Unlock()
			return server, nil
		}
		reasons = append(reasons, fmt.Errorf("%s: %w", monitor, err))
	}
	return "", fmt.Errorf("none of NATS Streaming's monitoring endpoints is that of the server that serves: %w", errors.Join(reasons...))
}

// servingAt returns the id of the server with that endpoint, if it serves.
func (q *Queues) servingAt(ctx context.Context, monitor string) (string, error) {
	var s serverz
	found, err := q.get(ctx, monitor+"/streaming/serverz", &s)
	switch {
	case err != nil:
		return "", err
	case !found:
		return "", errors.New("it is not NATS Streaming's")
	case s.ClusterID != q.options.ClusterID:
		return "", fmt.Errorf("it is of the cluster %s, not %s", s.ClusterID, q.options.ClusterID)
	case !s.serves():
		return "", fmt.Errorf("its server serves nobody at the moment (%s)", strings.TrimSpace(s.State+" "+s.Role))
	}
	return s.ServerID, nil
}

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
		found, err := q.ask(ctx, "/streaming/clientsz", query, &page)
		if err == nil && !found {
			err = errors.New("NATS Streaming's monitoring endpoint knows no clients")
		}
		if err != nil {
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

// ask gets an answer of the server that serves. found is false if what was asked about
// does not exist.
func (q *Queues) ask(ctx context.Context, path string, query url.Values, answer any) (found bool, err error) {
	q.mu.Lock()
	monitor := q.monitor
	q.mu.Unlock()
	if monitor == "" {
		if _, err := q.Serving(ctx); err != nil {
			return false, err
		}
		return q.ask(ctx, path, query, answer)
	}
	found, err = q.get(ctx, monitor+path+"?"+query.Encode(), answer)
	if err != nil {
		return false, fmt.Errorf("NATS Streaming's monitoring endpoint: %w", err)
	}
	return found, nil
}

// get gets an answer; found is false where there is none.
func (q *Queues) get(ctx context.Context, address string, answer any) (found bool, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return false, err
	}
	response, err := q.http.Do(request)
	if err != nil {
		return false, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	switch {
	case err != nil:
		return false, err
	case response.StatusCode == http.StatusNotFound:
		return false, nil
	case response.StatusCode != http.StatusOK:
		return false, fmt.Errorf("%s answers %s", request.URL.Path, response.Status)
	}
	return true, json.Unmarshal(body, answer)
}
