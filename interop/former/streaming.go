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
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
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
	t      *testing.T
	server *exec.Cmd
	// URL is where clients connect, Monitor that of the monitoring endpoint.
	URL, Monitor string
}

// StartStreaming runs a server with a file store, which ends with the test. It skips
// the test where there is none to run.
func StartStreaming(t *testing.T) *Streaming {
	t.Helper()
	port := freePort(t)
	s := launch(t, "nats://127.0.0.1:"+port, "--addr", "127.0.0.1", "--port", port, "--dir", filepath.Join(t.TempDir(), "store"))
	s.await()
	return s
}

// StartCluster runs three servers that are one cluster, on a NATS server of their own.
// The first that it returns is the leader at the moment; plain is that NATS server,
// which has a monitoring endpoint as well.
func StartCluster(t *testing.T) (servers []*Streaming, plain *Streaming) {
	t.Helper()
	plain = startNATS(t)
	for _, name := range []string{"a", "b", "c"} {
		dir := t.TempDir()
		servers = append(servers, launch(t, plain.URL, "--nats_server", plain.URL, "--clustered", "--cluster_node_id", name,
			"--cluster_peers", "a,b,c", "--dir", filepath.Join(dir, "store"), "--cluster_log_path", filepath.Join(dir, "raft")))
	}
	servers[0].await()
	return awaitFirst(t, servers, `"role": "Leader"`), plain
}

// StartPair runs two servers of a fault-tolerance group, on a NATS server of their own.
// The first that it returns is active.
func StartPair(t *testing.T) []*Streaming {
	t.Helper()
	plain, dir := startNATS(t), filepath.Join(t.TempDir(), "store")
	var servers []*Streaming
	for range 2 {
		servers = append(servers, launch(t, plain.URL, "--nats_server", plain.URL, "--ft_group", "pair", "--dir", dir))
	}
	servers[0].await()
	return awaitFirst(t, servers, `"state": "FT_ACTIVE"`)
}

// startNATS runs a NATS server that streams nothing.
func startNATS(t *testing.T) *Streaming {
	t.Helper()
	o := &server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, HTTPHost: "127.0.0.1", HTTPPort: server.RANDOM_PORT, NoLog: true, NoSigs: true}
	ns, err := server.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	ns.Start()
	t.Cleanup(func() { ns.Shutdown(); ns.WaitForShutdown() })
	if !ns.ReadyForConnections(startWithin) {
		t.Fatal("NATS did not start in time")
	}
	return &Streaming{t: t, URL: ns.ClientURL(), Monitor: "http://" + ns.MonitorAddr().String()}
}

// launch runs a server, without waiting for it.
func launch(t *testing.T, url string, flags ...string) *Streaming {
	t.Helper()
	binary, monitor := env(t, "AWALA_TEST_NATS_STREAMING"), freePort(t)
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	flags = append(flags, "--cluster_id", ClusterID, "--http_port", monitor, "--store", "FILE", "--file_sync=false")
	s := &Streaming{t: t, server: exec.Command(binary, flags...), URL: url, Monitor: "http://127.0.0.1:" + monitor}
	s.server.Stdout, s.server.Stderr = log, log
	if err := s.server.Start(); err != nil {
		t.Fatalf("NATS Streaming: %v", err)
	}
	t.Cleanup(func() {
		s.Kill()
		if t.Failed() {
			text, _ := os.ReadFile(log.Name())
			t.Logf("NATS Streaming said:\n%.4000s", text)
		}
		_ = log.Close()
	})
	return s
}

// Kill ends the server as a power cut would. Twice is as good as once.
func (s *Streaming) Kill() {
	_ = s.server.Process.Kill() // the only error is that it has ended
	_ = s.server.Wait()
}

// await waits until the server takes clients, which is some time after it says that it
// is ready.
func (s *Streaming) await() {
	s.t.Helper()
	within(s.t, func() bool {
		conn, err := stan.Connect(ClusterID, "early", stan.NatsURL(s.URL), stan.ConnectWait(time.Second))
		if err == nil {
			err = conn.Close()
		}
		return err == nil
	})
}

// awaitFirst waits until one of the servers says so of itself, and puts it first.
func awaitFirst(t *testing.T, servers []*Streaming, says string) []*Streaming {
	t.Helper()
	within(t, func() bool {
		for i, s := range servers {
			if body, err := s.ask("/streaming/serverz"); err == nil && strings.Contains(string(body), says) {
				servers[0], servers[i] = servers[i], servers[0]
				return true
			}
		}
		return false
	})
	return servers
}

// within waits until something is so.
func within(t *testing.T, isSo func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startWithin)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !isSo() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("NATS Streaming did not start in time")
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
