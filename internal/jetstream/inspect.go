package jetstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"awala.network/gateway/events"
)

// ServerState is what a NATS server says of itself to the system account.
type ServerState struct {
	Name    string
	Version string
	// Time is the server's clock when it answered, AnsweredAt ours.
	Time, AnsweredAt time.Time
	// JetStream tells whether it keeps streams, SyncAlways whether it writes them to
	// disk before it acknowledges.
	JetStream, SyncAlways bool
}

// Servers asks every NATS server through system, a connection of the system
// account, and returns those that answered before none did for the time of silence.
func Servers(ctx context.Context, system *nats.Conn, silence time.Duration) ([]ServerState, error) {
	inbox := system.NewInbox()
	sub, err := system.SubscribeSync(inbox)
	if err != nil {
		return nil, fmt.Errorf("ask the system account: %w", err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	if err := system.PublishRequest("$SYS.REQ.SERVER.PING.JSZ", inbox, nil); err != nil {
		return nil, fmt.Errorf("ask the system account: %w", err)
	}
	var servers []ServerState
	for {
		wait, cancel := context.WithTimeout(ctx, silence)
		answer, err := sub.NextMsgWithContext(wait)
		cancel()
		if err != nil && (ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded)) {
			return servers, fmt.Errorf("ask the system account: %w", err)
		}
		if err != nil {
			return servers, nil
		}
		state, err := parseServerState(answer.Data)
		if err != nil {
			return servers, err
		}
		servers = append(servers, state)
	}
}

func parseServerState(answer []byte) (ServerState, error) {
	var status struct {
		Server struct {
			Name    string    `json:"name"`
			Version string    `json:"ver"`
			Time    time.Time `json:"time"`
		} `json:"server"`
		Data struct {
			Disabled bool `json:"disabled"`
			Config   struct {
				SyncAlways bool `json:"sync_always"`
			} `json:"config"`
		} `json:"data"`
	}
	if err := json.Unmarshal(answer, &status); err != nil {
		return ServerState{}, fmt.Errorf("server status: %w", err)
	}
	return ServerState{
		Name: status.Server.Name, Version: status.Server.Version, Time: status.Server.Time, AnsweredAt: time.Now(),
		JetStream: !status.Data.Disabled, SyncAlways: status.Data.Config.SyncAlways,
	}, nil
}

// Deviation is a setting that is not as provisioning would make it.
type Deviation struct {
	// Setting is its name in NATS, Have and Want what it is and should be.
	Setting, Have, Want string
	// ByHand tells that provisioning refuses to change it.
	ByHand bool
}

// StreamInspection is what there is to say of a stream.
type StreamInspection struct {
	// Missing tells that there is no such stream; nothing else is set then.
	Missing    bool
	Deviations []Deviation
	// Offline are the servers with a copy of the stream that cannot be reached.
	Offline []string
	// Behind are the servers whose copy is not yet what the leader's is: until it is,
	// no other server should be stopped.
	Behind []string
	// Bytes is what it holds, MaxBytes the most that it may; -1 is no limit.
	Bytes    uint64
	MaxBytes int64
	// Time is the server's clock when it answered; zero if it did not say.
	Time time.Time
}

// InspectStream compares a stream with its specification, and changes nothing.
func (l *Log) InspectStream(ctx context.Context, spec events.StreamSpec) (StreamInspection, error) {
	ctx, cancel := l.bounded(ctx)
	defer cancel()
	s, err := l.js.Stream(ctx, spec.Name)
	if errors.Is(err, natsjs.ErrStreamNotFound) {
		return StreamInspection{Missing: true}, nil
	}
	if err != nil {
		return StreamInspection{}, fmt.Errorf("jetstream: inspect %s: %w", spec.Name, err)
	}
	info := s.CachedInfo()
	i := StreamInspection{
		Deviations: deviations(info.Config, l.streamConfig(info.Config, spec)),
		Bytes:      info.State.Bytes, MaxBytes: info.Config.MaxBytes, Time: info.TimeStamp,
	}
	if info.Cluster != nil {
		for _, r := range info.Cluster.Replicas {
			switch {
			case r.Offline:
				i.Offline = append(i.Offline, r.Name)
			case !r.Current:
				i.Behind = append(i.Behind, r.Name)
			}
		}
	}
	return i, nil
}

// deviations compares what is with what provisioning would make of it.
func deviations(have, want natsjs.StreamConfig) []Deviation {
	var all []Deviation
	compare := func(setting string, h, w any, byHand bool) {
		if fmt.Sprint(h) != fmt.Sprint(w) {
			all = append(all, Deviation{Setting: setting, Have: fmt.Sprint(h), Want: fmt.Sprint(w), ByHand: byHand})
		}
	}
	compare("storage", have.Storage, want.Storage, true)
	compare("retention", have.Retention, want.Retention, true)
	compare("persist_mode", have.PersistMode, want.PersistMode, true)
	compare("discard", have.Discard, want.Discard, false)
	compare("subjects", sorted(have.Subjects), sorted(want.Subjects), !containsAll(want.Subjects, have.Subjects))
	compare("max_age", have.MaxAge, want.MaxAge, false)
	compare("duplicate_window", have.Duplicates, want.Duplicates, have.Duplicates > want.Duplicates)
	compare("num_replicas", have.Replicas, want.Replicas, have.Replicas > want.Replicas)
	compare("max_msg_size", have.MaxMsgSize, want.MaxMsgSize, false)
	compare("allow_direct", have.AllowDirect, want.AllowDirect, false)
	compare("republish", have.RePublish != nil, want.RePublish != nil, have.RePublish != nil)
	// What operators may set, but what loses or refuses history.
	compare("sealed", have.Sealed, false, true)
	compare("max_msgs_per_subject", unlimited(have.MaxMsgsPerSubject), unlimited(0), true)
	return all
}

// unlimited writes a limit for which NATS has two ways to say none.
func unlimited(n int64) string {
	if n <= 0 {
		return "unlimited"
	}
	return fmt.Sprint(n)
}

func sorted(list []string) []string { return slices.Sorted(slices.Values(list)) }

// ConsumerState is where a durable consumer stands.
type ConsumerState struct {
	// Missing tells that there is no such consumer; nothing else is set then.
	Missing bool
	// Deviations are the settings that differ from the specification.
	Deviations []Deviation
	// Pending are the messages that were not delivered yet, InHand those that were
	// and are not acknowledged.
	Pending, InHand uint64
	// Floor is the sequence up to which everything is acknowledged.
	Floor uint64
}

// Lag is how many messages wait for their acknowledgement.
func (s ConsumerState) Lag() uint64 { return s.Pending + s.InHand }

// InspectConsumer tells where a durable consumer stands, and compares it with its
// specification.
func (l *Log) InspectConsumer(ctx context.Context, spec ConsumerSpec) (ConsumerState, error) {
	ctx, cancel := l.bounded(ctx)
	defer cancel()
	c, err := l.js.Consumer(ctx, spec.Stream, spec.Name)
	if errors.Is(err, natsjs.ErrConsumerNotFound) || errors.Is(err, natsjs.ErrStreamNotFound) {
		return ConsumerState{Missing: true}, nil
	}
	if err != nil {
		return ConsumerState{}, fmt.Errorf("jetstream: inspect consumer %s of %s: %w", spec.Name, spec.Stream, err)
	}
	info := c.CachedInfo()
	state := ConsumerState{Pending: info.NumPending, InHand: uint64(info.NumAckPending), Floor: info.AckFloor.Stream}
	want := spec.config()
	compare := func(setting string, h, w any) {
		if fmt.Sprint(h) != fmt.Sprint(w) {
			state.Deviations = append(state.Deviations, Deviation{Setting: setting, Have: fmt.Sprint(h), Want: fmt.Sprint(w)})
		}
	}
	have := info.Config
	filters := have.FilterSubjects
	if have.FilterSubject != "" {
		filters = []string{have.FilterSubject}
	}
	compare("filter_subjects", sorted(filters), sorted(want.FilterSubjects))
	compare("ack_policy", have.AckPolicy, want.AckPolicy)
	compare("max_deliver", have.MaxDeliver, want.MaxDeliver)
	compare("paused", info.Paused, false)
	return state, nil
}
