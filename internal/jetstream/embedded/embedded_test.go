package embedded_test

import (
	"testing"

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
