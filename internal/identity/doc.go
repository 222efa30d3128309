// Package identity is the gateway's own identity: its RSA key, its self-issued
// certificates and its initial session key (RS-002, RS-003).
//
// The history is the truth: IdentityCreated and OwnCertificateIssued events on
// the subject gateway.identity say which key is ours and which certificates we
// issued to ourselves; the private keys rest in the key store. An [Identity]
// folds those events once and keeps the result in memory, so that serving a
// request costs neither a read of the history nor one of the key store.
//
// Guarantees:
//
//   - One identity for ever: of all the IdentityCreated events the first counts,
//     whichever process recorded it. Several processes may start at once on empty
//     backing services and agree.
//   - A key is durable in the key store before any event names it.
//   - Certificates are valid for [CertificateLife], which is the most that RS-002
//     allows, and earlier ones stay trusted until they expire.
package identity
