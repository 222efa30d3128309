package history

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Moments says how people write a time, for messages and usages.
const Moments = `now, 2h or "3d 12h ago", today, yesterday, 2026-01-31, 14:30, "yesterday 14:30" or 2026-01-31T14:30:00Z; all in UTC`

// ParseSince reads what people write for the beginning of what they want ([Moments]):
//
//	now
//	30s 2h 1h30m 3d 2w          that long before now; "ago" may follow
//	today yesterday 2026-01-31  the day's beginning
//	14:30 14:30:05              at that time today
//	yesterday 14:30             a day and a time of it
//	2026-01-31T14:30:00Z        RFC 3339, with any offset
//
// Everything without an offset is UTC. The text names no time if there is an error.
func ParseSince(text string, now time.Time) (time.Time, error) {
	return parseMoment(text, now.UTC(), 0)
}

// ParseUntil is ParseSince for an end: of a day it returns the last instant.
func ParseUntil(text string, now time.Time) (time.Time, error) {
	return parseMoment(text, now.UTC(), 24*time.Hour-1)
}

// parseMoment reads a moment; within is what of a whole day is meant.
func parseMoment(text string, now time.Time, within time.Duration) (time.Time, error) {
	text = strings.TrimSpace(text)
	if text == "now" {
		return now, nil
	}
	if ago, ok := parseAgo(text); ok {
		return now.Add(-ago), nil
	}
	if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return at.UTC(), nil
	}
	day, clock, both := strings.Cut(strings.Replace(text, "T", " ", 1), " ")
	if !both {
		if date, ok := parseDay(text, now); ok {
			return date.Add(within), nil
		}
		day, clock = "today", text
	}
	date, isDay := parseDay(day, now)
	timeOfDay, isTime := parseClock(strings.TrimSpace(clock))
	if !isDay || !isTime {
		return time.Time{}, fmt.Errorf("%.60q is no time: want %s", text, Moments)
	}
	return date.Add(timeOfDay), nil
}

func parseDay(text string, now time.Time) (time.Time, bool) {
	today := now.Truncate(24 * time.Hour)
	switch text {
	case "today":
		return today, true
	case "yesterday":
		return today.AddDate(0, 0, -1), true
	}
	date, err := time.Parse(time.DateOnly, text)
	return date, err == nil
}

// parseClock returns how far into a day a time of day is.
func parseClock(text string) (time.Duration, bool) {
	for _, layout := range []string{"15:04", "15:04:05"} {
		if at, err := time.Parse(layout, text); err == nil {
			return at.Sub(at.Truncate(24 * time.Hour)), true
		}
	}
	return 0, false
}

var (
	agoPattern  = regexp.MustCompile(`^(?:\d+(?:\.\d+)?(?:ms|[wdhms]) ?)+$`)
	partPattern = regexp.MustCompile(`(\d+(?:\.\d+)?)(ms|[wdhms])`)
	units       = map[string]time.Duration{
		"w": 7 * 24 * time.Hour, "d": 24 * time.Hour, "h": time.Hour, "m": time.Minute, "s": time.Second, "ms": time.Millisecond,
	}
)

// parseAgo reads a length of time.
func parseAgo(text string) (ago time.Duration, ok bool) {
	text = strings.TrimSpace(strings.TrimSuffix(text, "ago"))
	if !agoPattern.MatchString(text) {
		return 0, false
	}
	for _, part := range partPattern.FindAllStringSubmatch(text, -1) {
		n, err := strconv.ParseFloat(part[1], 64)
		if err != nil || n*float64(units[part[2]]) > float64(100*365*units["d"]) {
			return 0, false // further than any history
		}
		ago += time.Duration(n * float64(units[part[2]]))
	}
	return ago, true
}
