// Package events is the language of the gateway: every fact that the system
// records, the channel that it is recorded on, and its form on the wire.
//
// The history is the source of truth. Each ingress stores a blob and appends
// one event; everything else (mailboxes, deliveries, peers) is a fold over the
// events. So this package promises more than others do:
//
//   - An event type, once released, is never removed, and its fields are only
//     ever added to. A new meaning is a new version of the type.
//   - Every released version has a golden file in testdata/ for ever, and is read
//     as the newest version says it (see [Upcast]).
//   - Events hold identifiers, sizes, digests and blob keys. They never hold
//     payloads or private keys.
//   - Derived events have identifiers computed from their cause (see
//     [DeriveID]), so that a handler that runs twice says the same thing twice.
//
// On the wire an event is a CloudEvents 1.0 message in binary mode: attributes
// in headers, a JSON body (see [Encode] and [Decode]).
//
// The package knows nothing of NATS connections, only of subjects and headers;
// the adapter is internal/jetstream.
package events
