package interop

import (
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"awala.network/gateway/interop/process"
)

// replicaRoles are all roles of a gateway, as commands; the servers are the first.
var replicaRoles = []string{
	"poweb", "pohttp", "cogrpc", "worker cargo", "worker delivery", "worker projections", "worker housekeeping",
}

// pair is how many processes of each role there are.
const pair = 2

// replicas is a gateway of two processes of each role on real services, with a balancer
// before each pair of servers. Only the goroutine of the test starts and ends them.
type replicas struct {
	t         *testing.T // all end with it
	services  *process.Services
	flags     map[string][]string // by role
	balancers map[string]*balancer

	mu      sync.Mutex // guards what follows
	running map[string][]*process.Standalone
	ended   []*process.Standalone
}

func newReplicas(t *testing.T, settings map[string]string, flags map[string][]string) *replicas {
	t.Helper()
	r := &replicas{
		t: t, services: process.StartServices(t, settings), flags: flags,
		balancers: map[string]*balancer{}, running: map[string][]*process.Standalone{},
	}
	began := time.Now()
	for _, role := range replicaRoles {
		if isServer(role) {
			r.balancers[role] = newBalancer(t, pair)
		}
		r.running[role] = make([]*process.Standalone, pair)
		for i := range pair {
			r.start(role, i)
		}
	}
	t.Logf("%d processes are ready after %v", pair*len(replicaRoles), time.Since(began).Round(time.Millisecond))
	return r
}

func isServer(role string) bool { return !strings.Contains(role, " ") }

// start starts a process of a role in the place of one that ended.
func (r *replicas) start(role string, i int) {
	r.t.Helper()
	flags := r.flags[role]
	if isServer(role) {
		flags = append([]string{"--" + role + "-listen", "127.0.0.1:0"}, flags...)
	}
	p := process.StartRole(r.t, r.services, nil, strings.Fields(role), flags...)
	r.mu.Lock()
	defer r.mu.Unlock()
	if before := r.running[role][i]; before != nil {
		r.ended = append(r.ended, before)
	}
	r.running[role][i] = p
	if b := r.balancers[role]; b != nil {
		b.point(i, p.Address(role))
	}
}

// process returns one that runs, or ran last.
func (r *replicas) process(role string, i int) *process.Standalone {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.running[role][i]
}

// kill ends one of a pair as a power cut would.
func (r *replicas) kill(role string, i int) { r.process(role, i).Kill() }

// killAny kills one of each pair, and returns what starts them again.
func (r *replicas) killAny(random *rand.Rand) (restart func()) {
	killed := map[string]int{}
	for _, role := range replicaRoles {
		killed[role] = random.IntN(pair)
		r.kill(role, killed[role])
	}
	return func() {
		for _, role := range replicaRoles {
			r.start(role, killed[role])
		}
	}
}

// Address implements site. The admin server is that of a process which runs.
func (r *replicas) Address(server string) string {
	if server != "admin" {
		return r.balancers[server].Addr().String()
	}
	for i := range pair {
		p := r.process("worker projections", i)
		select {
		case <-p.Exited():
		default:
			return p.Address(server)
		}
	}
	return ""
}

// URL implements site.
func (r *replicas) URL(server string) string { return "http://" + r.Address(server) }

// told is how many lines of the log are of interest.
const told = 100

// Log implements site: the last of what all have logged, those that ended too, which is
// warnings and errors.
func (r *replicas) Log() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := slices.Clone(r.ended)
	for _, role := range replicaRoles {
		all = append(all, r.running[role]...)
	}
	var lines []string
	for _, p := range all {
		for line := range strings.Lines(p.Log()) {
			if strings.HasPrefix(line, "{") && !strings.Contains(line, "FerretDB") {
				lines = append(lines, line)
			}
		}
	}
	slices.Sort(lines) // by time, which comes first
	return strings.Join(lines[max(0, len(lines)-told):], "")
}
