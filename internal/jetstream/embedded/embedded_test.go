package embedded_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	natsjs "github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"awala.network/gateway/internal/jetstream/embedded"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T, dir string) (*embedded.Server, natsjs.JetStream) {
	t.Helper()
	server, err := embedded.Start(dir, embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	nc, err := server.Conn()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := natsjs.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return server, js
}

func TestStreamsOutliveTheServer(t *testing.T) {
	dir := t.TempDir()
	server, js := start(t, dir)
	if _, err := js.CreateStream(t.Context(), natsjs.StreamConfig{Name: "S", Subjects: []string{"s"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := js.Publish(t.Context(), "s", []byte("kept")); err != nil {
		t.Fatal(err)
	}
	server.Close()

	_, js = start(t, dir)
	stream, err := js.Stream(t.Context(), "S")
	if err != nil {
		t.Fatal(err)
	}
	msg, err := stream.GetMsg(t.Context(), 1)
	if err != nil || string(msg.Data) != "kept" {
		t.Errorf("message %v, %v", msg, err)
	}
}

func TestSyncAlways(t *testing.T) {
	server, _ := start(t, t.TempDir())
	if err := server.SyncAlways(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestStartInABadPlace(t *testing.T) {
	if _, err := embedded.Start("/dev/null/streams", embedded.Options{}); err == nil {
		t.Error("started in a folder that cannot be")
	}
}

// TestWatchTellsThatTheServerGaveUp has a write fail: in the place of the folder that a
// stream's next file is to be in there is a file. Root may do anything, so permissions
// would not do; a disk that is full has a test in interop, where one can be mounted.
func TestWatchTellsThatTheServerGaveUp(t *testing.T) {
	dir := t.TempDir()
	server, js := start(t, dir)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := server.Watch(ctx); err != nil {
		t.Errorf("a server that works: %v", err)
	}
	if _, err := js.CreateStream(t.Context(), natsjs.StreamConfig{Name: "S", Subjects: []string{"s"}}); err != nil {
		t.Fatal(err)
	}
	watched := make(chan error, 1)
	go func() { watched <- server.Watch(t.Context()) }()
	files := filepath.Join(dir, "jetstream", "$G", "streams", "S", "msgs")
	if err := os.Rename(files, files+".away"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(files, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		publishing, cancel := context.WithTimeout(t.Context(), time.Second)
		_, _ = js.Publish(publishing, "s", make([]byte, 1<<20-1024)) // a file takes 8 of them
		cancel()
		select {
		case err := <-watched:
			if !errors.Is(err, embedded.ErrGivenUp) {
				t.Errorf("a server that gave up: %v", err)
			}
			return
		default:
		}
	}
	t.Error("a server whose writes fail is not noticed")
}
