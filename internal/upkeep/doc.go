// Package upkeep is what operators do to a running gateway's read models and to
// the messages that its workers set aside: the routes of the admin server and
// their client.
//
//	GET  /projections                 a list of projections.Status
//	GET  /projections/NAME            one
//	POST /projections/NAME/rebuild    ?fresh=true ?compare=true
//	POST /projections/NAME/verify
//	GET  /projections/totals          ?from=DATE ?to=DATE: projections.Day by date
//	POST /forget                      a handlers.ForgetOrder
//	GET  /parked                      a list of parked messages; ?state=replayed
//	GET  /parked/ID                   a [Shown]
//	POST /parked/ID/replay
//	POST /parked/ID/drop              ?reason=TEXT
//
// Rebuilding, verifying and forgetting answer with lines of JSON, each a [Line]: progress,
// differences, and at the end what was done, or an error. They go on only as long
// as the client listens, and may be interrupted at any moment. Other errors are a
// line of text with a status.
//
// The routes of projections are those of processes that keep projections, and a
// parked message is replayed by a process that runs its consumer: others answer
// 404 or 421.
package upkeep
