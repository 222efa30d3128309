package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"awala.network/gateway/internal/queueadmin"
	"awala.network/gateway/internal/telemetry"
	"awala.network/gateway/projections"
)

// shortID is how much of an id is shown in lists: enough to select by.
const shortID = 12

func brief(id string) string {
	if len(id) > shortID {
		return id[:shortID]
	}
	return id
}

// span writes a length of time with its two largest units: 3m12s, 2h5m, 4d3h.
func span(d time.Duration) string {
	const day = 24 * time.Hour
	switch d = d.Abs(); {
	case d < time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%dm%ds", d/time.Minute, d%time.Minute/time.Second)
	case d < day:
		return fmt.Sprintf("%dh%dm", d/time.Hour, d%time.Hour/time.Minute)
	default:
		return fmt.Sprintf("%dd%dh", d/day, d%day/time.Hour)
	}
}

// until writes how long it is to an instant, "now" if it is past and "-" if there
// is none.
func until(at, now time.Time) string {
	switch {
	case at.IsZero():
		return "-"
	case !at.After(now):
		return "now"
	default:
		return span(at.Sub(now))
	}
}

// since writes how long ago an instant was, "-" if there is none.
func since(at, now time.Time) string {
	if at.IsZero() {
		return "-"
	}
	return span(now.Sub(at))
}

func octets(n int64) string {
	switch {
	case n < 1<<10:
		return fmt.Sprintf("%dB", n)
	case n < 1<<20:
		return fmt.Sprintf("%.1fKiB", float64(n)/(1<<10))
	default:
		return fmt.Sprintf("%.1fMiB", float64(n)/(1<<20))
	}
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func writePage(w io.Writer, page queueadmin.Page, state projections.DeliveryState, now time.Time) error {
	if len(page.Parcels) == 0 {
		_, err := fmt.Fprintln(w, "No parcel fits.")
		return err
	}
	if err := writeParcels(w, page.Parcels, now); err != nil {
		return err
	}
	if state != "" && !state.Open() {
		_, err := fmt.Fprintf(w, "\n%s shown\n", count(len(page.Parcels)))
		return err
	}
	_, err := fmt.Fprintf(w, "\n%s, %s", count(page.Matched), octets(page.Size))
	if err == nil && len(page.Parcels) < page.Matched {
		_, err = fmt.Fprintf(w, "; %d shown", len(page.Parcels))
	}
	if err == nil {
		_, err = fmt.Fprintln(w)
	}
	return err
}

func writeParcels(w io.Writer, parcels []queueadmin.Parcel, now time.Time) error {
	if len(parcels) == 0 {
		return nil
	}
	list := newListing("ID", "STATE", "AGE", "TRIES", "NEXT", "SIZE", "DESTINATION", "LAST ERROR")
	for _, p := range parcels {
		next := until(p.NextAttemptAt, now)
		switch {
		case p.InFlight:
			next = "trying"
		case p.State == projections.DeliveryHeld, !p.State.Open():
			next = "-"
		}
		reason := p.LastError
		if p.Reason != "" {
			reason = p.Reason
		}
		list.add(brief(p.ID), p.State, since(p.AcceptedAt, now), p.Attempts, next, octets(p.Size), p.Destination, orDash(reason))
	}
	return list.write(w, telemetry.TerminalWidth(w))
}

func writeParcel(w io.Writer, p queueadmin.Parcel, now time.Time) error {
	table := tabwriter.NewWriter(telemetry.Plain(w), 0, 0, 2, ' ', 0)
	line := func(name, format string, args ...any) { fmt.Fprintf(table, name+"\t"+format+"\n", args...) }
	line("Id", "%s", p.ID)
	line("Parcel", "%s (%s)", p.ParcelID, octets(p.Size))
	line("State", "%s", p.State)
	line("Destination", "%s", p.Destination)
	line("Recipient", "%s", p.Recipient)
	line("Sender", "%s", p.Sender)
	line("Private gateway", "%s, by %s", p.PrivateGateway, p.Via)
	line("Accepted", "%s (%s ago)", p.AcceptedAt.Format(time.RFC3339), since(p.AcceptedAt, now))
	line("Attempts", "%d", p.Attempts)
	if !p.LastAttemptAt.IsZero() {
		line("Last attempt", "%s (%s ago)", p.LastAttemptAt.Format(time.RFC3339), since(p.LastAttemptAt, now))
		line("Last status", "%d", p.LastStatus)
		line("Last error", "%s", orDash(p.LastError))
	}
	switch {
	case !p.EndedAt.IsZero():
		line("Ended", "%s (%s ago)", p.EndedAt.Format(time.RFC3339), since(p.EndedAt, now))
		line("Reason", "%s", orDash(p.Reason))
	case p.State == projections.DeliveryHeld:
		line("Held by", "%s", orDash(p.HeldBy))
		line("Held because", "%s", orDash(p.HeldReason))
	default:
		line("Next attempt", "%s", until(p.NextAttemptAt, now))
		line("Given up in", "%s", until(p.Deadline, now))
	}
	line("Expires in", "%s", until(p.ExpiresAt, now))
	return table.Flush()
}

func writeStats(w io.Writer, s queueadmin.Stats, now time.Time) error {
	if s.Queued+s.Deferred+s.Held+s.InFlight == 0 && len(s.Destinations) == 0 {
		_, err := fmt.Fprintln(w, "Nothing waits for other Internet nodes.")
		return err
	}
	_, err := fmt.Fprintf(w, "queued %d, deferred %d, held %d, in flight %d, oldest %s\n",
		s.Queued, s.Deferred, s.Held, s.InFlight, since(s.OldestSince, now))
	if err != nil || len(s.Destinations) == 0 {
		return err
	}
	fmt.Fprintln(w)
	list := newListing("DESTINATION", "WAITING", "OLDEST", "IN FLIGHT", "BREAKER", "NEXT PROBE", "LAST ERROR")
	for _, d := range s.Destinations {
		breaker, reason := string(d.Breaker), d.LastError
		switch {
		case d.Held:
			breaker, reason = "held", d.HeldReason
		case d.Elsewhere:
			breaker = "elsewhere"
		}
		probe := "-"
		if d.Failures > 0 && !d.Held {
			probe = until(d.OpenUntil, now)
		}
		list.add(d.Name, d.Waiting, since(d.OldestSince, now), d.InFlight, breaker, probe, orDash(reason))
	}
	return list.write(w, telemetry.TerminalWidth(w))
}

func writeDone(w io.Writer, a queueadmin.Action, done queueadmin.Done, now time.Time) error {
	if a.DryRun {
		if err := writeParcels(w, done.Parcels, now); err != nil {
			return err
		}
	}
	what := count(done.Matched)
	if a.Whole != "" {
		what = fmt.Sprintf("destination %s with %s", a.Whole, what)
	}
	format := "%s: %s, %s\n"
	if a.DryRun {
		format = "\nwould %s: %s, %s\n"
	}
	_, err := fmt.Fprintf(w, format, a.Verb, what, octets(done.Size))
	return err
}
