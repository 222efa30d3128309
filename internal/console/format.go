package console

import (
	"fmt"
	"html/template"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"awala.network/gateway/internal/queueadmin"
)

// functions are what templates can call.
var functions = template.FuncMap{
	"stamp": stamp, "clock": clock, "iso": iso, "ago": ago, "span": span, "short": short, "count": count, "octets": octets,
	"rate": rate, "plural": plural, "escape": url.PathEscape, "add": func(a, b int) int { return a + b }, "assetTag": func() string { return assetTag },
	"percent": percent, "kind": withoutVersion, "nearURL": nearURL, "due": due, "day": func(t time.Time) string { return t.UTC().Format(time.DateOnly) },
	"at":        func(now, t time.Time) instant { return instant{now, t} },
	"parcelAt":  func(id string, at time.Time) parcelLink { return parcelLink{id, nearURL(id, at)} },
	"causeURL":  causeURL,
	"elsewhere": func(what, role, problem string) absence { return absence{what, role, problem} },
	"act":       newAct,
	"state":     func(now time.Time, d queueadmin.Destination) destinationState { return destinationState{now, d} },
}

// What parts of templates are given.
type (
	instant    struct{ Now, At time.Time }
	parcelLink struct{ ID, URL string }
	absence    struct{ What, Role, Problem string }
	// act is a change that a page offers.
	act struct {
		Changes          bool
		User             string
		Action, Verb, ID string
		Label, Do, Hint  string
		Danger           bool
	}
	destinationState struct {
		Now time.Time
		D   queueadmin.Destination
	}
)

func newAct(f frame, action, verb, id, label, do, hint string, danger bool) act {
	return act{f.Console.Changes, f.User.Name, action, verb, id, label, do, hint, danger}
}

// stamp writes an instant as people read it, in UTC.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") }

// clock is stamp without the date, to the millisecond.
func clock(t time.Time) string { return t.UTC().Format("15:04:05.000") }

func iso(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// ago says how far an instant is from now.
func ago(now, t time.Time) string {
	switch d := now.Sub(t); {
	case d < -time.Second:
		return "in " + span(-d)
	case d < time.Second:
		return "just now"
	default:
		return span(d) + " ago"
	}
}

// due says when something is to be done: what is late is done as soon as may be.
func due(now, t time.Time) string {
	if !t.After(now) {
		return "as soon as may be"
	}
	return ago(now, t)
}

// span writes a duration with one unit, or two where one says little.
func span(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < day:
		return fmt.Sprintf("%d h %02d min", int(d.Hours()), int(d.Minutes())%60)
	case d < 10*day:
		return fmt.Sprintf("%d d %d h", int(d/day), int(d%day/time.Hour))
	default:
		return fmt.Sprintf("%d d", int(d/day))
	}
}

// short returns the two ends of an id that is long.
func short(id string) string {
	const head, tail = 8, 6
	if utf8.RuneCountInString(id) <= head+tail+3 {
		return id
	}
	runes := []rune(id)
	return string(runes[:head]) + "…" + string(runes[len(runes)-tail:])
}

// count writes a number with thin spaces between thousands.
func count(n any) string {
	text := fmt.Sprint(n)
	var b strings.Builder
	for i, digit := range text {
		if i > 0 && (len(text)-i)%3 == 0 {
			b.WriteRune('\u202f')
		}
		b.WriteRune(digit)
	}
	return b.String()
}

func octets(n int64) string {
	const kib = 1024
	switch f := float64(n); {
	case n < kib:
		return fmt.Sprintf("%d B", n)
	case n < kib*kib:
		return fmt.Sprintf("%.1f KiB", f/kib)
	case n < kib*kib*kib:
		return fmt.Sprintf("%.1f MiB", f/kib/kib)
	default:
		return fmt.Sprintf("%.1f GiB", f/kib/kib/kib)
	}
}

// rate writes how often something happens, by the second or, if that is rare, by the
// minute.
func rate(perSecond float64) string {
	switch {
	case perSecond <= 0:
		return "0"
	case perSecond >= 100:
		return count(int(math.Round(perSecond))) + "/s"
	case perSecond >= 1:
		return strconv.FormatFloat(perSecond, 'f', 1, 64) + "/s"
	default:
		return strconv.FormatFloat(perSecond*60, 'f', 1, 64) + "/min"
	}
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return count(n) + " " + many
}

// percent is how much of all is done, from 0 to 100.
func percent(done, all uint64) int {
	if all == 0 {
		return 100
	}
	return int(min(done, all) * 100 / all)
}

func withoutVersion(eventType string) string {
	if i := strings.LastIndex(eventType, ".v"); i > 0 {
		return eventType[:i]
	}
	return eventType
}

// causeURL is where the event at a position in a life is, which reads STREAM SEQUENCE.
func causeURL(position string) string {
	stream, sequence, _ := strings.Cut(position, " ")
	return "/console/events/" + url.PathEscape(stream) + "/" + url.PathEscape(sequence)
}

// nearURL is where the life of a parcel is, of which something is known to have
// happened at an instant. Ids are the sender's: anything may be in them.
func nearURL(id string, at time.Time) string {
	return "/console/parcels?" + url.Values{"id": {id}, "near": {at.UTC().Format(time.RFC3339)}}.Encode()
}
