// Package gateway is the embeddable runtime: it assembles backing services and
// roles, starts and stops them in order, and knows whether they are ready. The
// command line parses flags and calls [Run]; tests call [Start] and
// [Gateway.Stop] in their own process.
//
// # Order
//
// Stages start in this order and stop in the reverse one:
//
//	admin        /healthz answers from here on; /readyz says "starting"
//	services     history, blobs, documents, keys; streams; identity
//	projections  folded up to the end of the history
//	workers      housekeeping and handlers
//	servers      listen; /readyz turns 200
//
// A stop first turns /readyz to 503, then each stage has its time: servers stop
// accepting, finish the requests they have and close WebSockets with a code that
// makes clients come back; workers finish what they have in hand, and what they
// do not finish is taken up after the next start; projections save their
// checkpoint; stores are closed. The whole takes at most [StopTimeout]; what does
// not stop in its time is left to the end of the process, which is safe at any
// instant, because everything acknowledged is on disk.
//
// Servers' sockets are opened before anything else, so that a port that is taken
// stops the start at once, but nothing is accepted before everything is ready.
//
// # Roles
//
// A role is one value of [role] in one file, listed in one place ([Standalone]
// and its siblings). It takes from the assembly what it needs and registers what
// must be stopped.
package gateway
