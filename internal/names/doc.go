// Package names keeps the pseudonyms under which the history has private gateways,
// and the keys to what it has of them, in the key store: it is the events.Names of a
// gateway, and where a private gateway is forgotten.
//
// Each private gateway has one random key, from which its pseudonym is derived. It is
// found in two records, by the gateway's id for recording and by the pseudonym for
// reading (see internal/keystore). Who forgets the gateway destroys both, and leaves
// the note that this was done on purpose, so that a lost key is never taken for it.
//
// # What is in memory
//
// Names are asked for with every event, so they are kept in memory, without end in
// time but only while the process has lately seen, at most a [Lease] ago, that nothing
// was forgotten meanwhile: that is one question to the history for all names, not one
// to the key store for each. So after [Fence] from the moment at which the history
// says that a gateway is being forgotten, nobody records anything under its old name.
package names
