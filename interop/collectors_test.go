package interop

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"awala.network/gateway/internal/powebclient"
	"awala.network/gateway/interop/process"
)

const (
	idleGateways   = 200
	idleCollectors = 2000
	// idleFor spans more than two pings and the server's deadline for a pong.
	idleFor = 20 * time.Second
	pushes  = 50
)

// TestIdleCollectors keeps 2,000 collectors connected to one process, with
// nothing to collect but pings, and then pushes parcels to some of them.
func TestIdleCollectors(t *testing.T) {
	if testing.Short() {
		t.Skip("opens 2,000 connections and holds them")
	}
	gateway := process.StartStandalone(t, t.TempDir())
	crowd := newCrowd(t, gateway, idleGateways, idleCollectors)
	before := residentMemory(t, gateway.PID)
	crowd.connect(t)
	crowd.hold(t, idleFor)
	perConnection := (residentMemory(t, gateway.PID) - before) / idleCollectors
	t.Logf("%d idle collectors, held for %v: %d KiB of the process's memory each", idleCollectors, idleFor, perConnection>>10)
	if perConnection > 128<<10 {
		t.Errorf("%d octets a connection", perConnection)
	}
	latencies := crowd.push(t)
	slices.Sort(latencies)
	median := latencies[len(latencies)/2]
	t.Logf("push of %d parcels, from the sender's request to the collector: p50 %v, p99 %v",
		len(latencies), median, latencies[len(latencies)*99/100])
	if median > 100*time.Millisecond {
		t.Errorf("half of the pushes took more than %v", median)
	}
	if worst := latencies[len(latencies)-1]; worst > 500*time.Millisecond {
		t.Errorf("a push took %v", worst)
	}
}

// crowd is many private gateways, each with several collections open.
type crowd struct {
	gateways    []*powebclient.PrivateGateway
	collections []*powebclient.Collection
}

func newCrowd(t testing.TB, gateway *process.Standalone, gateways, collectors int) *crowd {
	c := &crowd{
		gateways:    make([]*powebclient.PrivateGateway, gateways),
		collections: make([]*powebclient.Collection, collectors),
	}
	group, ctx := errgroup.WithContext(t.Context())
	group.SetLimit(4)
	client := clientOf(t, gateway)
	for i := range c.gateways {
		group.Go(func() (err error) {
			c.gateways[i], err = client.NewPrivateGateway(ctx)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	return c
}

// connect opens the collections: those of gateway n are at n, n + the number of
// gateways, ...
func (c *crowd) connect(t testing.TB) {
	group := new(errgroup.Group)
	group.SetLimit(32)
	began := time.Now()
	for i := range c.collections {
		group.Go(func() (err error) {
			c.collections[i], err = c.gateways[i%len(c.gateways)].Collect(t.Context(), powebclient.KeepAlive)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d collectors connected in %v", len(c.collections), time.Since(began).Round(time.Millisecond))
	t.Cleanup(func() {
		for _, collection := range c.collections {
			collection.Close()
		}
	})
}

// hold waits, and fails if any collection ends meanwhile.
func (c *crowd) hold(t testing.TB, d time.Duration) {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	var group errgroup.Group
	for _, collection := range c.collections {
		group.Go(func() error {
			if _, err := collection.Next(ctx); ctx.Err() == nil {
				return fmt.Errorf("an idle collection ended: %w", err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
}

// push sends parcels one after another, each to another gateway, and measures
// how long each takes to reach one of that gateway's collectors.
func (c *crowd) push(t testing.TB) []time.Duration {
	sender, err := c.gateways[0].NewEndpoint()
	if err != nil {
		t.Fatal(err)
	}
	var latencies []time.Duration
	for i := range pushes {
		n := i * (len(c.gateways) / pushes)
		recipient, err := c.gateways[n].NewEndpoint()
		if err != nil {
			t.Fatal(err)
		}
		parcel, err := sender.Write(powebclient.Parcel{To: recipient, CreatedAt: time.Now().Add(-time.Second), Payload: make([]byte, 1024)})
		if err != nil {
			t.Fatal(err)
		}
		latencies = append(latencies, c.pushOne(t, n, parcel))
	}
	return latencies
}

func (c *crowd) pushOne(t testing.TB, n int, parcel []byte) time.Duration {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	began := time.Now()
	if err := c.gateways[0].Deliver(ctx, parcel); err != nil {
		t.Fatal(err)
	}
	delivery, err := c.collections[n].Next(ctx)
	if err != nil {
		t.Fatal(err)
	}
	took := time.Since(began)
	if err := delivery.Acknowledge(ctx); err != nil {
		t.Fatal(err)
	}
	return took
}

// residentMemory returns the octets of memory that a process occupies.
func residentMemory(t *testing.T, pid int) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")))
			if err != nil {
				t.Fatal(err)
			}
			return kib << 10
		}
	}
	t.Fatal("no VmRSS")
	return 0
}
