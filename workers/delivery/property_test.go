package delivery_test

import (
	"context"
	"testing"
	"time"

	"pgregory.net/rapid"

	"awala.network/gateway/events"
	"awala.network/gateway/handlers"
	"awala.network/gateway/internal/pohttp"
	"awala.network/gateway/workers/delivery"
)

// TestExactlyOneEnd: for any interleaving of outcomes, operators and crashes,
// each accepted parcel has exactly one end, in time, and is not attempted after
// it.
func TestExactlyOneEnd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &machine{T: t, world: newWorld(), ended: map[string]int{}, touched: map[string]bool{}, accepted: map[string]events.Event{}}
		m.restart()
		t.Repeat(map[string]func(*rapid.T){
			"accept":      m.accept,
			"accept more": m.accept,
			"again":       m.acceptAgain,
			"job":         m.job,
			"next job":    m.job,
			"another job": m.job,
			"pass":        m.pass,
			"restart":     func(*rapid.T) { m.restart() },
			"operate":     m.operate,
		})
		m.finish()
	})
}

// machine runs one worker over a history.
type machine struct {
	*rapid.T
	world    *world
	worker   *worker
	next     int
	accepted map[string]events.Event
	touched  map[string]bool // parcels that operators kept
	ended    map[string]int  // how many records were counted
	counted  int
}

var destinations = []string{"a.test", "b.test", "c.test"}

func (m *machine) accept(t *rapid.T) {
	m.next++
	ttl := time.Duration(rapid.IntRange(1, 48*60).Draw(t, "minutes")) * time.Minute
	e := m.world.accept(m.next, rapid.SampledFrom(destinations).Draw(t, "destination"), ttl)
	m.accepted[e.ID] = e
	m.worker.catchUp()
}

// acceptAgain records a parcel once more, as a private gateway may that sends it
// again.
func (m *machine) acceptAgain(t *rapid.T) {
	if m.next == 0 {
		t.Skip("none yet")
	}
	for _, r := range m.world.since(0) {
		if _, ok := r.Data.(events.InternetParcelAccepted); ok && rapid.Bool().Draw(t, "this") {
			if _, err := m.world.Append(context.Background(), r.Event); err != nil {
				t.Fatal(err)
			}
			break
		}
	}
	m.worker.catchUp()
}

// restart starts the worker anew, from projections that may be behind.
func (m *machine) restart() {
	behind := rapid.Uint64Range(0, 5).Draw(m.T, "behind")
	m.worker = m.world.startWorker(m.deliver, delivery.Limits{Total: 8, PerDestination: 4}, behind)
}

// deliver is the network. An attempt takes up to four minutes.
func (m *machine) deliver(context.Context, string, []byte) pohttp.Result {
	m.world.advance(time.Duration(rapid.IntRange(0, 240).Draw(m.T, "seconds")) * time.Second)
	return rapid.SampledFrom([]pohttp.Result{
		{Verdict: pohttp.Done, Stage: pohttp.StageAnswer, Status: 202},
		{Verdict: pohttp.Refused, Stage: pohttp.StageAnswer, Status: 403, Cause: "no"},
		{Verdict: pohttp.Later, Stage: pohttp.StageConnect, Cause: "refused"},
		{Verdict: pohttp.Later, Stage: pohttp.StageRequest, Cause: "reset"},
		{Verdict: pohttp.Later, Stage: pohttp.StageAnswer, Status: 429, Cause: "later", RetryAfter: time.Hour},
	}).Draw(m.T, "result")
}

func (m *machine) job(t *rapid.T) {
	job, _ := m.worker.queue.Next(m.world.clock())
	if job == nil {
		t.Skip("nothing to do")
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	crash := rapid.SampledFrom([]string{"", "", "", "", "lost", "stored"}).Draw(t, "crash")
	if crash != "" {
		m.world.crash, m.world.crashStored = cancel, crash == "stored"
	}
	m.do(ctx, job)
	if m.world.crash = nil; ctx.Err() != nil {
		m.restart()
	}
}

func (m *machine) do(ctx context.Context, job *delivery.Job) {
	if n := m.ends()[job.Ref.AcceptedID]; n > 0 {
		m.Fatalf("%s is attempted after its end", job.Ref.AcceptedID)
	}
	handle := m.worker.handler.Handle
	if job.Expire {
		handle = m.worker.handler.Expire
	}
	out, err := handle(ctx, job.Assignment)
	m.worker.queue.Done(job, out, err, m.world.clock())
	m.worker.catchUp()
}

func (m *machine) pass(t *rapid.T) {
	m.world.advance(time.Duration(rapid.IntRange(1, 6*60*60).Draw(t, "seconds")) * time.Second)
}

// operate does what operators do.
func (m *machine) operate(t *rapid.T) {
	operate := &handlers.OperateQueue{Log: m.world, Now: m.world.clock}
	by := events.Operation{By: "me", Reason: "because"}
	name := rapid.SampledFrom(destinations).Draw(t, "destination")
	whole := map[string]func(context.Context, string, events.Operation) error{
		"hold": operate.HoldDestination, "release": operate.ReleaseDestination, "flush": operate.FlushDestination,
	}
	verb := rapid.SampledFrom([]string{"hold", "release", "flush", "hold one", "release one", "hasten one", "drop one"}).Draw(t, "verb")
	list := m.worker.queue.List(delivery.Filter{Destination: name}, m.world.clock())
	if verb != "flush" && verb != "hasten one" {
		for _, v := range list {
			m.touched[v.Ref.AcceptedID] = true
		}
	}
	if do := whole[verb]; do != nil {
		if err := do(context.Background(), name, by); err != nil {
			t.Fatal(err)
		}
	} else if len(list) > 0 {
		one := rapid.SampledFrom(list).Draw(t, "parcel").Delivery
		do := map[string]func() error{
			"hold one":    func() error { return operate.Hold(context.Background(), one, by) },
			"release one": func() error { return operate.Release(context.Background(), one, by) },
			"hasten one":  func() error { return operate.Hasten(context.Background(), one, by) },
			"drop one":    func() error { return operate.Drop(context.Background(), one, by) },
		}[verb]
		if err := do(); err != nil {
			t.Fatal(err)
		}
	}
	m.worker.catchUp()
}

// finish lets time pass until everything has ended.
func (m *machine) finish() {
	operate := &handlers.OperateQueue{Log: m.world, Now: m.world.clock}
	for _, name := range destinations {
		if err := operate.ReleaseDestination(context.Background(), name, events.Operation{}); err != nil {
			m.Fatal(err)
		}
	}
	m.worker.catchUp()
	for range 10_000 {
		job, wait := m.worker.queue.Next(m.world.clock())
		switch {
		case job != nil:
			m.do(context.Background(), job)
		case wait > 0:
			m.world.advance(wait)
		default:
			m.check()
			return
		}
	}
	m.Fatal("it does not end")
}

// ends counts the ends of each parcel.
func (m *machine) ends() map[string]int {
	for _, r := range m.world.since(uint64(m.counted)) {
		m.counted++
		switch data := r.Data.(type) {
		case events.InternetParcelDelivered:
			m.ended[data.AcceptedID]++
		case events.InternetParcelRefused:
			m.ended[data.AcceptedID]++
		case events.InternetParcelExpired:
			m.ended[data.AcceptedID]++
		case events.InternetParcelDropped:
			m.ended[data.AcceptedID]++
		}
	}
	return m.ended
}

func (m *machine) check() {
	ends := m.ends()
	for id := range m.accepted {
		if ends[id] != 1 {
			m.Errorf("%s has %d ends", id, ends[id])
		}
	}
	if left := m.worker.queue.List(delivery.Filter{}, m.world.clock()); len(left) > 0 {
		m.Errorf("%d are left", len(left))
	}
}
