// Package delivery is the queue of the parcels that are bound for other Internet
// nodes, and the worker that attempts them. It behaves like the queue manager of
// a mail transfer agent.
//
// The schedule is durable because it is a fold: a parcel is in the [Queue] from
// its InternetParcelAccepted to its end, and is next due when its last
// InternetParcelDeferred says. [Follower] builds the queue from the projections
// and keeps it at the end of the history; nothing changes a parcel in the queue
// but what was recorded. Nothing is attempted before the end of the history was
// reached once. See docs/adr/0010-delivery-schedule.md.
//
// Isolation: a parcel takes up a place among those in flight only while it is
// being attempted, and how many those may be is bounded
//
//   - for each destination, by a window that starts small and grows with success,
//     and by a breaker that lets one probe through after growing pauses once a
//     destination failed several times in a row;
//   - for all destinations that fail, and for all of which nothing is known yet,
//     by a share of the whole: the rest is for those that work.
//
// New parcels do not wait behind retries: in a destination they go first, but for
// every fourth turn, and retries as a whole have only a part of the places.
//
// All state is in memory, about a kilobyte for each open parcel. Several workers
// may run: each follows everything and attempts the destinations that are its own
// ([Owner]).
package delivery
