package postman

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"awala.network/gateway/internal/pohttp"
)

// judge says what an answer that is no redirect means (RS-007).
func judge(response *http.Response, now time.Time) pohttp.Result {
	r := pohttp.Result{Stage: pohttp.StageAnswer, Status: response.StatusCode}
	switch code := response.StatusCode; {
	case code/100 == 2:
		r.Verdict = pohttp.Done
		return r
	case code == http.StatusRequestTimeout, code == http.StatusTooEarly, code == http.StatusTooManyRequests:
	case code/100 == 4:
		r.Verdict = pohttp.Refused
	}
	r.Cause = fmt.Sprintf("HTTP status %d", response.StatusCode)
	if text := http.StatusText(response.StatusCode); text != "" {
		r.Cause += " (" + text + ")"
	}
	if r.Verdict == pohttp.Later {
		r.RetryAfter = retryAfter(response.Header.Get("Retry-After"), now)
	}
	return r
}

// maxRetryAfter bounds what a server may ask for.
const maxRetryAfter = 24 * time.Hour

// retryAfter reads the header of that name: seconds or a date (RFC 9110
// §10.2.3). What cannot be read asks for nothing.
func retryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(value, 10, 32); err == nil {
		return min(time.Duration(seconds)*time.Second, maxRetryAfter)
	}
	if at, err := http.ParseTime(value); err == nil {
		return min(max(at.Sub(now), 0), maxRetryAfter)
	}
	return 0
}
