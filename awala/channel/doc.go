// Package channel applies the rules of the channel session protocol (RS-003):
// with which key a payload is opened and sealed, and which key of the peer is
// remembered.
//
// The rules. Each node gives every peer session keys of its own, bound to that
// peer; only the first message of a peer may be encrypted to an initial key,
// which is bound to nobody. Every message carries the sender's next public key
// and the recipient remembers the one that came in the message with the latest
// creation date, since messages may arrive in any order. Keys are not used up:
// a peer keeps encrypting to the last key it learnt.
//
// Where keys are kept is the caller's affair: see [Keys] and [PeerKeys].
//
// Errors are of two sorts, because callers must tell them apart. Those that are
// about the message wrap one of this package's and are final: see [IsFinal]. Any
// other is passed on as it came from a port; trying again may help.
package channel
