package ramf

import (
	"fmt"
	"time"
)

// dateLayout is how Awala writes dates: 14 digits in UTC, without a zone and
// without a fraction (the contents of ASN.1 DATE-TIME without punctuation).
const dateLayout = "20060102150405"

// ParseDate reads a date of exactly 14 digits, in UTC. Registration messages
// write their dates in this way too.
func ParseDate(digits []byte) (time.Time, error) {
	if len(digits) != len(dateLayout) {
		return time.Time{}, fmt.Errorf("%d characters in place of 14 digits", len(digits))
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return time.Time{}, fmt.Errorf("%q is no digit", c)
		}
	}
	// time.Parse reports dates that do not exist, such as 30 February.
	return time.Parse(dateLayout, string(digits))
}

// FormatDate writes t as ParseDate reads it, rounded down to the second. It
// refuses years that do not have four digits.
func FormatDate(t time.Time) ([]byte, error) {
	t = t.UTC()
	if year := t.Year(); year < 0 || year > 9999 {
		return nil, fmt.Errorf("year %d does not have four digits", year)
	}
	return t.AppendFormat(nil, dateLayout), nil
}
