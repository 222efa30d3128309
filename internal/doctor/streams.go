package doctor

import (
	"context"
	"strings"

	"github.com/nats-io/nats.go"

	"awala.network/gateway/internal/jetstream"
)

const initRemote = "awala-gateway init --remote"

// examineStreams compares streams and consumers with what provisioning would make,
// and reads the identity.
func examineStreams(ctx context.Context, c *Case, r *Report, conn *nats.Conn) {
	log, err := jetstream.Open(ctx, conn, jetstream.Options{
		Sync: jetstream.DeclaredSync(), Replicas: int(c.Config.NATS.Replicas), Logger: c.Logger,
	})
	if err != nil {
		r.problem("nats-streams", "look at the servers' log", "%v", err)
		return
	}
	defer log.Close()
	good, there := true, true
	for _, spec := range c.Streams {
		inspected, err := log.InspectStream(ctx, spec)
		if err != nil {
			r.problem("nats-streams", "let the user publish to $JS.API.>, and look at the servers' log", "%v", err)
			return
		}
		there = there && !inspected.Missing
		good = examineStream(r, spec.Name, inspected) && good
	}
	if good {
		r.ok("nats-streams", "%d streams are as they should be", len(c.Streams))
	}
	if !there {
		return
	}
	examineConsumers(ctx, c, r, log)
	examineIdentity(ctx, c, r, log)
}

// examineStream tells whether the stream is in order.
func examineStream(r *Report, name string, s jetstream.StreamInspection) bool {
	if s.Missing {
		r.problem("nats-streams", initRemote+"; if there was history, restore it first", "there is no stream %s", name)
		return false
	}
	for _, d := range s.Deviations {
		fix := initRemote
		if d.ByHand {
			fix = "decide what is meant, and: nats stream edit " + name
		}
		r.problem("nats-streams", fix, "stream %s: %s is %s and should be %s", name, d.Setting, d.Have, d.Want)
	}
	if len(s.Offline) > 0 {
		r.problem("nats-peers", "start it; if it is gone for good: nats stream cluster peer-remove "+name, "copies of stream %s cannot be reached: %s", name, strings.Join(s.Offline, ", "))
	}
	if len(s.Behind) > 0 {
		r.warning("nats-copies", "wait, and stop no other NATS server before: nats stream report", "copies of stream %s are not yet complete: %s", name, strings.Join(s.Behind, ", "))
	}
	nearlyFull := s.MaxBytes > 0 && s.Bytes >= uint64(s.MaxBytes)/10*8
	if nearlyFull {
		r.problem("nats-stream-size", "raise or remove max_bytes: a full stream refuses parcels", "stream %s holds %d of at most %d octets", name, s.Bytes, s.MaxBytes)
	}
	return len(s.Deviations) == 0 && len(s.Offline) == 0 && !nearlyFull
}

func examineConsumers(ctx context.Context, c *Case, r *Report, log *jetstream.Log) {
	good := true
	for _, spec := range c.Consumers {
		state, err := log.InspectConsumer(ctx, spec)
		switch {
		case err != nil:
			good = false
			r.problem("nats-consumers", "let the user publish to $JS.API.>, and look at the servers' log", "%v", err)
		case state.Missing:
			good = false
			r.problem("nats-consumers", initRemote, "there is no consumer %s of %s", spec.Name, spec.Stream)
		}
		for _, d := range state.Deviations {
			good = false
			fix := initRemote
			if d.Setting == "paused" {
				fix = "nats consumer resume " + spec.Stream + " " + spec.Name
			}
			r.problem("nats-consumers", fix, "consumer %s of %s: %s is %s and should be %s", spec.Name, spec.Stream, d.Setting, d.Have, d.Want)
		}
	}
	if good {
		r.ok("nats-consumers", "%d consumers are as they should be", len(c.Consumers))
	}
}
