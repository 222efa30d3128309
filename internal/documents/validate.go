package documents

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"awala.network/gateway/internal/fault"
)

// Prepare checks documents that are about to be replaced in a collection with
// those indexes and returns them as a store has to keep them: expiry in UTC and
// cut to the millisecond, and of several documents with one id only the first of
// the greatest position. The argument is left as it is. Every implementation
// calls it before it writes anything, so that all of them take the same
// documents.
//
// A Body must be one JSON object of at most MaxBodyLen octets of valid UTF-8,
// nested at most MaxDepth deep. Its field names must be unique within their
// object, not empty, without a dot and without a leading dollar sign; no string
// may hold NUL; no array may directly hold an array. A number that is written as
// an integer must fit int64 and is kept exactly; any other is kept as a float64.
func Prepare(docs []Document, indexes []string) ([]Document, error) {
	kept := make([]Document, 0, len(docs))
	at := make(map[string]int, len(docs))
	for _, doc := range docs {
		if err := check(doc, indexes); err != nil {
			return nil, err
		}
		if !doc.ExpiresAt.IsZero() {
			doc.ExpiresAt = doc.ExpiresAt.UTC().Truncate(time.Millisecond)
		}
		if len(doc.Keys) == 0 {
			doc.Keys = nil
		}
		i, seen := at[doc.ID]
		switch {
		case !seen:
			at[doc.ID] = len(kept)
			kept = append(kept, doc)
		case kept[i].Position < doc.Position:
			kept[i] = doc
		}
	}
	return kept, nil
}

// CheckCollection checks the name of a collection and those of its indexes, and
// returns the index names in order and each once. A name is a lower-case letter,
// then lower-case letters, digits and underscores, at most MaxNameLen in all.
func CheckCollection(name string, indexes []string) ([]string, error) {
	if !validName(name) {
		return nil, invalid("collection name %q", name)
	}
	for _, index := range indexes {
		if !validName(index) {
			return nil, invalid("index name %q of collection %s", index, name)
		}
	}
	return slices.Compact(slices.Sorted(slices.Values(indexes))), nil
}

// CheckQuery checks a query to a collection with those indexes.
func CheckQuery(q Query, indexes []string) error {
	if !slices.Contains(indexes, q.Key) {
		return invalid("query by key %q, which is no index of the collection", q.Key)
	}
	return CheckLimit(q.Limit)
}

// CheckLimit checks the limit of a Find or Expired.
func CheckLimit(limit int) error {
	if limit < 1 || limit > MaxLimit {
		return invalid("limit %d is not between 1 and %d", limit, MaxLimit)
	}
	return nil
}

// CheckPosition checks a checkpoint.
func CheckPosition(position uint64) error {
	if position > math.MaxInt64 {
		return invalid("position %d is too great", position)
	}
	return nil
}

func check(doc Document, indexes []string) error {
	if !validText(doc.ID, MaxIDLen) || doc.ID == "" {
		return invalid("document id %.64q", doc.ID)
	}
	if doc.Position == 0 || doc.Position > math.MaxInt64 {
		return invalid("position %d of document %q", doc.Position, doc.ID)
	}
	if doc.Rank < 0 {
		return invalid("rank %d of document %q", doc.Rank, doc.ID)
	}
	for name, value := range doc.Keys {
		if !slices.Contains(indexes, name) {
			return invalid("key %q of document %q is no index of the collection", name, doc.ID)
		}
		if !validText(value, MaxKeyValueLen) {
			return invalid("value of key %q of document %q", name, doc.ID)
		}
	}
	if err := checkBody(doc.Body); err != nil {
		return invalid("body of document %q: %w", doc.ID, err)
	}
	return nil
}

func validText(s string, maxLen int) bool {
	return len(s) <= maxLen && utf8.ValidString(s) && !strings.Contains(s, "\x00")
}

func validName(s string) bool {
	if s == "" || len(s) > MaxNameLen || s[0] < 'a' || s[0] > 'z' {
		return false
	}
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return true
}

func invalid(format string, args ...any) error {
	return fault.Permanent(fmt.Errorf("%w: %w", ErrInvalid, fmt.Errorf(format, args...)))
}

// ExpiryBound rounds the before of an Expired up to the millisecond, so that
// comparing with expiries that were cut to the millisecond selects the same
// documents in every store.
func ExpiryBound(before time.Time) time.Time {
	if cut := before.UTC().Truncate(time.Millisecond); !cut.Equal(before) {
		return cut.Add(time.Millisecond)
	}
	return before.UTC()
}
