// Package console is the operators' web console, a part of the admin server below
// /console: what moves and what waits, the life of a parcel, the event history, private
// gateways, destinations, parked messages, projections.
//
// Pages are HTML from templates that are compiled in, with one style sheet and one
// script, which keeps them up to date; every page works without it. Nothing comes from
// elsewhere, and the content security policy allows nothing inline.
//
// It keeps no state but the rates of the last quarter of an hour and what rebuilds and
// verifications that it began have told. What it shows it asks of the packages that own
// it, and what it changes goes the way that the commands take.
//
// Guarantees:
//
//   - It changes nothing unless [Options.Changes] is set, and then only by POST from
//     its own pages. What is changed is recorded with the user's name and reason.
//   - What others have written (ids, reasons, errors) is text wherever it is shown.
//   - No page reads the history without a bound: a search takes a slice of time, shows
//     what it found, and leads to the next slice.
package console
