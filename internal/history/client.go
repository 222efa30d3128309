package history

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/blobs"
	"awala.network/gateway/internal/evidence"
)

// maxLineLen bounds a line in octets. Messages have at most 1 MiB, headers and all,
// which base64 and escapes make longer.
const maxLineLen = 8 << 20

// maxAnswerLen bounds any other answer in octets.
const maxAnswerLen = 1 << 20

// Client looks at the history of a running gateway through its admin server.
type Client struct {
	base *url.URL
	http *http.Client
}

var _ Source = (*Client)(nil)

// NewClient returns a client of the admin server at an http or https URL.
func NewClient(admin string, client *http.Client) (*Client, error) {
	base, err := url.Parse(admin)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return nil, fmt.Errorf("admin server %q: want a URL such as http://127.0.0.1:8083", admin)
	}
	return &Client{base: base, http: client}, nil
}

// Streams asks for the streams.
func (c *Client) Streams(ctx context.Context) ([]Stream, error) {
	body, err := c.whole(ctx, http.MethodGet, pathStreams, nil)
	if err != nil {
		return nil, err
	}
	var streams []Stream
	if err := json.Unmarshal(body, &streams); err != nil {
		return nil, fmt.Errorf("%s: %w", pathStreams, err)
	}
	return streams, nil
}

// Messages asks for messages, and reads them as they come.
func (c *Client) Messages(ctx context.Context, q Query) iter.Seq2[events.Message, error] {
	return func(yield func(events.Message, error) bool) {
		body, err := c.do(ctx, http.MethodGet, pathEvents, q.Values())
		if err != nil {
			yield(events.Message{}, err)
			return
		}
		defer func() { _ = body.Close() }()
		lines := bufio.NewScanner(body)
		lines.Buffer(make([]byte, 0, 64<<10), maxLineLen)
		for lines.Scan() {
			m, err := parseAnswer(lines.Bytes())
			if !yield(m, err) || err != nil {
				return
			}
		}
		if err := lines.Err(); err != nil {
			yield(events.Message{}, fmt.Errorf("%s broke off: %w", pathEvents, err))
		}
	}
}

// parseAnswer reads a line of the server.
func parseAnswer(text []byte) (events.Message, error) {
	if bytes.HasPrefix(text, []byte(`{"error":`)) {
		var f failure
		if err := json.Unmarshal(text, &f); err != nil {
			return events.Message{}, err
		}
		return events.Message{}, fmt.Errorf("the gateway says: %s", f.Error)
	}
	return ParseLine(text)
}

// Key asks for the public key.
func (c *Client) Key(ctx context.Context) (string, error) {
	body, err := c.whole(ctx, http.MethodGet, pathKey, nil)
	return strings.TrimSpace(string(body)), err
}

// Checkpoint asks for a checkpoint.
func (c *Client) Checkpoint(ctx context.Context, stream string, size int64) ([]byte, error) {
	var parameters url.Values
	if size != 0 {
		parameters = url.Values{"size": {strconv.FormatInt(size, 10)}}
	}
	return c.whole(ctx, http.MethodGet, pathCheckpoints+stream, parameters)
}

// Advance has a new checkpoint made, if there is something new, and returns the
// newest.
func (c *Client) Advance(ctx context.Context, stream string) ([]byte, error) {
	return c.whole(ctx, http.MethodPost, pathCheckpoints+stream, nil)
}

// Tile asks for hashes.
func (c *Client) Tile(ctx context.Context, stream string, t tlog.Tile) ([]byte, error) {
	data, err := c.whole(ctx, http.MethodGet, pathTiles+stream+"/"+t.Path(), nil)
	if err == nil && len(data) != t.W*tlog.HashSize {
		err = fmt.Errorf("%s of %s has %d octets: %w", t.Path(), stream, len(data), evidence.ErrTiles)
	}
	return data, err
}

func (c *Client) whole(ctx context.Context, method, path string, parameters url.Values) ([]byte, error) {
	body, err := c.do(ctx, method, path, parameters)
	if err != nil {
		return nil, err
	}
	defer func() { _ = body.Close() }()
	data, err := io.ReadAll(io.LimitReader(body, maxAnswerLen))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return data, nil
}

func (c *Client) do(ctx context.Context, method, path string, parameters url.Values) (io.ReadCloser, error) {
	target := c.base.JoinPath(path)
	target.RawQuery = parameters.Encode()
	request, err := http.NewRequestWithContext(ctx, method, target.String(), nil)
	if err != nil {
		return nil, err
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode == http.StatusOK {
		return response.Body, nil
	}
	defer func() { _ = response.Body.Close() }()
	reason, _ := io.ReadAll(io.LimitReader(response.Body, 1024))
	err = errors.New(response.Status + ": " + strings.TrimSpace(string(reason)))
	if response.StatusCode == http.StatusNotFound {
		err = fmt.Errorf("%w: %w", blobs.ErrNotFound, err)
	}
	return nil, fmt.Errorf("%s: %w", path, err)
}
