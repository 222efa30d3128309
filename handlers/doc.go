// Package handlers holds the use cases of the gateway: what happens when a
// parcel comes in, is collected, expires, is replaced, or has ended, and when a
// courier brings cargo or takes it along. One use case, one file.
//
// Servers and workers call them; each is told its services as small ports. All
// of them follow one rule: the blob is durable before the event that names it,
// the event before the answer, and a blob is deleted only after the event that
// ended its parcel is durable. So a crash between two steps leaves at most a blob
// that no event names, which expires by itself, or an ended parcel's blob, which
// DeleteBlob removes when it is run again. Every use case can be run twice; its
// file says why.
//
// Errors: a [Refusal] is permanent and blames the input. Everything else is
// transient unless package fault marks it.
package handlers
