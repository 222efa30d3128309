package postman_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"syscall"
	"testing"
	"time"

	"awala.network/gateway/internal/pohttp"
	"awala.network/gateway/internal/pohttp/postman"
)

// BenchmarkDelivery compares the CPU time of the process (client and receiver)
// for each parcel: posted by the client over reused connections, and by a bare
// http.Client of the same settings.
func BenchmarkDelivery(b *testing.B) {
	for name, size := range map[string]int{"1KiB": 1 << 10, "64KiB": 64 << 10, "1MiB": 1 << 20} {
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.WriteHeader(http.StatusAccepted)
		}))
		server.EnableHTTP2 = true
		server.StartTLS()
		body := make([]byte, size)
		override, err := postman.ParseOverride("a.test=" + server.URL)
		if err != nil {
			b.Fatal(err)
		}
		client := postman.New(postman.Options{Overrides: []postman.Override{override}, Roots: roots(server), UserAgent: "bench"})
		bare := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots(server)}, ForceAttemptHTTP2: true}}
		b.Run("client/"+name, func(b *testing.B) {
			measureCPU(b, func() {
				if got := client.Deliver(context.Background(), "a.test", body); got.Verdict != pohttp.Done {
					b.Fatalf("%+v", got)
				}
			})
		})
		b.Run("bare/"+name, func(b *testing.B) {
			measureCPU(b, func() {
				response, err := bare.Post(server.URL, postman.ContentType, bytes.NewReader(body))
				if err != nil {
					b.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, response.Body)
				_ = response.Body.Close()
			})
		})
		client.Close()
		bare.CloseIdleConnections()
		server.Close()
	}
}

// measureCPU reports the process's CPU time for each call of do.
func measureCPU(b *testing.B, do func()) {
	do() // connects
	before := cpuTime(b)
	for b.Loop() {
		do()
	}
	b.ReportMetric(float64((cpuTime(b)-before).Microseconds())/float64(b.N), "cpu-µs/op")
}

func cpuTime(b *testing.B) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
