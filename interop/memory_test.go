package interop

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"awala.network/gateway/awala/cargo"
	"awala.network/gateway/internal/courierclient"
	"awala.network/gateway/internal/powebclient"
	"awala.network/gateway/interop/process"
)

const (
	// memoryLimit is the memory of the container that one server runs in.
	memoryLimit = 256 << 20
	// largeParcels are handed in at the same time, each as large as a parcel for a
	// private endpoint may be, or in a cargo, but for a few octets.
	largeParcels = 200
	largePayload = cargo.MaxWrittenItemLen - 8<<10
	// crowdGateways have crowdCollectors open together.
	crowdGateways, crowdCollectors = 200, 5000
	// comeBack is after how long a client comes back that was told to.
	comeBack = time.Second
)

// BenchmarkBoundedMemory runs each server as a process of its own with 256 MiB of
// memory, as in a container, and has 200 clients hand in 8 MiB each at the same time,
// or 5,000 collectors be idle. It fails if the kernel ends the process, or if any
// parcel is not accepted in the end: a client that is told to come back does.
//
// One count is one such flood (-benchtime=1x). It takes root, and the services.
func BenchmarkBoundedMemory(b *testing.B) {
	b.Run("pohttp", func(b *testing.B) {
		w := newBounded(b, "pohttp")
		w.flood(b, func(ctx context.Context, parcel []byte) error {
			return powebclient.DeliverByPoHTTP(ctx, http.DefaultClient, w.role.URL("pohttp"), parcel)
		})
	})
	b.Run("poweb", func(b *testing.B) {
		w := newBounded(b, "poweb")
		w.flood(b, func(ctx context.Context, parcel []byte) error { return w.from.online.Deliver(ctx, parcel) })
	})
	b.Run("cogrpc", func(b *testing.B) {
		w := newBounded(b, "cogrpc")
		w.wrap = true
		w.flood(b, func(ctx context.Context, raw []byte) error {
			courier, err := courierclient.New(w.role.Servers["cogrpc"])
			if err != nil {
				return err
			}
			defer courier.Close()
			_, err = courier.Deliver(ctx, raw)
			return err
		})
	})
	b.Run("collectors", func(b *testing.B) {
		w := newBounded(b, "poweb")
		crowd := newCrowd(b, w.role, crowdGateways, crowdCollectors)
		crowd.connect(b)
		crowd.hold(b, idleFor)
		w.report(b)
		crowd.push(b)
	})
}

// bounded is a server with little memory, and two private gateways.
type bounded struct {
	bound    *process.Bound
	role     *process.Standalone
	from, to offline
	// wrap has the parcels sent in cargo.
	wrap bool
}

// newBounded starts a server within its bound, and what it needs without one.
func newBounded(b *testing.B, role string) *bounded {
	b.Helper()
	services := process.StartServices(b, nil)
	w := &bounded{bound: process.NewBound(b, memoryLimit)}
	process.StartRole(b, services, nil, []string{"worker", "projections"})
	w.role = process.StartRole(b, services, w.bound, []string{role}, "--"+role+"-listen", "127.0.0.1:0")
	registrar := w.role
	if role != "poweb" {
		registrar = process.StartRole(b, services, nil, []string{"poweb"}, "--poweb-listen", "127.0.0.1:0")
	}
	w.from, w.to = newOffline(b, registrar), newOffline(b, registrar)
	b.Cleanup(func() {
		if b.Failed() {
			b.Logf("the process, which has ended: %v, said:\n%s", w.ended(), w.role.Log())
		}
	})
	return w
}

// write makes what is handed in, all of it before it is.
func (w *bounded) write(b *testing.B) [][]byte {
	b.Helper()
	route := newCorrespondence(b, w.from, w.to)
	written := make([][]byte, largeParcels)
	var group errgroup.Group
	group.SetLimit(2) // each takes several times its size
	for i := range written {
		group.Go(func() (err error) {
			if !w.wrap {
				written[i], err = route.write(largePayload)
				return err
			}
			parcel, err := route.write(largePayload - 16<<10)
			if err == nil {
				written[i], err = w.from.SerializeCargo(b.Context(), parcel)
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		b.Fatal(err)
	}
	return written
}

// flood hands in everything at the same time, until it is accepted.
func (w *bounded) flood(b *testing.B, send func(context.Context, []byte) error) {
	b.Helper()
	var refused atomic.Int64
	for range b.N {
		b.StopTimer()
		written := w.write(b)
		b.StartTimer()
		var group errgroup.Group
		for _, raw := range written {
			group.Go(func() error {
				for {
					err := send(b.Context(), raw)
					if !comesBack(err) || w.ended() {
						return err
					}
					refused.Add(1)
					time.Sleep(comeBack) // as long as real clients, at least
				}
			})
		}
		if err := group.Wait(); err != nil {
			b.Error(err)
		}
	}
	b.StopTimer()
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s")
	b.ReportMetric(float64(refused.Load())/float64(b.N), "told-to-come-back")
	w.report(b)
}

// ended tells whether the process is gone, such as by the kernel's hand.
func (w *bounded) ended() bool {
	select {
	case <-w.role.Exited():
		return true
	default:
		return false
	}
}

// comesBack tells whether a client keeps what it sent and sends it again. One that still
// sends its parcel when it is told to come back may see no more than a connection that
// breaks.
func comesBack(err error) bool {
	return powebclient.Status(err) == http.StatusServiceUnavailable || status.Code(err) == codes.Unavailable ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// report fails if the process is gone, and reports the most memory that it had.
func (w *bounded) report(b *testing.B) {
	b.Helper()
	if w.ended() {
		b.Fatal("the process has ended")
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(peakMemory(b, w.role.PID)>>20), "MiB-peak")
	b.ReportMetric(float64(w.bound.Peak(b)>>20), "MiB-peak-with-files")
}

// peakMemory returns the most octets of memory that a process ever had.
func peakMemory(b *testing.B, pid int) int {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Fatal(err)
	}
	match := regexp.MustCompile(`VmHWM:\s+([0-9]+) kB`).FindSubmatch(text)
	if match == nil {
		b.Fatal("no VmHWM")
	}
	kib, err := strconv.Atoi(string(match[1]))
	if err != nil {
		b.Fatal(err)
	}
	return kib << 10
}
