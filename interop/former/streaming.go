package former

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/stan.go"
)

// ClusterID is the id of the cluster of every [Streaming].
const ClusterID = "former"

const (
	// startWithin bounds the start of the server, on a busy machine.
	startWithin = 30 * time.Second
	// deliverWithin bounds the wait for messages.
	deliverWithin = 30 * time.Second
)

// Streaming is a NATS Streaming server with the other gateway's channels.
type Streaming struct {
	t *testing.T
	// URL is where clients connect, Monitor that of the monitoring endpoint.
	URL, Monitor string
}

// StartStreaming runs a server with a file store, which ends with the test. It skips
// the test where there is none to run.
func StartStreaming(t *testing.T) *Streaming {
	t.Helper()
	binary := env(t, "AWALA_TEST_NATS_STREAMING")
	port, monitor := freePort(t), freePort(t)
	dir := t.TempDir()
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	server := exec.Command(binary, "--cluster_id", ClusterID, "--addr", "127.0.0.1", "--port", port,
		"--http_port", monitor, "--store", "FILE", "--dir", filepath.Join(dir, "store"), "--file_sync=false")
	server.Stdout, server.Stderr = log, log
	if err := server.Start(); err != nil {
		t.Fatalf("NATS Streaming: %v", err)
	}
	s := &Streaming{t: t, URL: "nats://127.0.0.1:" + port, Monitor: "http://127.0.0.1:" + monitor}
	t.Cleanup(func() {
		_ = server.Process.Kill() // the only error is that it has ended
		_ = server.Wait()
		if t.Failed() {
			text, _ := os.ReadFile(log.Name())
			t.Logf("NATS Streaming said:\n%.4000s", text)
		}
		_ = log.Close()
	})
	s.await()
	return s
}

// await waits until the server takes clients, which is some time after it says that it
// is ready.
func (s *Streaming) await() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), startWithin)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := stan.Connect(ClusterID, "awaiting", stan.NatsURL(s.URL), stan.ConnectWait(time.Second))
		if err == nil {
			if err := conn.Close(); err != nil {
				s.t.Fatal(err)
			}
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			s.t.Fatalf("NATS Streaming did not start in time: %v", err)
		}
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func (s *Streaming) connect(clientID string) stan.Conn {
	s.t.Helper()
	conn, err := stan.Connect(ClusterID, clientID, stan.NatsURL(s.URL), stan.ConnectWait(startWithin))
	if err != nil {
		s.t.Fatal(err)
	}
	return conn
}

// Publish puts messages in a channel, in their order.
func (s *Streaming) Publish(channel string, messages ...[]byte) {
	s.t.Helper()
	conn := s.connect("publisher")
	defer func() { _ = conn.Close() }()
	confirmed := make(chan error, len(messages))
	for _, m := range messages {
		if _, err := conn.PublishAsync(channel, m, func(_ string, err error) { confirmed <- err }); err != nil {
			s.t.Fatal(err)
		}
	}
	for range messages {
		if err := <-confirmed; err != nil {
			s.t.Fatal(err)
		}
	}
}

// Work takes messages from a durable queue group as the other gateway's workers do,
// one at a time: it acknowledges so many, and takes one more without doing so if it is
// to die with it. It returns those that it acknowledged.
func (s *Streaming) Work(channel, queue, durable string, acknowledge int, die bool) [][]byte {
	s.t.Helper()
	received, leave := s.join(channel, queue, durable)
	defer leave()
	var worked [][]byte
	for len(worked) < acknowledge {
		m := s.next(received)
		if err := m.Ack(); err != nil {
			s.t.Fatal(err)
		}
		worked = append(worked, m.Data)
	}
	if die {
		s.next(received)
	}
	return worked
}

// Join has a worker take one message and do nothing with it until it is told to leave.
func (s *Streaming) Join(channel, queue, durable string) (leave func()) {
	s.t.Helper()
	received, leave := s.join(channel, queue, durable)
	s.next(received)
	return leave
}

// join subscribes as a worker does.
func (s *Streaming) join(channel, queue, durable string) (received chan *stan.Msg, leave func()) {
	s.t.Helper()
	conn := s.connect("worker")
	received = make(chan *stan.Msg)
	done := make(chan struct{})
	_, err := conn.QueueSubscribe(channel, queue, func(m *stan.Msg) {
		select {
		case received <- m:
		case <-done:
		}
	}, stan.DurableName(durable), stan.SetManualAckMode(), stan.DeliverAllAvailable(), stan.MaxInflight(1), stan.AckWait(5*time.Second))
	if err != nil {
		s.t.Fatal(err)
	}
	return received, func() {
		close(done)
		_ = conn.Close() // the server forgets it otherwise, later
	}
}

func (s *Streaming) next(received <-chan *stan.Msg) *stan.Msg {
	s.t.Helper()
	select {
	case m := <-received:
		return m
	case <-time.After(deliverWithin):
		s.t.Fatal("no message came")
		return nil
	}
}

func (s *Streaming) ask(path string) ([]byte, error) {
	response, err := http.Get(s.Monitor + path)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", path, response.Status)
	}
	return io.ReadAll(response.Body)
}

// Snapshot is how far every queue group of every channel is.
func (s *Streaming) Snapshot() map[string]any {
	s.t.Helper()
	body, err := s.ask("/streaming/channelsz?subs=1&limit=10000")
	if err != nil {
		s.t.Fatal(err)
	}
	var answer struct {
		Channels []struct {
			Name          string `json:"name"`
			First         uint64 `json:"first_seq"`
			Last          uint64 `json:"last_seq"`
			Subscriptions []struct {
				Queue   string `json:"queue_name"`
				Sent    uint64 `json:"last_sent"`
				Pending int    `json:"pending_count"`
			} `json:"subscriptions"`
		} `json:"channels"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		s.t.Fatal(err)
	}
	all := map[string]any{}
	for _, c := range answer.Channels {
		all["channel "+c.Name] = c
	}
	return all
}
