package queueadmin

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// Client talks to the admin server of a running gateway.
type Client struct {
	// Base is the server's URL.
	Base string
	// HTTP makes the requests; nil is http.DefaultClient.
	HTTP *http.Client
}

// List returns at most limit of the deliveries that f selects.
func (c Client) List(ctx context.Context, f Filter, limit int) (page Page, err error) {
	err = c.get(ctx, "/queue/parcels?"+f.query(limit).Encode(), &page)
	return page, err
}

// Show returns one delivery.
func (c Client) Show(ctx context.Context, id string) (p Parcel, err error) {
	err = c.get(ctx, "/queue/parcels/"+url.PathEscape(id), &p)
	return p, err
}

// Stats returns the state of the queue.
func (c Client) Stats(ctx context.Context) (s Stats, err error) {
	err = c.get(ctx, "/queue/destinations", &s)
	return s, err
}

// Do has an action done.
func (c Client) Do(ctx context.Context, a Action) (done Done, err error) {
	body, err := json.Marshal(a)
	if err != nil {
		return done, err
	}
	err = c.call(ctx, http.MethodPost, "/queue/actions", body, &done)
	return done, err
}

func (c Client) get(ctx context.Context, path string, into any) error {
	return c.call(ctx, http.MethodGet, path, nil, into)
}

// maxBody bounds an answer.
const maxBody = 64 << 20

func (c Client) call(ctx context.Context, method, path string, body []byte, into any) error {
	target := strings.TrimSuffix(c.Base, "/") + path
	request, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
	if err != nil {
		return err
	}
	client := c.HTTP
	if client == nil {
		client = http.DefaultClient
	}
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(answer.Body, maxBody))
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, target, err)
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s (%s %s: %s)", strings.TrimSpace(string(raw)), method, target, answer.Status)
	}
	return json.Unmarshal(raw, into)
}
