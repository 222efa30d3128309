package s3_test

import (
	"context"
	"crypto/rand"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"awala.network/gateway/internal/blobs"
	"awala.network/gateway/internal/blobs/s3"
	"awala.network/gateway/internal/fault"
)

// fake returns a store whose server answers as handler says: for the answers
// that no real server can be made to give.
func fake(t *testing.T, handler http.HandlerFunc) *s3.Store {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return open(t, s3.Options{
		Endpoint: strings.TrimPrefix(server.URL, "http://"), Insecure: true, Bucket: "bucket", Region: "us-east-1",
		AccessKey: "key", SecretKey: "secret",
	})
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.WriteHeader(status)
	fmt.Fprintf(w, "<Error><Code>%s</Code><Message>no</Message></Error>", code)
}

func TestErrorAnswers(t *testing.T) {
	tests := []struct {
		status    int
		code      string
		want      error // nil: none of the sentinels
		permanent bool
	}{
		{404, "NoSuchKey", blobs.ErrNotFound, true},
		{412, "PreconditionFailed", blobs.ErrExists, true},
		{507, "XMinioStorageFull", blobs.ErrFull, false},
		{400, "XMinioAdminBucketQuotaExceeded", blobs.ErrFull, false},
		{403, "QuotaExceeded", blobs.ErrFull, false},
		{507, "Whatever", blobs.ErrFull, false},
		{404, "NoSuchBucket", nil, false},
		{403, "AccessDenied", nil, false},
		{409, "ConditionalRequestConflict", nil, false},
		{503, "SlowDown", nil, false},
		{500, "InternalError", nil, false},
	}
	for _, tc := range tests {
		t.Run(tc.code, func(t *testing.T) {
			store := fake(t, func(w http.ResponseWriter, _ *http.Request) { refuse(w, tc.status, tc.code) })
			err := store.Put(t.Context(), "k", []byte("x"), blobs.Meta{})
			if err == nil || fault.IsPermanent(err) != tc.permanent {
				t.Errorf("Put() error is %v", err)
			}
			for _, sentinel := range []error{blobs.ErrNotFound, blobs.ErrExists, blobs.ErrFull} {
				if errors.Is(err, sentinel) != (sentinel == tc.want) {
					t.Errorf("Put() error is %v, want %v", err, tc.want)
				}
			}
		})
	}
}

// A server that answers that the key is taken, but has no object there, is not
// believed.
func TestClaimOfNothing(t *testing.T) {
	store := fake(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			refuse(w, 412, "PreconditionFailed")
		} else {
			refuse(w, 404, "NoSuchKey")
		}
	})
	err := store.Put(t.Context(), "k", []byte("x"), blobs.Meta{IfAbsent: true})
	if err == nil || fault.IsPermanent(err) || errors.Is(err, blobs.ErrExists) || errors.Is(err, blobs.ErrNotFound) {
		t.Errorf("Put() error is %v", err)
	}
}

// A claim that is cancelled says so, although nobody can be asked what became
// of it.
func TestCancelledClaim(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	store := fake(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then does the server notice a hang-up
		cancel()
		<-r.Context().Done()
	})
	err := store.Put(ctx, "k", nil, blobs.Meta{IfAbsent: true})
	if !errors.Is(err, context.Canceled) || fault.IsPermanent(err) {
		t.Errorf("Put() error is %v", err)
	}
}

func TestRequestsAreNotRepeated(t *testing.T) {
	requests := 0
	store := fake(t, func(w http.ResponseWriter, _ *http.Request) {
		requests++
		refuse(w, 503, "SlowDown")
	})
	if err := store.Put(t.Context(), "k", nil, blobs.Meta{}); err == nil || requests != 1 {
		t.Errorf("%d requests, error %v", requests, err)
	}
}

func TestBodyCutShortIsTransient(t *testing.T) {
	store := fake(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "10")
		w.Header().Set("Last-Modified", time.Now().UTC().Format(http.TimeFormat))
		_, _ = w.Write([]byte("short"))
	})
	if _, _, err := store.Get(t.Context(), "k"); !errors.Is(err, io.ErrUnexpectedEOF) || fault.IsPermanent(err) {
		t.Errorf("Get() error is %v", err)
	}
}

func TestHugeObjectIsNotRead(t *testing.T) {
	store := fake(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(blobs.MaxBodyLen+1))
		w.Header().Set("Last-Modified", time.Now().UTC().Format(http.TimeFormat))
	})
	if _, _, err := store.Get(t.Context(), "k"); !errors.Is(err, blobs.ErrCorrupt) {
		t.Errorf("Get() error is %v", err)
	}
}

// Somebody else's object has a damaged expiry: it is readable all the same.
func TestDamagedExpiry(t *testing.T) {
	store := fake(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Amz-Meta-Parcel-Expiry", "tomorrow")
		w.Header().Set("Last-Modified", time.Now().UTC().Format(http.TimeFormat))
		_, _ = w.Write([]byte("body"))
	})
	body, m, err := store.Get(t.Context(), "k")
	if err != nil || string(body) != "body" || !m.ExpiresAt.IsZero() {
		t.Errorf("Get() = %q, %v, %v", body, m, err)
	}
}

func TestSilentServerIsLeftAtDeadline(t *testing.T) {
	release := make(chan struct{})
	store := fake(t, func(http.ResponseWriter, *http.Request) { <-release })
	t.Cleanup(func() { close(release) })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := store.Delete(ctx, "k"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Delete() error is %v", err)
	}
}

// lifecycleServer keeps the lifecycle document of its bucket.
type lifecycleServer struct{ document []byte }

func (l *lifecycleServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case !r.URL.Query().Has("lifecycle"):
		refuse(w, 400, "InvalidRequest")
	case r.Method == http.MethodGet && l.document == nil:
		refuse(w, 404, "NoSuchLifecycleConfiguration")
	case r.Method == http.MethodGet:
		_, _ = w.Write(l.document)
	default:
		l.document, _ = io.ReadAll(r.Body)
	}
}

func TestLifecycle(t *testing.T) {
	bucket := new(lifecycleServer)
	store := fake(t, bucket.ServeHTTP)
	if rules, err := store.Lifecycle(t.Context()); err != nil || rules != nil {
		t.Errorf("Lifecycle() of a new bucket = %v, %v", rules, err)
	}
	bucket.document = []byte(`<LifecycleConfiguration><Rule><ID>theirs</ID><Status>Enabled</Status>` +
		`<Filter><Prefix>logs/</Prefix></Filter><Expiration><Days>7</Days></Expiration></Rule></LifecycleConfiguration>`)
	install := func(rules ...s3.Rule) {
		t.Helper()
		if err := store.InstallLifecycle(t.Context(), rules); err != nil {
			t.Fatal(err)
		}
		got, err := store.Lifecycle(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(rules, got); diff != "" {
			t.Errorf("Lifecycle() (-want +got):\n%s", diff)
		}
	}
	install(s3.Rule{Prefix: "parcels/endpoint-bound/", Days: 1}, s3.Rule{Prefix: "parcels/gateway-bound/", Days: 180})
	install(s3.Rule{Prefix: "parcels/gateway-bound/", Days: 90})
	var document struct {
		Rules []struct{ ID string } `xml:"Rule"`
	}
	if err := xml.Unmarshal(bucket.document, &document); err != nil {
		t.Fatal(err)
	}
	if len(document.Rules) != 2 || document.Rules[0].ID != "theirs" {
		t.Errorf("rules afterwards: %+v", document.Rules)
	}
}

func TestLifecycleUnsupported(t *testing.T) {
	store := fake(t, func(w http.ResponseWriter, _ *http.Request) { refuse(w, 501, "NotImplemented") })
	if err := store.InstallLifecycle(t.Context(), nil); !errors.Is(err, s3.ErrLifecycleUnsupported) {
		t.Errorf("InstallLifecycle() error is %v", err)
	}
	if _, err := store.Lifecycle(t.Context()); !errors.Is(err, s3.ErrLifecycleUnsupported) {
		t.Errorf("Lifecycle() error is %v", err)
	}
}

func benchmarkPut(b *testing.B, store *s3.Store) {
	root := "bench-" + strings.ToLower(rand.Text())
	body := make([]byte, 1024)
	n := 0
	for b.Loop() {
		n++
		if err := store.Put(b.Context(), fmt.Sprintf("%s/%d", root, n), body, blobs.Meta{IfAbsent: true}); err != nil {
			b.Fatal(err)
		}
	}
}
