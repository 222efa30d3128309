// Package jetstreamtest gives tests an event history of their own, on a real
// JetStream server inside the test's process.
package jetstreamtest

import (
	"testing"

	"awala.network/gateway/events"
	"awala.network/gateway/events/eventstest"
	"awala.network/gateway/internal/jetstream"
	"awala.network/gateway/internal/jetstream/embedded"
)

// Open returns a history with every stream of [events.Streams], in which the names
// of private gateways are sealed. All of it is gone when the test ends.
func Open(tb testing.TB) *jetstream.Log {
	tb.Helper()
	return OpenNamed(tb, eventstest.NewNames())
}

// OpenNamed is Open with these names.
func OpenNamed(tb testing.TB, names events.Names) *jetstream.Log {
	tb.Helper()
	server, err := embedded.Start(tb.TempDir(), embedded.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(server.Close)
	nc, err := server.Conn()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(nc.Close)
	log, err := jetstream.Open(tb.Context(), nc, jetstream.Options{Sync: server.SyncAlways, Names: names})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(log.Close)
	if err := log.Provision(tb.Context(), events.Streams()); err != nil {
		tb.Fatal(err)
	}
	return log
}
