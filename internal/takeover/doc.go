// Package takeover moves a running deployment of the Node.js gateway of the NATS
// Streaming generation into this gateway: its identity and keys, what it knows of
// private gateways, and everything that waits in it.
//
// The other gateway's stores are read and never changed: nothing is written,
// deleted or acknowledged there. So it can go on at any time as if nothing had been,
// until this gateway was started.
//
// A [Takeover] makes passes. Each takes what is new there, and ends here what has
// ended there since the last one: a parcel that was collected, delivered or
// unwrapped there is not handed out again. So passes can be made while the other
// gateway works, be killed at any moment, and be made again; the last one, when
// the other gateway has stopped, completes the takeover.
//
// What waits there is
//
//   - for private gateways: the objects below parcels/gateway-bound/, whether or not
//     the channel pdc-parcel.<id> names them, but for those whose last message in it
//     was acknowledged: their deletion was all that was left to do;
//   - for other Internet nodes: the objects below parcels/endpoint-bound/, whether or
//     not internet-parcels names them: they are deleted when they are delivered or
//     given up, and only then is the message acknowledged;
//   - cargoes: what the durable queue group of crc-cargo has not acknowledged.
//
// What a queue group has not acknowledged is what comes after the last message
// that it was sent, as the monitoring endpoint tells, and what it was sent and is
// pending. Which messages those are is learnt by joining the group with room for
// these alone, without acknowledging them; they are pending again afterwards. This is
// done when nobody else is in the group and never in a dry run.
//
// The ports to the other gateway's stores are in source.go, their adapters in
// formermongo, formers3 and formerstan; its keys are in the layout of
// internal/keystore. What is recorded is recorded by handlers.TakeOver and
// internal/identity, under the ids and keys that it would have got here.
package takeover
