// Package limits keeps one client from taking what is everybody's: the requests
// that a server has in hand, the memory for their bodies, connections, and what
// costs much, such as registrations. It belongs to one server of one process: it
// keeps no state elsewhere, so that two processes grant twice as much.
//
// A client is an address: one of IPv4, or a network of 64 bits of IPv6, which is
// what a single customer gets. Behind proxies that the operator trusts it is the
// address that these forwarded ([Proxies]). Addresses that the operator exempts,
// by default those of private networks, have no limits of their own: they are
// mostly a proxy that nobody declared, which stands for everybody.
//
// Guarantees:
//
//   - A passing limit is told apart from all else by [ErrBusy], after a wait of
//     bounded length. Whoever answers must take a code upon which clients keep
//     their parcel and come back: 503, or UNAVAILABLE in gRPC. 429 is none, since
//     released PoHTTP clients drop the parcel.
//   - A [Gate] serves those who wait in turn by client, not by request, and keeps
//     a part of its capacity from each of them. So a flood from one client costs
//     another one turn.
//   - Memory is bounded: tables of clients forget the one that has been quiet for
//     the longest, those who wait are bounded by client.
//   - Every refusal is counted, under labels of ours.
package limits
