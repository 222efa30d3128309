package s3_test

import (
	"errors"
	"io"
	"net/http"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"awala.network/gateway/internal/blobs/blobstest"
	"awala.network/gateway/internal/blobs/s3"
	"awala.network/gateway/internal/connect"
	"awala.network/gateway/internal/fault"
	"awala.network/gateway/internal/servicestest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server returns the options for the real server that the environment names.
// "task services" starts one.
func server(t testing.TB) s3.Options {
	t.Helper()
	if testing.Short() {
		t.Skip("needs an S3 server; not in -short")
	}
	options, err := connect.ObjectStore(servicestest.ObjectStore(t))
	if err != nil {
		t.Fatal(err)
	}
	return options
}

func open(t testing.TB, o s3.Options) *s3.Store {
	t.Helper()
	store, err := s3.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return store
}

// errLine is what the broken line reports.
var errLine = errors.New("the line broke")

// line is a transport that breaks once when armed: before the request is sent,
// or after the server has carried it out.
type line struct {
	http.RoundTripper
	mu    sync.Mutex
	armed bool
	fault blobstest.Fault
}

func (l *line) RoundTrip(r *http.Request) (*http.Response, error) {
	if !l.breaks(r) {
		return l.RoundTripper.RoundTrip(r)
	}
	if l.fault == blobstest.NotStored {
		return nil, errors.Join(errLine, closeBody(r.Body))
	}
	response, err := l.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	_, err = io.Copy(io.Discard, response.Body)
	return nil, errors.Join(errLine, err, response.Body.Close())
}

func closeBody(body io.Closer) error {
	if body == nil {
		return nil
	}
	return body.Close()
}

func (l *line) breaks(r *http.Request) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.armed || r.Method != http.MethodPut && r.Method != http.MethodDelete {
		return false
	}
	l.armed = false
	return true
}

func (l *line) arm(f blobstest.Fault) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.armed, l.fault = true, f
}

func TestConformance(t *testing.T) {
	options := server(t)
	transport, err := s3.Transport(options.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(transport.CloseIdleConnections)
	breakable := &line{RoundTripper: transport}
	options.Transport = breakable
	store := open(t, options)
	if err := store.EnsureBucket(t.Context()); err != nil {
		t.Fatal(err)
	}
	blobstest.Run(t, func(*testing.T) blobstest.Subject {
		// versitygw refuses a PUT ("Existing Object is a directory") when a DELETE
		// removes the last sibling at the same moment.
		return blobstest.Subject{Store: store, FailNextWrite: breakable.arm, Hiccups: true}
	})
}

func TestEnsureBucketTwice(t *testing.T) {
	options := server(t)
	options.Bucket += "-ensured"
	store := open(t, options)
	for range 2 {
		if err := store.EnsureBucket(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// Rules are installed and read back, or the server is known not to have them.
func TestLifecycleOfRealServer(t *testing.T) {
	store := open(t, server(t))
	if err := store.EnsureBucket(t.Context()); err != nil {
		t.Fatal(err)
	}
	rules := []s3.Rule{{Prefix: "parcels/endpoint-bound/", Days: 1}}
	err := store.InstallLifecycle(t.Context(), rules)
	if errors.Is(err, s3.ErrLifecycleUnsupported) && fault.IsPermanent(err) {
		t.Logf("no rules on this server: %v", err)
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	got, err := store.Lifecycle(t.Context())
	if err != nil || len(got) != 1 || got[0] != rules[0] {
		t.Errorf("Lifecycle() = %v, %v", got, err)
	}
}

func TestWrongSecretIsTransient(t *testing.T) {
	options := server(t)
	options.SecretKey += "x"
	err := open(t, options).Delete(t.Context(), "k")
	if err == nil || fault.IsPermanent(err) {
		t.Errorf("Delete() error is %v", err)
	}
}

func BenchmarkPut(b *testing.B) {
	store := open(b, server(b))
	if err := store.EnsureBucket(b.Context()); err != nil {
		b.Fatal(err)
	}
	benchmarkPut(b, store)
}
