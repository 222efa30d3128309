package resolver_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"awala.network/gateway/internal/resolver"
	"awala.network/gateway/internal/resolver/resolvertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const service = "_awala-pdc._tcp.example.test"

func srv(ttl, priority, weight, port int, host string) string {
	return fmt.Sprintf("%s. %d IN SRV %d %d %d %s", service, ttl, priority, weight, port, host)
}

func insecure(m *dns.Msg) *dns.Msg { m.AuthenticatedData = false; return m }

func TestLookup(t *testing.T) {
	target := resolver.Target{Host: "gw.example.test", Port: 8443, Priority: 1, Weight: 2}
	tests := map[string]struct {
		script  resolvertest.Script
		want    resolver.Answer
		err     error
		message string
	}{
		"one target": {
			script: func(q *dns.Msg) *dns.Msg { return resolvertest.Reply(q, srv(300, 1, 2, 8443, "GW.example.test.")) },
			want:   resolver.Answer{Targets: []resolver.Target{target}, TTL: 300 * time.Second},
		},
		"by an alias": {
			script: func(q *dns.Msg) *dns.Msg {
				return resolvertest.Reply(q, service+". 60 IN CNAME other.test.", strings.Replace(srv(300, 1, 2, 8443, "gw.example.test."), service, "other.test", 1))
			},
			want: resolver.Answer{Targets: []resolver.Target{target}, TTL: time.Minute},
		},
		"not offered": {
			script: func(q *dns.Msg) *dns.Msg { return resolvertest.Reply(q, srv(300, 0, 0, 0, ".")) },
			want:   resolver.Answer{Targets: []resolver.Target{{}}, TTL: 300 * time.Second},
		},
		"no such name": {
			script: func(q *dns.Msg) *dns.Msg { return resolvertest.Denial(q, 90) },
			want:   resolver.Answer{TTL: 90 * time.Second}, err: resolver.ErrNotFound,
		},
		"no such record": {
			script: func(q *dns.Msg) *dns.Msg { return resolvertest.Reply(q) }, err: resolver.ErrNotFound,
		},
		"not authenticated": {
			script: func(q *dns.Msg) *dns.Msg {
				return insecure(resolvertest.Reply(q, srv(300, 1, 2, 8443, "gw.example.test.")))
			},
			err: resolver.ErrInsecure,
		},
		"denial not authenticated": {
			script: func(q *dns.Msg) *dns.Msg { return insecure(resolvertest.Denial(q, 90)) }, err: resolver.ErrInsecure,
		},
		"bogus": { // what a validating resolver says of expired signatures
			script:  func(q *dns.Msg) *dns.Msg { return new(dns.Msg).SetRcode(q, dns.RcodeServerFailure) },
			message: "SERVFAIL",
		},
		"refused": {
			script:  func(q *dns.Msg) *dns.Msg { return new(dns.Msg).SetRcode(q, dns.RcodeRefused) },
			message: "REFUSED",
		},
		"another question": {
			script: func(q *dns.Msg) *dns.Msg {
				answer := resolvertest.Reply(q, srv(300, 1, 2, 8443, "gw.example.test."))
				answer.Question[0].Name = "evil.test."
				return answer
			},
			message: "not to the question",
		},
	}
	for name, tt := range tests {
		server := resolvertest.Start(t, tt.script)
		for way, exchanger := range map[string]resolver.Exchanger{
			"DoH": resolver.NewDoH(server.URL, server.Client), "plain": resolver.NewPlain(server.Address),
		} {
			t.Run(name+" "+way, func(t *testing.T) {
				answer, err := resolver.New(exchanger).LookupSRV(t.Context(), service)
				if tt.err == nil && tt.message == "" && err != nil || tt.err != nil && !errors.Is(err, tt.err) {
					t.Fatalf("error %v, want %v", err, tt.err)
				}
				if tt.message != "" && (err == nil || !strings.Contains(err.Error(), tt.message)) {
					t.Fatalf("error %v, want %s", err, tt.message)
				}
				if diff := cmp.Diff(tt.want, answer); diff != "" {
					t.Error(diff)
				}
			})
		}
		server.Client.CloseIdleConnections()
	}
}

func TestQuestionAsksForDNSSEC(t *testing.T) {
	var got *dns.Msg
	server := resolvertest.Start(t, func(q *dns.Msg) *dns.Msg { got = q; return resolvertest.Denial(q, 1) })
	defer server.Client.CloseIdleConnections()
	_, err := resolver.New(resolver.NewDoH(server.URL, server.Client)).LookupSRV(t.Context(), service)
	if !errors.Is(err, resolver.ErrNotFound) {
		t.Fatal(err)
	}
	if opt := got.IsEdns0(); got.Id != 0 || !got.AuthenticatedData || !got.RecursionDesired || opt == nil || !opt.Do() {
		t.Errorf("question: %v", got)
	}
}

// TestLargeAnswersComeOverTCP has more records than fit a UDP answer.
func TestLargeAnswersComeOverTCP(t *testing.T) {
	server := resolvertest.Start(t, func(q *dns.Msg) *dns.Msg {
		var records []string
		for i := range 40 {
			records = append(records, srv(300, i, 0, 443, fmt.Sprintf("gw%d.a-rather-long-name-for-a-host.example.test.", i)))
		}
		return resolvertest.Reply(q, records...)
	})
	answer, err := resolver.New(resolver.NewPlain(server.Address)).LookupSRV(t.Context(), service)
	if err != nil || len(answer.Targets) != 40 {
		t.Errorf("%d targets, %v", len(answer.Targets), err)
	}
}

func TestDoHFailures(t *testing.T) {
	tests := map[string]http.HandlerFunc{
		"status": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) },
		"type":   func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) },
		"garbage": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/dns-message")
			_, _ = w.Write([]byte("garbage"))
		},
		"endless": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/dns-message")
			_, _ = w.Write(make([]byte, 1<<20))
		},
	}
	for name, handler := range tests {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(handler)
			defer server.Close()
			_, err := resolver.New(resolver.NewDoH(server.URL, server.Client())).LookupSRV(t.Context(), service)
			if err == nil || errors.Is(err, resolver.ErrNotFound) {
				t.Errorf("error %v", err)
			}
			server.Client().CloseIdleConnections()
		})
	}
}

// scripted answers without a network.
type scripted struct {
	mu    sync.Mutex
	asked int
	reply resolvertest.Script
}

func (s *scripted) Exchange(_ context.Context, q *dns.Msg) (*dns.Msg, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	if answer := s.reply(q); answer != nil {
		return answer, nil
	}
	return nil, errors.New("no answer")
}

func TestCacheKeepsAnswersForTheirTime(t *testing.T) {
	positive := func(q *dns.Msg) *dns.Msg { return resolvertest.Reply(q, srv(300, 1, 2, 8443, "gw.example.test.")) }
	tests := map[string]struct {
		reply resolvertest.Script
		kept  time.Duration
	}{
		"positive":        {positive, 300 * time.Second},
		"negative":        {func(q *dns.Msg) *dns.Msg { return resolvertest.Denial(q, 90) }, 90 * time.Second},
		"hasty negative":  {func(q *dns.Msg) *dns.Msg { return resolvertest.Denial(q, 0) }, 5 * time.Second},
		"eternal":         {func(q *dns.Msg) *dns.Msg { return resolvertest.Denial(q, 1<<30) }, time.Hour},
		"failure":         {func(*dns.Msg) *dns.Msg { return nil }, 0},
		"unauthenticated": {func(q *dns.Msg) *dns.Msg { return insecure(positive(q)) }, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			now := time.Unix(1e9, 0)
			s := &scripted{reply: tt.reply}
			cache := resolver.NewCache(resolver.New(s), 0, func() time.Time { return now })
			ask := func() int {
				_, _ = cache.LookupSRV(t.Context(), service)
				return s.asked
			}
			ask()
			if tt.kept == 0 {
				if ask() != 2 {
					t.Error("a failure was kept")
				}
				return
			}
			now = now.Add(tt.kept - time.Nanosecond)
			if ask() != 1 {
				t.Error("asked again before its time")
			}
			now = now.Add(time.Nanosecond)
			if ask() != 2 {
				t.Error("not asked again in time")
			}
		})
	}
}

func TestCacheIsBounded(t *testing.T) {
	s := &scripted{reply: func(q *dns.Msg) *dns.Msg { return resolvertest.Denial(q, 90) }}
	cache := resolver.NewCache(resolver.New(s), 10, nil)
	for i := range 100 {
		_, _ = cache.LookupSRV(t.Context(), fmt.Sprintf("n%d.test", i))
	}
	before := s.asked
	for i := range 100 {
		_, _ = cache.LookupSRV(t.Context(), fmt.Sprintf("n%d.test", i))
	}
	if again := s.asked - before; again < 80 {
		t.Errorf("%d of 100 names were kept in 10 places", 100-again)
	}
}

// TestOrderByWeight counts how often each of three targets comes first.
func TestOrderByWeight(t *testing.T) {
	targets := []resolver.Target{
		{Host: "backup", Priority: 2, Weight: 100}, {Host: "a", Priority: 1, Weight: 60}, {Host: "b", Priority: 1, Weight: 30}, {Host: "c", Priority: 1, Weight: 10},
	}
	random := rand.New(rand.NewPCG(1, 2))
	const rounds = 100_000
	first := map[string]int{}
	for range rounds {
		ordered := resolver.Order(targets, random.IntN)
		first[ordered[0].Host]++
		if ordered[3].Host != "backup" {
			t.Fatal("priority is not honoured")
		}
	}
	for host, share := range map[string]float64{"a": 0.6, "b": 0.3, "c": 0.1} {
		if got := float64(first[host]) / rounds; math.Abs(got-share) > 0.02 {
			t.Errorf("%s comes first in %.3f of the cases, want %.1f", host, got, share)
		}
	}
}

func TestOrderLosesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		targets := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) resolver.Target {
			return resolver.Target{
				Host: rapid.StringMatching("[a-z]{3}").Draw(t, "host"), Priority: rapid.Uint16Range(0, 2).Draw(t, "priority"), Weight: rapid.Uint16().Draw(t, "weight"),
			}
		}), 0, 10).Draw(t, "targets")
		ordered := resolver.Order(targets, func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "lot") })
		count := map[resolver.Target]int{}
		for i := range targets {
			count[targets[i]]++
			count[ordered[i]]--
			if i > 0 && ordered[i].Priority < ordered[i-1].Priority {
				t.Fatal("priority is not honoured")
			}
		}
		for target, n := range count {
			if n != 0 {
				t.Fatalf("%v: %d times too few", target, n)
			}
		}
	})
}

// FuzzAnswer reads what a resolver may send.
func FuzzAnswer(f *testing.F) {
	q := new(dns.Msg).SetQuestion(service+".", dns.TypeSRV)
	wire, err := resolvertest.Reply(q, srv(300, 1, 2, 8443, "gw.example.test.")).Pack()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(wire)
	f.Fuzz(func(t *testing.T, wire []byte) {
		s := &scripted{reply: func(*dns.Msg) *dns.Msg {
			answer := new(dns.Msg)
			if answer.Unpack(wire) != nil {
				return nil
			}
			return answer
		}}
		answer, err := resolver.New(s).LookupSRV(t.Context(), service)
		if err == nil && (len(answer.Targets) == 0 || answer.TTL < 0) {
			t.Fatalf("answer %+v without an error", answer)
		}
	})
}
