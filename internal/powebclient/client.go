// Package powebclient is a small private gateway: a PoWeb client (RS-016) that
// registers, delivers parcels and collects them, and what is behind it, endpoints
// that write parcels to each other. It serves `awala-gateway ping`, load tests
// and kill tests; it keeps nothing on disk.
//
// It speaks as the released clients do: their paths, header fields and schemes.
package powebclient

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// maxAnswer bounds the answers that are read.
const maxAnswer = 1 << 20

// StatusError says that the server refused a request.
type StatusError struct {
	// Request is the method and URL.
	Request string
	// Status is the HTTP status.
	Status int
	// Body is what the server said.
	Body string
}

// Error tells all of it.
func (e *StatusError) Error() string {
	return fmt.Sprintf("%s: %d %s: %s", e.Request, e.Status, http.StatusText(e.Status), strings.TrimSpace(e.Body))
}

// Status returns the HTTP status of a [StatusError] in err's chain, or 0.
func Status(err error) int {
	var e *StatusError
	if errors.As(err, &e) {
		return e.Status
	}
	return 0
}

// Client reaches one PoWeb server. It may be shared.
type Client struct {
	base *url.URL
	http *http.Client
}

// New returns a client of the server at an http or https URL. httpClient is
// [http.DefaultClient] if nil; its timeout, if it has one, also bounds
// collections.
func New(base string, httpClient *http.Client) (*Client, error) {
	u, err := url.Parse(base)
	if err != nil {
		return nil, fmt.Errorf("powebclient: %w", err)
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, fmt.Errorf("powebclient: %q is no http or https URL", base)
	}
	if httpClient == nil {
		httpClient = http.DefaultClient
	}
	return &Client{base: u, http: httpClient}, nil
}

// post sends a body and returns the answer's, if the status is want.
func (c *Client) post(ctx context.Context, path, contentType string, header http.Header, body []byte, want int) ([]byte, error) {
	return post(ctx, c.http, c.base.JoinPath(path).String(), contentType, header, body, want)
}

func post(ctx context.Context, client *http.Client, target, contentType string, header http.Header, body []byte, want int) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("powebclient: %w", err)
	}
	for name, values := range header {
		r.Header[name] = values
	}
	r.Header.Set("Content-Type", contentType)
	answer, err := client.Do(r)
	if err != nil {
		return nil, fmt.Errorf("powebclient: %w", err)
	}
	defer answer.Body.Close()
	got, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("powebclient: read the answer of POST %s: %w", target, err)
	}
	if answer.StatusCode != want {
		return nil, &StatusError{Request: "POST " + target, Status: answer.StatusCode, Body: string(got)}
	}
	return got, nil
}
