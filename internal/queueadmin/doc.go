// Package queueadmin lets operators see and change the delivery queue of a
// running gateway: a part of the admin server and its client.
//
//	GET  /queue/parcels       deliveries that a filter selects, as a [Page]
//	GET  /queue/parcels/{id}  one delivery, also if it has ended
//	GET  /queue/destinations  what is known of each destination: [Stats]
//	POST /queue/actions       does an [Action], or tells what it would do
//
// Any process with the delivery role answers for all of them, because each
// follows the whole history; only what is in flight and the state of a breaker is
// known to the one process that attempts the destination. Whatever is changed is changed by an event that
// holds the operator's name and reason; the answer comes when it is durable.
package queueadmin
