package web

import (
	"mime"
	"net/http"
	"strconv"
	"strings"
)

// HasMediaType tells whether the request's body is of the given media type
// (type/subtype, lowercase), whatever its parameters.
func HasMediaType(r *http.Request, want string) bool {
	got, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	// A type with unreadable parameters is still that type.
	return got == want && (err == nil || err == mime.ErrInvalidMediaParameter)
}

// prefersText tells whether a client prefers text/plain to JSON (RFC 9110
// §12.5.1). JSON wins a draw.
func prefersText(accept []string) bool {
	if len(accept) == 0 {
		return false
	}
	ranges := strings.Split(strings.Join(accept, ","), ",")
	return quality(ranges, "text/plain") > quality(ranges, "application/json")
}

// quality returns the weight of a media type under the most specific range that
// covers it, or 0.
func quality(ranges []string, mediaType string) float64 {
	group, _, _ := strings.Cut(mediaType, "/")
	best, weight := 0, 0.0
	for _, entry := range ranges {
		name, params, err := mime.ParseMediaType(entry)
		if err != nil {
			continue
		}
		specificity := 0
		switch name {
		case mediaType:
			specificity = 3
		case group + "/*":
			specificity = 2
		case "*/*":
			specificity = 1
		}
		if specificity > best {
			best, weight = specificity, weightOf(params)
		}
	}
	return weight
}

func weightOf(params map[string]string) float64 {
	value, ok := params["q"]
	if !ok {
		return 1
	}
	q, err := strconv.ParseFloat(value, 64)
	if err != nil || !(q >= 0 && q <= 1) {
		return 0
	}
	return q
}
