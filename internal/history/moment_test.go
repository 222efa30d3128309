package history_test

import (
	"testing"
	"time"

	"awala.network/gateway/internal/history"
)

func TestMoments(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 30, 15, 0, time.FixedZone("", 3600)) // 11:30:15 UTC
	tests := map[string]struct{ since, until string }{
		"now":                       {since: "2026-03-01T11:30:15Z"},
		"2h":                        {since: "2026-03-01T09:30:15Z"},
		"2h ago":                    {since: "2026-03-01T09:30:15Z"},
		"1h30m":                     {since: "2026-03-01T10:00:15Z"},
		" 90s ago ":                 {since: "2026-03-01T11:28:45Z"},
		"1.5h":                      {since: "2026-03-01T10:00:15Z"},
		"250ms":                     {since: "2026-03-01T11:30:14.75Z"},
		"3d":                        {since: "2026-02-26T11:30:15Z"},
		"1w 2d 3h ago":              {since: "2026-02-20T08:30:15Z"},
		"0s":                        {since: "2026-03-01T11:30:15Z"},
		"today":                     {"2026-03-01T00:00:00Z", "2026-03-01T23:59:59.999999999Z"},
		"yesterday":                 {"2026-02-28T00:00:00Z", "2026-02-28T23:59:59.999999999Z"},
		"2026-01-31":                {"2026-01-31T00:00:00Z", "2026-01-31T23:59:59.999999999Z"},
		"14:30":                     {since: "2026-03-01T14:30:00Z"},
		"14:30:05.5":                {since: "2026-03-01T14:30:05.5Z"},
		"yesterday 14:30":           {since: "2026-02-28T14:30:00Z"},
		"today 00:00":               {since: "2026-03-01T00:00:00Z"},
		"2026-01-31 14:30:05":       {since: "2026-01-31T14:30:05Z"},
		"2026-01-31T14:30":          {since: "2026-01-31T14:30:00Z"},
		"2026-01-31T14:30:05.123Z":  {since: "2026-01-31T14:30:05.123Z"},
		"2026-01-31T14:30:00+02:00": {since: "2026-01-31T12:30:00Z"},
	}
	for text, want := range tests {
		if want.until == "" {
			want.until = want.since // it is no whole day
		}
		since, err := history.ParseSince(text, now)
		until, errUntil := history.ParseUntil(text, now)
		if err != nil || errUntil != nil {
			t.Errorf("%q: %v, %v", text, err, errUntil)
			continue
		}
		if got := since.Format(time.RFC3339Nano); got != want.since {
			t.Errorf("since %q is %s, want %s", text, got, want.since)
		}
		if got := until.Format(time.RFC3339Nano); got != want.until {
			t.Errorf("until %q is %s, want %s", text, got, want.until)
		}
	}
	for _, text := range []string{
		"", "ago", "tomorrow", "2", "-2h", "2x", "2h later", "yesterday noon", "31.1.2026", "2026-02-30", "25:00", "99999999999w",
		"monday 14:30", "h", "1h-30m",
	} {
		if at, err := history.ParseSince(text, now); err == nil {
			t.Errorf("%q is %v", text, at)
		}
	}
}
