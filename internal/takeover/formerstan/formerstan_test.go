package formerstan_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"go.uber.org/goleak"

	"awala.network/gateway/internal/takeover"
	"awala.network/gateway/internal/takeover/formerstan"
	"awala.network/gateway/interop/former"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const work = "work"

// open starts a server with twenty messages, and returns a reader of it.
func open(t *testing.T) (*former.Streaming, *formerstan.Queues) {
	t.Helper()
	server := former.StartStreaming(t)
	var messages [][]byte
	for n := range 20 {
		messages = append(messages, fmt.Appendf(nil, "%d", n+1))
	}
	server.Publish(work, messages...)
	queues := formerstan.New(formerstan.Options{URL: server.URL, ClusterID: former.ClusterID, Monitors: []string{server.Monitor}})
	t.Cleanup(func() {
		if err := queues.Close(); err != nil {
			t.Error(err)
		}
	})
	return server, queues
}

func group(t *testing.T, q *formerstan.Queues) takeover.Group {
	t.Helper()
	g, err := q.Group(t.Context(), work, "worker", "worker")
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// TestStreamingReads reads what a real server has, and leaves no trace.
func TestStreamingReads(t *testing.T) {
	server, queues := open(t)
	if g := group(t, queues); g != (takeover.Group{First: 1, Last: 20}) {
		t.Errorf("nobody worked: %+v", g)
	}
	before := server.Snapshot()
	var read []uint64
	err := queues.Read(t.Context(), work, 5, 18, func(m takeover.Message) error {
		if want := fmt.Sprint(m.Sequence); string(m.Data) != want {
			t.Errorf("message %d holds %q", m.Sequence, m.Data)
		}
		read = append(read, m.Sequence)
		return nil
	})
	if err != nil || len(read) != 14 || read[0] != 5 || read[13] != 18 {
		t.Errorf("read %d, %v", read, err)
	}
	if err := queues.Read(t.Context(), "none", 0, 0, nil); err != nil {
		t.Error(err)
	}
	enough := errors.New("enough")
	if err := queues.Read(t.Context(), work, 1, 20, func(takeover.Message) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("Read() = %v", err)
	}
	if after := server.Snapshot(); fmt.Sprint(before) != fmt.Sprint(after) {
		t.Errorf("reading left traces:\n%v\n%v", before, after)
	}
}

// TestStreamingPending learns what is pending by joining the group, which is as before
// when it leaves: the workers get everything that they would have got.
func TestStreamingPending(t *testing.T) {
	server, queues := open(t)
	server.Work(work, "worker", "worker", 7, true)
	before := group(t, queues)
	if want := (takeover.Group{First: 1, Last: 20, Sent: 8, Pending: 1}); before != want {
		t.Fatalf("the group is %+v, want %+v", before, want)
	}
	for range 2 {
		pending, err := queues.Pending(t.Context(), work, "worker", "worker", before)
		if err != nil || len(pending) != 1 || pending[0].Sequence != 8 || string(pending[0].Data) != "8" {
			t.Fatalf("Pending() = %v, %v", pending, err)
		}
		if after := group(t, queues); after != before {
			t.Errorf("the group became %+v", after)
		}
	}
	rest := server.Work(work, "worker", "worker", 13, false)
	seen := map[string]bool{}
	for _, m := range rest {
		seen[string(m)] = true
	}
	if len(seen) != 13 || !seen["8"] || !seen["20"] {
		t.Errorf("the worker got %q", rest)
	}
}

// TestStreamingMembers sees the others: in the group, and connected.
func TestStreamingMembers(t *testing.T) {
	server, queues := open(t)
	leave := server.Join(work, "worker", "worker")
	if g := group(t, queues); g.Members != 1 || g.Pending != 1 {
		t.Errorf("with a worker in it: %+v", g)
	}
	if clients, err := queues.Clients(t.Context()); err != nil || len(clients) != 1 {
		t.Errorf("Clients() = %v, %v", clients, err)
	}
	leave()
	if clients, err := queues.Clients(t.Context()); err != nil || len(clients) != 0 {
		t.Errorf("Clients() = %v, %v", clients, err)
	}
}

// TestStreamingWrongCluster ends soon.
func TestStreamingWrongCluster(t *testing.T) {
	server := former.StartStreaming(t)
	server.Publish(work, []byte("1"))
	queues := formerstan.New(formerstan.Options{URL: server.URL, ClusterID: "another", Monitors: []string{server.Monitor}})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := queues.Read(ctx, work, 1, 1, func(takeover.Message) error { return nil }); err == nil {
		t.Error("it is read")
	}
	if err := queues.Close(); err != nil {
		t.Error(err)
	}
}

// TestStreamingCluster asks the server that leads a cluster, and its successor.
func TestStreamingCluster(t *testing.T) {
	servers, plain := former.StartCluster(t)
	leader, follower, other := servers[0], servers[1], servers[2]
	leader.Publish(work, []byte("1"), []byte("2"), []byte("3"))
	leader.Work(work, "worker", "worker", 1, true)
	for name, monitor := range map[string]string{"a follower": follower.Monitor, "NATS itself": plain.Monitor} {
		queues := formerstan.New(formerstan.Options{URL: leader.URL, ClusterID: former.ClusterID, Monitors: []string{monitor}})
		if g, err := queues.Group(t.Context(), work, "worker", "worker"); err == nil {
			t.Errorf("%s says that the group is %+v", name, g)
		}
	}
	queues := formerstan.New(formerstan.Options{
		URL: leader.URL, ClusterID: former.ClusterID, Monitors: []string{follower.Monitor, leader.Monitor, other.Monitor},
	})
	defer queues.Close()
	want := takeover.Group{First: 1, Last: 3, Sent: 2, Pending: 1}
	before := serving(t, queues)
	if g := group(t, queues); g != want {
		t.Errorf("the group is %+v, want %+v", g, want)
	}
	leader.Kill()
	if after := serving(t, queues); after == before {
		t.Error("the server that was killed serves")
	}
	if g := group(t, queues); g != want {
		t.Errorf("after the failover the group is %+v, want %+v", g, want)
	}
	pending, err := queues.Pending(t.Context(), work, "worker", "worker", want)
	if err != nil || len(pending) != 1 || pending[0].Sequence != 2 {
		t.Errorf("Pending() = %v, %v", pending, err)
	}
	if rest := follower.Work(work, "worker", "worker", 2, false); len(rest) != 2 {
		t.Errorf("the worker got %q", rest)
	}
}

// TestStreamingPair asks the active server of a fault-tolerance group.
func TestStreamingPair(t *testing.T) {
	servers := former.StartPair(t)
	active, standby := servers[0], servers[1]
	active.Publish(work, []byte("1"), []byte("2"))
	queues := formerstan.New(formerstan.Options{URL: active.URL, ClusterID: former.ClusterID, Monitors: []string{standby.Monitor}})
	if g, err := queues.Group(t.Context(), work, "worker", "worker"); err == nil {
		t.Errorf("the standby says that the group is %+v", g)
	}
	queues = formerstan.New(formerstan.Options{
		URL: active.URL, ClusterID: former.ClusterID, Monitors: []string{standby.Monitor, active.Monitor},
	})
	defer queues.Close()
	want := takeover.Group{First: 1, Last: 2}
	if g := group(t, queues); g != want {
		t.Errorf("the group is %+v, want %+v", g, want)
	}
	active.Kill()
	serving(t, queues)
	if g := group(t, queues); g != want {
		t.Errorf("after the failover the group is %+v, want %+v", g, want)
	}
}

// serving waits until a server serves, and returns which.
func serving(t *testing.T, q *formerstan.Queues) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for tick := time.NewTicker(20 * time.Millisecond); ; {
		name, err := q.Serving(ctx)
		if err == nil {
			tick.Stop()
			return name
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal(err)
		}
	}
}
