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
	queues := formerstan.New(formerstan.Options{URL: server.URL, ClusterID: former.ClusterID, Monitor: server.Monitor})
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
	queues := formerstan.New(formerstan.Options{URL: server.URL, ClusterID: "another", Monitor: server.Monitor})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := queues.Read(ctx, work, 1, 1, func(takeover.Message) error { return nil }); err == nil {
		t.Error("it is read")
	}
	if err := queues.Close(); err != nil {
		t.Error(err)
	}
}
