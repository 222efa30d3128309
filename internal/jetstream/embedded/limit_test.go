package embedded

import "testing"

// TestNoLimitBeforeTheDisks: a limit that depends on what is free at the start refuses
// events after a restart while there is room.
func TestNoLimitBeforeTheDisks(t *testing.T) {
	server, err := Start(t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	if got := server.ns.JetStreamConfig().MaxStore; got != noLimit {
		t.Errorf("at most %d octets of history", got)
	}
}
