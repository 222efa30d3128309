// Package doctor examines what a gateway rests on, and tells an operator what is
// wrong with it and how to put it right.
//
// Guarantees:
//
//   - It changes nothing that a gateway or anybody else uses. Under names of its own
//     it writes one object and one collection, and removes them again.
//   - Each finding that is not in order comes with a fix. Secrets are in none.
//   - It ends: each examination has a bounded time, and one that fails or hangs hides
//     no other.
package doctor
