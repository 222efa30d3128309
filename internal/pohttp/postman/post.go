package postman

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"awala.network/gateway/internal/pohttp"
)

// ContentType is the media type of a serialised parcel (RS-007).
const ContentType = "application/vnd.awala.parcel"

const (
	// maxRedirects is how many are followed in one attempt (RS-007).
	maxRedirects = 3
	// maxAnswer is how much of an answer's body is read, so that the connection
	// can be used again. Nothing in it matters.
	maxAnswer = 64 << 10
)

// post posts a parcel to u and where redirects lead. override is the URL by which
// an operator allowed its origin, or nil.
func (c *Client) post(ctx context.Context, u, override *url.URL, parcel []byte) pohttp.Result {
	for followed := 0; ; followed++ {
		result, next := c.once(ctx, u, override, parcel)
		result.Target = u.Redacted()
		if next == "" {
			return result
		}
		if followed == maxRedirects {
			result.Cause = fmt.Sprintf("more than %d redirects", maxRedirects)
			return result
		}
		var err error
		if u, err = c.follow(u, override, next); err != nil {
			result.Cause = oneLine(err)
			return result
		}
	}
}

// follow returns where a redirect leads, if one may go there.
func (c *Client) follow(from, override *url.URL, location string) (*url.URL, error) {
	to, err := from.Parse(location)
	if err != nil {
		return nil, fmt.Errorf("redirect to what is no URL: %w", err)
	}
	to.Fragment, to.User = "", nil
	pinned := override != nil && sameOrigin(to, override)
	switch {
	case to.Host == "":
		return nil, errors.New("redirect to a URL without host")
	case to.Scheme == "https", to.Scheme == "http" && (c.allowHTTP || pinned):
		return to, nil
	default:
		return nil, fmt.Errorf("redirect to %s is not allowed", to.Scheme)
	}
}

// once makes one request. location is where to go on, "" if the result is final.
func (c *Client) once(ctx context.Context, u, override *url.URL, parcel []byte) (result pohttp.Result, location string) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.timeout(len(parcel)), errTooSlow)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(parcel))
	if err != nil {
		return pohttp.Result{Stage: pohttp.StageConnect, Cause: oneLine(err)}, ""
	}
	request.Header.Set("Content-Type", ContentType)
	request.Header.Set("Accept", "application/json, */*;q=0.1")
	request.Header.Set("User-Agent", c.userAgent)
	// A parcel that arrives twice is one parcel (RS-000), so net/http may send it
	// again when a kept connection turns out to be closed. With no value, the
	// header is not sent.
	request.Header["Idempotency-Key"] = nil
	transport := c.guarded
	if override != nil && sameOrigin(u, override) {
		transport = c.pinned
	}
	response, err := c.roundTrip(transport, request)
	if err != nil {
		return failure(ctx, err), ""
	}
	defer drain(response.Body)
	switch response.StatusCode {
	case http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		result = pohttp.Result{Stage: pohttp.StageAnswer, Status: response.StatusCode}
		if location = response.Header.Get("Location"); location == "" {
			result.Cause = "redirect without a location"
		}
		return result, location
	default:
		return judge(response, time.Now()), ""
	}
}

// drainTimeout is how long the rest of an answer is waited for: it decides
// nothing but whether the connection can be used again.
const drainTimeout = 2 * time.Second

// drain reads the rest of an answer and closes it.
func drain(body io.ReadCloser) {
	timer := time.AfterFunc(drainTimeout, func() { _ = body.Close() })
	defer timer.Stop()
	// Whatever goes wrong costs the connection, not the answer.
	_, _ = io.CopyN(io.Discard, body, maxAnswer)
	_ = body.Close()
}

var errTooSlow = errors.New("the server was too slow")

// failure says what an error of the transport means.
func failure(ctx context.Context, err error) pohttp.Result {
	r := pohttp.Result{Stage: pohttp.StageRequest, Cause: oneLine(err)}
	var dial *net.OpError
	var name *net.DNSError
	switch {
	case errors.As(err, &name):
		r.Stage = pohttp.StageDNS
	case errors.As(err, &dial) && dial.Op == "dial":
		r.Stage = pohttp.StageConnect
	}
	if cause := context.Cause(ctx); cause != nil && errors.Is(cause, errTooSlow) {
		r.Cause = oneLine(errTooSlow)
	}
	return r
}

// maxCause bounds a cause, which may quote what others sent.
const maxCause = 300

func oneLine(err error) string {
	text := strings.Join(strings.FieldsFunc(err.Error(), func(r rune) bool { return r <= ' ' || r == 0x7f }), " ")
	if len(text) > maxCause {
		text = text[:maxCause]
	}
	return strings.ToValidUTF8(text, "")
}
