// Package workers runs handlers over the event history: a Watermill router in
// which every handler stands behind the same middleware, and a group that runs
// routers and tickers under one owner.
//
// What becomes of a message depends on the class of the handler's error (see
// internal/fault), never on its text:
//
//   - nil: the message is acknowledged.
//   - transient: the handler is tried again at once, a few times with backoff;
//     then the message goes back to the server, which delivers it again later,
//     perhaps to another process. That goes on until the attempts are exhausted.
//   - permanent, unreadable, or exhausted, also by processes that died of it: the
//     message is parked, that is, an [events.MessageParked] is recorded. The message
//     is acknowledged only once that is durable; until then it counts as transient.
//   - fatal: the message goes back, and the router stops with the error.
//
// So no message is lost, and none stops the others. A handler may run more than
// once for a message, and must be idempotent.
package workers
