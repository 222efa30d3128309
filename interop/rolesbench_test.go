package interop

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"awala.network/gateway/internal/powebclient"
	"awala.network/gateway/internal/upkeep"
	"awala.network/gateway/interop/process"
)

const (
	// roleRecipients are the private gateways that the parcels are for, in turn.
	roleRecipients = 8
	// cargoSize is how many parcels a courier brings in one cargo.
	cargoSize = 50
	// settledRoles is how long roles have to do what was given to them.
	settledRoles = 5 * time.Minute
	// atRest is how long processes are watched that have nothing to do.
	atRest = 20 * time.Second
)

// BenchmarkRoles runs one process of each role on the services that `task services:all`
// has started, and measures the ways of parcels of 1 KiB one after the other: how many
// a second go it to its end, and the CPU time that each process has used for one of them,
// services included. Everything shares the machine, so CPU times carry over to other
// machines and rates hardly do. One count is one parcel (-benchtime=150x): more make
// FerretDB, which goes through whole collections, the only thing that is measured.
func BenchmarkRoles(b *testing.B) {
	r := newRoleBench(b)
	b.Run("at-rest", func(b *testing.B) {
		if b.N == 1 {
			return // the trial run of package testing
		}
		before := r.cpu(b)
		time.Sleep(atRest)
		for name, used := range r.cpu(b) {
			report(b, name+"-cpu-ms/s", (used-before[name]).Seconds()*1000/atRest.Seconds())
		}
		b.ReportMetric(0, "ns/op")
	})
	b.Run("collected", func(b *testing.B) {
		each(b, r.write(b, r.routes...), r.from.online.Deliver)
		r.folded(b)
		r.measure(b, func() { r.collect(b) })
	})
	b.Run("pohttp", func(b *testing.B) {
		parcels := r.write(b, r.away)
		r.measure(b, func() {
			each(b, parcels, func(ctx context.Context, parcel []byte) error {
				return powebclient.DeliverByPoHTTP(ctx, r.http, r.processes["pohttp"].URL("pohttp"), parcel)
			})
		})
	})
	b.Run("poweb", func(b *testing.B) {
		parcels := r.write(b, r.away)
		r.measure(b, func() { each(b, parcels, r.from.online.Deliver) })
	})
	b.Run("internet", func(b *testing.B) {
		parcels := writeMany(b, r.from.endpoint, b.N, healthyName)
		r.measure(b, func() {
			each(b, parcels, r.from.online.Deliver)
			for _, parcel := range parcels {
				r.node.await(b, parcelID(parcel))
			}
		})
	})
	b.Run("cargo", func(b *testing.B) {
		cargoes := r.cargoes(b)
		courier, unwrapped := newCourier(b, r.processes["cogrpc"]), r.handled(b)
		r.measure(b, func() {
			each(b, cargoes, func(ctx context.Context, cargo []byte) error {
				_, err := courier.Deliver(ctx, cargo)
				return err
			})
			seldom(b, settledRoles, "every cargo is unwrapped", func() bool { return r.handled(b) >= unwrapped+float64(len(cargoes)) })
		})
	})
	b.Run("backlog", func(b *testing.B) {
		r.processes["worker-projections"].Kill()
		each(b, r.write(b, r.away), r.from.online.Deliver)
		r.measure(b, func() {
			r.start(b, "worker-projections")
			r.folded(b)
		})
	})
}

// roleBench is a gateway of one process for each role, with peers around it.
type roleBench struct {
	services  *process.Services
	processes map[string]*process.Standalone // by role
	node      *receiver
	http      *http.Client
	from      offline
	to        []offline        // who collect
	routes    []correspondence // to them
	away      correspondence   // to one who does not
}

func newRoleBench(b *testing.B) *roleBench {
	b.Helper()
	r := &roleBench{
		services: process.StartServices(b, nil), processes: map[string]*process.Standalone{}, node: newReceiver(b, nil), http: newBenchHTTP(b),
	}
	for _, role := range []string{"worker-projections", "worker-housekeeping", "worker-cargo", "worker-delivery", "poweb", "pohttp", "cogrpc"} {
		r.start(b, role)
	}
	r.from = newOffline(b, r.processes["poweb"])
	r.from.online = r.from.online.At(benchClient(b, r.processes["poweb"]))
	for range roleRecipients {
		to := newOffline(b, r.processes["poweb"])
		r.to, r.routes = append(r.to, to), append(r.routes, newCorrespondence(b, r.from, to))
	}
	r.away = newCorrespondence(b, r.from, newOffline(b, r.processes["poweb"]))
	return r
}

// start starts the process of a role.
func (r *roleBench) start(b *testing.B, role string) {
	b.Helper()
	var flags []string
	switch role {
	case "poweb", "pohttp", "cogrpc":
		flags = []string{"--" + role + "-listen", "127.0.0.1:0"}
	case "worker-delivery":
		flags = r.node.override(healthyName)
	}
	r.processes[role] = process.StartRole(b, r.services, nil, strings.Split(role, "-"), flags...)
}

// write makes as many parcels as are counted, for recipients in turn.
func (r *roleBench) write(b *testing.B, routes ...correspondence) [][]byte {
	b.Helper()
	return written(b, b.N, func(i int) ([]byte, error) { return routes[i%len(routes)].write(1024) })
}

// cargoes makes as many parcels as are counted, in cargoes.
func (r *roleBench) cargoes(b *testing.B) (cargoes [][]byte) {
	b.Helper()
	for parcels := r.write(b, r.away); len(parcels) > 0; {
		n := min(cargoSize, len(parcels))
		cargo, err := r.from.SerializeCargo(b.Context(), parcels[:n]...)
		if err != nil {
			b.Fatal(err)
		}
		cargoes, parcels = append(cargoes, cargo), parcels[n:]
	}
	return cargoes
}

// measure times what is done, and counts the CPU until the projections hold it, too.
func (r *roleBench) measure(b *testing.B, do func()) {
	b.Helper()
	before := r.cpu(b)
	b.ResetTimer()
	do()
	b.StopTimer()
	r.folded(b)
	for name, used := range r.cpu(b) {
		report(b, name+"-cpu-ms", (used-before[name]).Seconds()*1000/float64(b.N))
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "parcels/s")
	b.ReportMetric(0, "ns/op")
}

// report leaves out what is next to nothing.
func report(b *testing.B, unit string, value float64) {
	if value >= 0.01 {
		b.ReportMetric(value, unit)
	}
}

// cpu returns the CPU time that each process has used, by role or service.
func (r *roleBench) cpu(b *testing.B) map[string]time.Duration {
	b.Helper()
	used := map[string]time.Duration{}
	for role, p := range r.processes {
		if _, err := os.Stat("/proc/" + strconv.Itoa(p.PID)); err == nil {
			used[role] = cpuTime(b, p.PID)
		} else {
			used[role] = 0
		}
	}
	maps.Copy(used, servicesCPU(b))
	return used
}

// folded waits until the projections hold everything.
func (r *roleBench) folded(b *testing.B) {
	b.Helper()
	client, err := upkeep.NewClient(r.processes["worker-projections"].URL("admin"), http.DefaultClient)
	if err != nil {
		b.Fatal(err)
	}
	seldom(b, settledRoles, "the projections hold everything", func() bool {
		all, err := client.Projections(b.Context())
		for _, p := range all {
			err = errors.Join(err, behind(p.Checkpoint, p.Last))
		}
		return err == nil
	})
}

func behind(checkpoint, last uint64) error {
	if checkpoint < last {
		return errors.New("behind")
	}
	return nil
}

// handled returns how many cargoes have been unwrapped.
func (r *roleBench) handled(b *testing.B) float64 {
	b.Helper()
	return sum(b, metrics(b, r.processes["worker-cargo"]), "awala_worker_messages_total")
}

// collect collects and acknowledges everything that waits, over one connection for
// each recipient.
func (r *roleBench) collect(b *testing.B) {
	b.Helper()
	group, ctx := errgroup.WithContext(b.Context())
	for _, to := range r.to {
		group.Go(func() error {
			collection, err := to.online.Collect(ctx, powebclient.CloseUponCompletion)
			if err != nil {
				return err
			}
			defer collection.Close()
			for {
				delivery, err := collection.Next(ctx)
				if errors.Is(err, io.EOF) {
					return nil
				}
				if err == nil {
					err = delivery.Acknowledge(ctx)
				}
				if err != nil {
					return err
				}
			}
		})
	}
	if err := group.Wait(); err != nil {
		b.Fatal(err)
	}
}
