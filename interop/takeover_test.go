package interop

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"awala.network/gateway/internal/overview"
	"awala.network/gateway/internal/takeover"
	"awala.network/gateway/interop/former"
	"awala.network/gateway/interop/process"
)

// TestTakeover takes over a deployment of the Node.js gateway while it goes on, killing
// the takeover again and again, and then lets its private gateways, unchanged, collect
// what waited and deliver more.
func TestTakeover(t *testing.T) {
	if testing.Short() {
		t.Skip("starts NATS Streaming, a gateway and Node.js")
	}
	old := former.Start(t)
	w, file := makeFormerWorld(t)
	w.populate(old)
	run := takeoverRuns{t: t, old: old, dir: filepath.Join(t.TempDir(), "data")}

	before := old.Snapshot()
	run.account("--dry-run")
	if diff := cmp.Diff(before, old.Snapshot()); diff != "" {
		t.Errorf("the dry run changed the other gateway (-before +after):\n%s", diff)
	}
	if _, err := os.Stat(run.dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the dry run made a data folder: %v", err)
	}
	run.killed(w.goOn(old), "--pause", "100ms")

	before = old.Snapshot()
	run.killed([]func(){func() {}, func() {}}, "--cutover")
	completed := run.account("--cutover")
	if !completed.Completed || completed.Wrong() > 0 {
		t.Fatalf("the takeover is not complete: %+v", completed)
	}
	if diff := cmp.Diff(before, old.Snapshot()); diff != "" {
		t.Errorf("the takeover changed the other gateway (-before +after):\n%s", diff)
	}
	checkAccount(t, w, completed, run.account("--dry-run"), run.straight())
	if verified := run.account("--verify"); verified.Wrong() > 0 {
		t.Errorf("%d things are not as they were", verified.Wrong())
	}
	checkNewLife(t, w, file, filepath.Dir(run.dir))
	// The other gateway could still go on: its worker gets every cargo that waits.
	if left := old.Work("crc-cargo", "worker", "worker", len(w.Gateways)*5+garbage["cargoes"], false); len(left) == 0 {
		t.Error("no cargo is left for the other gateway")
	}
}

// takeoverRuns runs the takeover command.
type takeoverRuns struct {
	t   *testing.T
	old *former.Deployment
	dir string
}

func (r *takeoverRuns) command(ctx context.Context, dir string, flags ...string) *exec.Cmd {
	r.t.Helper()
	binary, err := process.Binary()
	if err != nil {
		r.t.Fatal(err)
	}
	args := append([]string{"takeover", "--data-dir", dir, "--internet-address", internetAddress, "--json"}, r.old.Flags()...)
	return exec.CommandContext(ctx, binary, append(args, flags...)...)
}

// account runs a command to its end and returns its account.
func (r *takeoverRuns) account(flags ...string) takeover.Account { return r.accountIn(r.dir, flags...) }

func (r *takeoverRuns) accountIn(dir string, flags ...string) takeover.Account {
	r.t.Helper()
	command := r.command(r.t.Context(), dir, flags...)
	var errs bytes.Buffer
	command.Stderr = &errs
	began := time.Now()
	out, err := command.Output()
	if err != nil {
		r.t.Fatalf("takeover %v: %v\n%s%s", flags, err, errs.String(), lastLine(out))
	}
	var line struct{ Account takeover.Account }
	if err := json.Unmarshal(lastLine(out), &line); err != nil {
		r.t.Fatalf("takeover %v: %v in %s", flags, err, lastLine(out))
	}
	r.t.Logf("takeover %v took %v", flags, time.Since(began).Round(time.Millisecond))
	return line.Account
}

func lastLine(out []byte) []byte {
	out = bytes.TrimSpace(out)
	return out[bytes.LastIndexByte(out, '\n')+1:]
}

// killed runs a command at each step, while the deployment goes on, and kills it at a
// random moment.
func (r *takeoverRuns) killed(steps []func(), flags ...string) {
	r.t.Helper()
	for _, step := range steps {
		ctx, kill := context.WithCancel(r.t.Context())
		command := r.command(ctx, r.dir, flags...)
		var out bytes.Buffer
		command.Stdout, command.Stderr = &out, &out
		if err := command.Start(); err != nil {
			r.t.Fatal(err)
		}
		time.AfterFunc(time.Duration(100+rand.IntN(2500))*time.Millisecond, kill)
		step()
		err := command.Wait()
		kill()
		if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.Exited() {
			r.t.Fatalf("the takeover ended by itself: %v\n%s", err, out.String())
		}
	}
}

// straight takes over into a second gateway at one go.
func (r *takeoverRuns) straight() takeover.Account {
	r.t.Helper()
	return r.accountIn(filepath.Join(r.t.TempDir(), "data"), "--cutover")
}

// checkAccount compares the account of the takeover that was killed with what a dry
// run predicts, with a takeover at one go, and with what there is.
func checkAccount(t *testing.T, w *formerWorld, killed, predicted, straight takeover.Account) {
	t.Helper()
	for i, l := range killed.Lines {
		p, s := predicted.Lines[i], straight.Lines[i]
		if l.Found != p.Found || l.Moved+l.Already != p.Moved || !cmp.Equal(l.Skipped, p.Skipped) {
			t.Errorf("%s: the dry run predicts %+v, the takeover that was killed did %+v", l.Kind, p, l)
		}
		s.Ended, p.Ended = 0, 0
		if diff := cmp.Diff(p, s); diff != "" {
			t.Errorf("%s (-dry run +at one go):\n%s", l.Kind, diff)
		}
		if got, want := l.Skipped["unreadable"], garbage[string(l.Kind)]; got != want {
			t.Errorf("%s: %d unreadable, want %d", l.Kind, got, want)
		}
	}
	want := map[takeover.Kind]int{
		takeover.Identities: 1, takeover.Certificates: 2, takeover.IdentityKey: 1, takeover.BoundKeys: 10,
		takeover.UnboundKeys: 2, takeover.PeerKeys: 10, takeover.Fulfilments: 10,
		takeover.GatewayParcels: 10 * (inQueued + 15 + 5 + 7 - 1), takeover.Deliveries: 10 * (outOrphan + 3), takeover.Cargoes: 50,
	}
	for _, l := range straight.Lines {
		if n, ok := want[l.Kind]; ok && l.Moved != n {
			t.Errorf("%s: %d moved, want %d", l.Kind, l.Moved, n)
		}
	}
}

// visit is what takenover.mjs tells of a private gateway.
type visit struct {
	ID                                string
	ByCourier                         bool
	Collected, Again, Acks, AcksAgain []string
	Refusal, Fresh                    string
	Delivered                         int
}

// checkNewLife starts the gateway that took over and lets the private gateways come.
func checkNewLife(t *testing.T, w *formerWorld, file, dir string) {
	t.Helper()
	internet := newReceiver(t, nil)
	gateway := process.StartStandalone(t, dir, append(internet.override("receiver.example"), "--internet-address", internetAddress)...)
	if gateway.NodeID != w.ID {
		t.Fatalf("the gateway is node %s, not %s", gateway.NodeID, w.ID)
	}
	awaitUnwrapped(t, gateway)
	results := filepath.Join(t.TempDir(), "results.json")
	script := exec.Command("node", "takenover.mjs", file, results)
	script.Dir = "clients"
	script.Env = append(os.Environ(), "AWALA_POWEB_PORT="+port(t, gateway, "poweb"), "AWALA_POHTTP_PORT="+port(t, gateway, "pohttp"),
		"AWALA_COGRPC_PORT="+port(t, gateway, "cogrpc"), "AWALA_INTERNET_ADDRESS="+internetAddress)
	if out, err := script.CombinedOutput(); err != nil {
		t.Fatalf("takenover.mjs: %v\n%s\nthe gateway said:\n%s", err, out, gateway.Log())
	}
	raw, err := os.ReadFile(results)
	if err != nil {
		t.Fatal(err)
	}
	var visits []visit
	if err := json.Unmarshal(raw, &visits); err != nil {
		t.Fatal(err)
	}
	for i, v := range visits {
		checkVisit(t, w, i, v)
	}
	awaitUnwrapped(t, gateway)
	checkDelivered(t, w, internet, len(visits))
}

func checkVisit(t *testing.T, w *formerWorld, i int, v visit) {
	t.Helper()
	for _, wrong := range differences(v.Collected, w.toCollect(i)) {
		t.Errorf("private gateway %d (by courier: %t): parcel %s", i, v.ByCourier, wrong)
	}
	if len(v.Again) > 0 {
		t.Errorf("private gateway %d gets %d parcels again", i, len(v.Again))
	}
	if !strings.Contains(v.Refusal, "PERMISSION_DENIED") {
		t.Errorf("private gateway %d: its used authorisation: %s", i, v.Refusal)
	}
	if v.Delivered != 1 {
		t.Errorf("private gateway %d: its cargo was not acknowledged", i)
	}
	if v.ByCourier {
		for _, wrong := range differences(v.Acks, w.toAcknowledge(w.Gateways[i])) {
			t.Errorf("private gateway %d: acknowledgement %s", i, wrong)
		}
	}
}

// checkDelivered waits for what has to go to the Internet, and for no more.
func checkDelivered(t *testing.T, w *formerWorld, internet *receiver, fresh int) {
	t.Helper()
	want := w.toDeliver()
	deadline := time.After(60 * time.Second)
	for internet.count() < len(want)+fresh {
		select {
		case <-internet.arrived:
		case <-deadline:
			t.Errorf("%d of %d parcels were delivered", internet.count(), len(want)+fresh)
			return
		}
	}
	var known []string
	for id := range want {
		for range internet.times(id) {
			known = append(known, id)
		}
	}
	for _, wrong := range differences(known, want) {
		t.Errorf("parcel for the Internet %s", wrong)
	}
	if n := internet.count(); n != len(want)+fresh {
		t.Errorf("%d parcels were delivered, want %d and %d new ones", n, len(want), fresh)
	}
}

// awaitUnwrapped waits until no cargo waits.
func awaitUnwrapped(t *testing.T, gateway *process.Standalone) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for tick := time.NewTicker(100 * time.Millisecond); ; {
		waiting, err := cargoWaiting(ctx, gateway)
		if err == nil && waiting == 0 {
			tick.Stop()
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%d cargoes still wait: %v", waiting, err)
		}
	}
}

func cargoWaiting(ctx context.Context, gateway *process.Standalone) (uint64, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, gateway.URL("admin")+"/status", nil)
	if err != nil {
		return 0, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	var o overview.Overview
	if err := json.NewDecoder(response.Body).Decode(&o); err != nil {
		return 0, err
	}
	for _, c := range o.Consumers {
		if c.Name == "unwrap-cargo" {
			return c.Lag, nil
		}
	}
	return 0, fmt.Errorf("no consumer of cargo in %+v", o.Consumers)
}
