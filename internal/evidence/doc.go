// Package evidence makes the event history tamper-evident: whoever kept a
// checkpoint can prove later that nothing before it was altered, removed or
// inserted, and which event was, if one was.
//
// Each stream is the leaves of one Merkle tree (RFC 6962 §2.1, by
// golang.org/x/mod/sumdb/tlog). The leaf at index i is the event at sequence i+1
// in a canonical form ([LeafData]), or a note that there was none. Its tree is
// kept in the object store as tiles of height 8, whose hashes stay when old events
// are removed by retention, so that what remains can still be verified:
//
//	evidence/key                       the public key (golang.org/x/mod/sumdb/note)
//	evidence/<stream>/tile/8/L/N       a full tile: 256 hashes, for ever
//	evidence/<stream>/tile/8/L/N.p/W   the right edge, replaced as the tree grows
//	evidence/<stream>/checkpoint       the newest checkpoint
//	evidence/<stream>/checkpoints/S    the checkpoint of size S, for ever
//
// A checkpoint is a note signed with Ed25519, in the form of C2SP tlog-checkpoint.
// Its private key is in the key store.
//
// # Guarantees
//
// What [Recorder] writes depends on the stream and the key alone: any number of
// processes may record at once, and one that is killed leaves nothing that the
// next would not write. It signs only trees that extend the newest checkpoint,
// whose signature and stored edge it verifies first. That the history still is what
// was signed is verified by [Audit], which names the first event that is not.
package evidence
