// Package projections turns the event history into read models: what is queued
// for each private gateway ([Mailbox]), what is known of each ([Peers]), the
// deliveries to the Internet ([Deliveries]), what workers set aside
// ([ParkedMessages]), and how much there was on each day ([Totals]).
//
// A projection is a pure fold. It has no effects, takes the time from events
// alone, and can be dropped and rebuilt from the streams at any moment, also
// beside the live one. A [Runner] keeps one up to date in a document store, a
// batch of records at a time. It may be stopped at any point and given the same
// records again: a document takes a record only once.
//
// A projection has versions, each a collection of its own, and a manifest that says
// which one is live. [Maintenance] fills a new version from the beginning of the
// history beside the live one and switches to it in one step; [Current] follows the
// live one for readers, who see no hole at the switch. It can be interrupted
// anywhere. Should the store lose a projection, or everything, the runner starts
// again, and the mailbox's readers go by the stream alone until it is done.
//
// The mailbox is also read at the moment of serving, where running behind would
// mean handing out what has been collected. So [Reader] folds the tail of the
// stream on top of the stored projection: its answers are exact at the moment of
// asking, however far the projection lags. [Feed] goes on from there with what
// is stored live. No parcel falls between the two.
package projections
