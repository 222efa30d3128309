package upkeep

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"awala.network/gateway/events"
	"awala.network/gateway/handlers"
	"awala.network/gateway/projections"
)

const (
	// maxLineLen and maxAnswerLen bound a line and any other answer, in octets.
	maxLineLen   = 4 << 20
	maxAnswerLen = 64 << 20
	maxErrorLen  = 4 << 10
)

// Client asks the admin server of a running gateway.
type Client struct {
	base *url.URL
	http *http.Client
}

// NewClient returns a client of the admin server at an http or https URL.
func NewClient(admin string, client *http.Client) (*Client, error) {
	base, err := url.Parse(admin)
	if err != nil || base.Host == "" || (base.Scheme != "http" && base.Scheme != "https") {
		return nil, fmt.Errorf("admin server %q: want a URL such as http://127.0.0.1:8083", admin)
	}
	return &Client{base: base, http: client}, nil
}

// Projections lists where every projection stands.
func (c *Client) Projections(ctx context.Context) (all []projections.Status, err error) {
	return all, c.get(ctx, &all, nil, "projections")
}

// Projection tells where one stands.
func (c *Client) Projection(ctx context.Context, name string) (s projections.Status, err error) {
	return s, c.get(ctx, &s, nil, "projections", name)
}

// Totals returns the days from one date to another, each written 2006-01-02, or
// empty for no bound.
func (c *Client) Totals(ctx context.Context, from, to string) (days map[string]projections.Day, err error) {
	return days, c.get(ctx, &days, url.Values{"from": {from}, "to": {to}}, "projections", "totals")
}

// Rebuild rebuilds a projection and yields each line that tells of it. It is
// interrupted when ctx ends.
func (c *Client) Rebuild(ctx context.Context, name string, o projections.RebuildOptions, yield func(Line) error) error {
	query := url.Values{"fresh": {fmt.Sprint(o.Fresh)}, "compare": {fmt.Sprint(o.Compare)}}
	return c.lines(ctx, yield, query, "projections", name, "rebuild")
}

// Verify verifies a projection and yields each line that tells of it.
func (c *Client) Verify(ctx context.Context, name string, yield func(Line) error) error {
	return c.lines(ctx, yield, nil, "projections", name, "verify")
}

// Forget has a private gateway forgotten, and yields each line that tells of it. It is
// interrupted when ctx ends.
func (c *Client) Forget(ctx context.Context, o handlers.ForgetOrder, yield func(Line) error) error {
	order, err := json.Marshal(o)
	if err != nil {
		return err
	}
	return c.linesOf(ctx, yield, bytes.NewReader(order), nil, "forget")
}

// Parked lists the parked messages in a state.
func (c *Client) Parked(ctx context.Context, state projections.ParkedState) (all []projections.ParkedMessage, err error) {
	return all, c.get(ctx, &all, url.Values{"state": {string(state)}}, "parked")
}

// ShowParked returns a parked message and what it is.
func (c *Client) ShowParked(ctx context.Context, id string) (m Shown, err error) {
	return m, c.get(ctx, &m, nil, "parked", id)
}

// ReplayParked has a parked message handled again.
func (c *Client) ReplayParked(ctx context.Context, id string, by events.Operation) error {
	return c.post(ctx, operation(by), "parked", id, "replay")
}

// DropParked gives a parked message up.
func (c *Client) DropParked(ctx context.Context, id string, by events.Operation) error {
	return c.post(ctx, operation(by), "parked", id, "drop")
}

func operation(o events.Operation) url.Values { return url.Values{"by": {o.By}, "reason": {o.Reason}} }

func (c *Client) get(ctx context.Context, into any, query url.Values, path ...string) error {
	body, err := c.ask(ctx, http.MethodGet, query, path...)
	if err != nil {
		return err
	}
	defer body.Close()
	if err := json.NewDecoder(io.LimitReader(body, maxAnswerLen)).Decode(into); err != nil {
		return fmt.Errorf("answer of the admin server: %w", err)
	}
	return nil
}

func (c *Client) post(ctx context.Context, query url.Values, path ...string) error {
	body, err := c.ask(ctx, http.MethodPost, query, path...)
	if err != nil {
		return err
	}
	return body.Close()
}

// errCutOff tells that the answer has no end: the gateway stopped.
var errCutOff = errors.New("the gateway stopped; run the command again to go on")

func (c *Client) lines(ctx context.Context, yield func(Line) error, query url.Values, path ...string) error {
	return c.linesOf(ctx, yield, http.NoBody, query, path...)
}

func (c *Client) linesOf(ctx context.Context, yield func(Line) error, request io.Reader, query url.Values, path ...string) error {
	body, err := c.askWith(ctx, http.MethodPost, request, query, path...)
	if err != nil {
		return err
	}
	defer body.Close()
	scanner := bufio.NewScanner(body)
	scanner.Buffer(nil, maxLineLen)
	for scanner.Scan() {
		var line Line
		if err := json.Unmarshal(scanner.Bytes(), &line); err != nil {
			return fmt.Errorf("answer of the admin server: %w", err)
		}
		if line.Error != "" {
			return errors.New(line.Error)
		}
		if err := yield(line); err != nil {
			return err
		}
		if line.Rebuilt != nil || line.Verified != nil || line.Forgotten != nil {
			return nil
		}
	}
	if err := scanner.Err(); err != nil && ctx.Err() != nil {
		return err
	}
	return errCutOff
}

// ask returns the body of a successful answer.
func (c *Client) ask(ctx context.Context, method string, query url.Values, path ...string) (io.ReadCloser, error) {
	return c.askWith(ctx, method, nil, query, path...)
}

func (c *Client) askWith(ctx context.Context, method string, body io.Reader, query url.Values, path ...string) (io.ReadCloser, error) {
	target := c.base.JoinPath(path...)
	target.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, method, target.String(), body)
	if err != nil {
		return nil, err
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("admin server: %w", err)
	}
	if res.StatusCode/100 == 2 {
		return res.Body, nil
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(res.Body, maxErrorLen)) // what there is of it will do
	return nil, fmt.Errorf("admin server: %s (%d)", strings.TrimSpace(string(text)), res.StatusCode)
}
