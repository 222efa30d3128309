package jetstream_test

import (
	"errors"
	"testing"
	"time"

	natsjs "github.com/nats-io/nats.go/jetstream"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/fault"
	"awala.network/gateway/internal/jetstream"
)

func config(t *testing.T, s *site, stream string) natsjs.StreamConfig {
	t.Helper()
	js, err := natsjs.New(s.nc)
	if err != nil {
		t.Fatal(err)
	}
	st, err := js.Stream(t.Context(), stream)
	if err != nil {
		t.Fatal(err)
	}
	return st.CachedInfo().Config
}

func TestProvisionAgainChangesNothing(t *testing.T) {
	s := newSite(t)
	if err := s.log.Provision(t.Context(), events.Streams()); err != nil {
		t.Fatal(err)
	}
	c := config(t, s, events.StreamGatewayParcels)
	if c.Storage != natsjs.FileStorage || c.Retention != natsjs.LimitsPolicy || c.Discard != natsjs.DiscardNew ||
		!c.AllowDirect || c.DenyDelete || c.DenyPurge || c.MaxAge != 0 || c.Duplicates != 10*time.Minute ||
		c.RePublish == nil || c.RePublish.Destination != "live.>" || c.MaxMsgSize != 1<<20 {
		t.Errorf("configuration %+v", c)
	}
}

func TestProvisionGrows(t *testing.T) {
	s := newSite(t)
	spec := events.StreamSpec{Name: "GROWING", Subjects: []string{"g.a"}, DuplicateWindow: time.Minute, MaxAge: events.MinRetention}
	grown := events.StreamSpec{Name: "GROWING", Subjects: []string{"g.a", "g.b"}, DuplicateWindow: time.Hour, Live: true}
	for _, spec := range []events.StreamSpec{spec, grown} {
		if err := s.log.Provision(t.Context(), []events.StreamSpec{spec}); err != nil {
			t.Fatal(err)
		}
	}
	c := config(t, s, "GROWING")
	if len(c.Subjects) != 2 || c.Duplicates != time.Hour || c.MaxAge != 0 || c.RePublish == nil {
		t.Errorf("configuration %+v", c)
	}
}

func TestProvisionRefusesToShrink(t *testing.T) {
	s := newSite(t)
	whole := events.StreamSpec{Name: "S", Subjects: []string{"s.a", "s.b"}, Live: true, DuplicateWindow: time.Hour}
	if err := s.log.Provision(t.Context(), []events.StreamSpec{whole}); err != nil {
		t.Fatal(err)
	}
	tests := map[string]func(*events.StreamSpec){
		"subjects":         func(s *events.StreamSpec) { s.Subjects = s.Subjects[:1] },
		"max_age":          func(s *events.StreamSpec) { s.MaxAge = events.MinRetention - time.Hour },
		"duplicate_window": func(s *events.StreamSpec) { s.DuplicateWindow = time.Minute },
		"republish":        func(s *events.StreamSpec) { s.Live = false },
	}
	for setting, shrink := range tests {
		t.Run(setting, func(t *testing.T) {
			spec := whole
			shrink(&spec)
			err := s.log.Provision(t.Context(), []events.StreamSpec{spec})
			var conflict *jetstream.ConflictError
			if !errors.As(err, &conflict) || conflict.Setting != setting || !fault.IsFatal(err) {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestProvisionRefusesAnotherKindOfStream(t *testing.T) {
	s := newSite(t)
	js, err := natsjs.New(s.nc)
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]natsjs.StreamConfig{
		"storage":   {Name: "MEM", Subjects: []string{"mem"}, Storage: natsjs.MemoryStorage},
		"retention": {Name: "QUEUE", Subjects: []string{"queue"}, Retention: natsjs.WorkQueuePolicy},
	}
	for setting, existing := range tests {
		if _, err := js.CreateStream(t.Context(), existing); err != nil {
			t.Fatal(err)
		}
		err := s.log.Provision(t.Context(), []events.StreamSpec{{Name: existing.Name, Subjects: existing.Subjects, DuplicateWindow: time.Hour}})
		var conflict *jetstream.ConflictError
		if !errors.As(err, &conflict) || conflict.Setting != setting {
			t.Errorf("%s: error %v", setting, err)
		}
	}
}
