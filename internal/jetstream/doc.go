// Package jetstream keeps the event history on NATS JetStream.
//
// It is the only package that knows how the history is stored. It offers
//
//   - [Log]: append an event, read single events without a consumer, watch
//     subjects live, and provision the streams;
//   - [Reader] and [BatchSubscriber]: ordered reading for projections, which
//     keep their own checkpoint;
//   - [Subscriber] and [Publisher]: Watermill's interfaces over durable pull
//     consumers, for workers.
//
// # Durability
//
// RS-000 §Reliability demands that what was acknowledged survives a power cut.
// JetStream acknowledges before fsync unless the server runs with sync_interval
// "always". So [Open] refuses to work until its [SyncCheck] has confirmed that
// setting. An append that returned without error is on disk: on a majority of
// the replicas, or on the one server there is.
//
// # Failure
//
// Every error is transient (see internal/fault) unless its function says
// otherwise. Reading and subscribing outlive reconnects and server restarts.
package jetstream
