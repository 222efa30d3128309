// Package resolver finds the hosts of a service: SRV records (RFC 2782) over
// DNS-over-HTTPS in wire format (RFC 8484), or from a trusted resolver over UDP
// and TCP.
//
// Guarantees:
//
//   - Nothing is believed that the resolver did not validate with DNSSEC: an
//     answer without the AD bit (RFC 4035 §3.2.3) is [ErrInsecure]. The resolver
//     is therefore trusted, and the way to it must be: over HTTPS it is.
//   - That a name does not exist is an answer, [ErrNotFound], and only if it was
//     validated too. Everything else that goes wrong is transient.
//   - Answers of both kinds are kept for their TTL, within bounds of time and
//     number ([Cache]). Failures are not kept.
package resolver
