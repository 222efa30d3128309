package overview

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Gauges are the metrics of what waits. They carry what the last observation saw.
type Gauges struct {
	sources *Sources

	lag, lagAge, messages, bytes *prometheus.GaugeVec
	waiting, age, behind         *prometheus.GaugeVec
}

// NewGauges registers, with Consumers to be called again and again,
//
//	awala_consumer_lag_messages{stream,consumer}
//	awala_consumer_oldest_seconds{stream,consumer}
//	awala_stream_messages{stream}, awala_stream_bytes{stream}
//
// and with Channels
//
//	awala_channel_waiting{channel}, awala_channel_oldest_seconds{channel}
//	awala_projection_lag_events{projection}
//
// A metric appears with its first observation.
func NewGauges(s *Sources, registerer prometheus.Registerer) *Gauges {
	g := &Gauges{sources: s}
	for _, one := range []struct {
		gauge      **prometheus.GaugeVec
		name, help string
		labels     []string
	}{
		{&g.lag, "awala_consumer_lag_messages", "Messages that wait for a worker's acknowledgement.", []string{"stream", "consumer"}},
		{&g.lagAge, "awala_consumer_oldest_seconds", "Age of the first message that waits for a worker's acknowledgement, 0 if there is none.", []string{"stream", "consumer"}},
		{&g.messages, "awala_stream_messages", "Records in a stream of the history.", []string{"stream"}},
		{&g.bytes, "awala_stream_bytes", "Octets of a stream of the history.", []string{"stream"}},
		{&g.waiting, "awala_channel_waiting", "What was accepted in a channel and has not come to its end.", []string{"channel"}},
		{&g.age, "awala_channel_oldest_seconds", "Age of the first of what waits in a channel, 0 if there is none.", []string{"channel"}},
		{&g.behind, "awala_projection_lag_events", "Records that a projection does not hold yet.", []string{"projection"}},
	} {
		*one.gauge = prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: one.name, Help: one.help}, one.labels)
		registerer.MustRegister(*one.gauge)
	}
	return g
}

// Consumers observes the history and its consumers.
func (g *Gauges) Consumers(ctx context.Context) error {
	consumers, err := g.sources.consumers(ctx)
	if err != nil {
		return err
	}
	now := g.sources.Now()
	for _, c := range consumers {
		g.lag.WithLabelValues(c.Stream, c.Name).Set(float64(c.Lag))
		g.lagAge.WithLabelValues(c.Stream, c.Name).Set(age(c.OldestSince, now))
	}
	seen := map[string]bool{}
	for _, m := range g.sources.Models {
		if seen[m.Stream] {
			continue
		}
		seen[m.Stream] = true
		state, err := g.sources.History.State(ctx, m.Stream)
		if err != nil {
			return err
		}
		g.messages.WithLabelValues(m.Stream).Set(float64(state.Messages))
		g.bytes.WithLabelValues(m.Stream).Set(float64(state.Bytes))
	}
	return nil
}

// Channels observes the channels and the projections.
func (g *Gauges) Channels(ctx context.Context) error {
	consumers, err := g.sources.consumers(ctx)
	if err != nil {
		return err
	}
	all, err := g.sources.channels(ctx, consumers)
	if err != nil {
		return err
	}
	now := g.sources.Now()
	for _, c := range all {
		g.waiting.WithLabelValues(c.Name).Set(float64(c.Waiting))
		g.age.WithLabelValues(c.Name).Set(age(c.OldestSince, now))
	}
	behind, err := g.sources.projections(ctx)
	for _, p := range behind {
		g.behind.WithLabelValues(p.Name).Set(float64(p.Lag))
	}
	return err
}

func age(since, now time.Time) float64 {
	if since.IsZero() {
		return 0
	}
	return max(0, now.Sub(since).Seconds())
}
