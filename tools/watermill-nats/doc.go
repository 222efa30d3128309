// Package watermillnats is the evidence for docs/adr/0003-watermill-adapter.md:
// it runs the fault scenarios of internal/jetstream/faulttest against
// watermill-nats and against our own subscriber, and says what became of each.
//
//	cd tools/watermill-nats && go test -v ./...
//
// The test passes as long as the outcomes are those that the decision rests on.
// When it fails because a newer watermill-nats does better, look at the decision
// again. It is a module of its own so that the gateway does not depend on what
// it does not use.
package watermillnats
