// Package postman delivers parcels to other Internet nodes: the client side of
// PoHTTP (RS-007).
//
// [Client.Deliver] finds the servers of an Internet address, posts the parcel to
// them, and says in a [pohttp.Result] what to do next: it is done, it was refused for
// good, or it must be tried later. It never tries later by itself.
//
// Guarantees:
//
//   - No connection is made to an address that is not public, whichever way a
//     name or a redirect leads there: the very address that is dialled is checked
//     (see guard.go). Nor is a parcel sent without TLS. Both can be allowed; an
//     [Override] allows them for its own URL alone.
//   - A name's servers come from DNSSEC-validated answers (package resolver), and
//     prove by certificate that they are the host that the answer names.
//   - Connections are kept and shared, HTTP/2 where offered, within bounds.
//   - An answer is read within bounds of size and time, and a request takes at
//     most [Timeout] of its size.
//   - No proxy is used, whatever the environment says.
package postman
