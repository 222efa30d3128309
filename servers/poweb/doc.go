// Package poweb is the gateway's PoWeb server (RS-016): private gateways
// register, deliver parcels and collect theirs.
//
//	GET  /                          200, for load balancers
//	GET  /connection-params.der     how to reach this gateway (RS-003)
//	POST /v1/pre-registrations      a short-lived authorisation to register
//	POST /v1/nodes                  registration
//	POST /v1/parcels                a parcel and its countersignature
//	GET  /v1/parcel-collection      a WebSocket on which parcels come
//
// RS-016 gives some of these, and some header fields, names that no released
// client uses; both spellings are served (see names.go).
//
// It guarantees:
//
//   - A 200 to a registration is sent after the session key and the event are
//     durable, a 202 to a parcel after the parcel is.
//   - An authorisation registers once, on whichever replica, and a refused
//     registration leaves nothing behind.
//   - On a collection one parcel is in flight at a time, because deployed clients
//     lose the second of two; the next one is sent when the acknowledgement of
//     the one before is durable.
//   - Every connection is read and pinged at all times, also while storage is slow
//     or a large parcel is on its way; a silent one is dropped.
//   - A parcel that cannot be read is passed over and reported, and never keeps
//     others back. Expired parcels are withheld.
//   - Close code 1000 means that everything was collected, and nothing else.
package poweb
