package config

import (
	"testing"
	"time"

	"awala.network/gateway/awala/ramf"
	"awala.network/gateway/events"
)

func TestRetention(t *testing.T) {
	for text, want := range map[string]time.Duration{"forever": 0, "190d": 190 * day, "400d": 400 * day} {
		var r Retention
		if err := r.Set(text); err != nil || time.Duration(r) != want || r.String() != text {
			t.Errorf("%s: %v, %v", text, r.String(), err)
		}
	}
	for _, bad := range []string{"", "0", "0d", "189d", "-400d", "4800h", "400", "1e3d", "999999d"} {
		var r Retention
		if err := r.Set(bad); err == nil {
			t.Errorf("%q became %v", bad, r.String())
		}
	}
}

// TestRetentionOutlivesParcels: no parcel or cargo can be open whose events are gone,
// though its sender's clock be wrong and housekeeping be away for days.
func TestRetentionOutlivesParcels(t *testing.T) {
	if events.MinRetention < ramf.MaxTTL+9*day {
		t.Errorf("%v", events.MinRetention)
	}
}

func TestStreamsAreKeptAsSet(t *testing.T) {
	c := Default()
	c.History = History{
		KeepCargo: Retention(200 * day), KeepInternetParcels: Retention(300 * day), KeepGatewayParcels: Retention(400 * day),
		KeepParked: Retention(500 * day),
	}
	want := map[string]time.Duration{
		events.StreamCargo: 200 * day, events.StreamInternetParcels: 300 * day, events.StreamGatewayParcels: 400 * day,
		events.StreamParked: 500 * day, events.StreamGateway: 0,
	}
	for _, s := range c.History.Streams() {
		if s.MaxAge != want[s.Name] {
			t.Errorf("%s is kept for %v", s.Name, s.MaxAge)
		}
	}
}
