// Package resolvertest gives tests a DNS resolver on loopback that answers as
// they say, over DNS-over-HTTPS, UDP and TCP.
package resolvertest

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"
)

// Script returns the answer to a question, or nil for none at all.
type Script func(question *dns.Msg) *dns.Msg

// Server is a resolver.
type Server struct {
	// URL is where it answers over HTTPS; Client trusts its certificate.
	URL    string
	Client *http.Client
	// Address is where it answers over UDP and TCP.
	Address string

	mu        sync.Mutex
	script    Script
	questions []string
}

// Start returns a resolver, which ends with the test.
func Start(tb testing.TB, script Script) *Server {
	tb.Helper()
	s := &Server{script: script}
	doh := httptest.NewUnstartedServer(http.HandlerFunc(s.serveHTTP))
	doh.EnableHTTP2 = true
	doh.StartTLS()
	tb.Cleanup(doh.Close)
	s.URL, s.Client = doh.URL+"/dns-query", doh.Client()
	s.startPlain(tb)
	return s
}

// startPlain listens on one port for UDP and TCP.
func (s *Server) startPlain(tb testing.TB) {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	s.Address = listener.Addr().String()
	packets, err := net.ListenPacket("udp", s.Address)
	if err != nil {
		tb.Fatal(err)
	}
	var serving sync.WaitGroup
	tb.Cleanup(serving.Wait) // after the shutdowns
	for _, server := range []*dns.Server{{Listener: listener}, {PacketConn: packets}} {
		started := make(chan struct{})
		server.NotifyStartedFunc = func() { close(started) }
		server.Handler = dns.HandlerFunc(s.serveDNS)
		serving.Go(func() { _ = server.ActivateAndServe() })
		<-started
		tb.Cleanup(func() { _ = server.Shutdown() })
	}
}

// Use replaces the script.
func (s *Server) Use(script Script) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script = script
}

// Questions returns the names that were asked for.
func (s *Server) Questions() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.questions...)
}

func (s *Server) answer(question *dns.Msg) *dns.Msg {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(question.Question) == 1 {
		s.questions = append(s.questions, strings.ToLower(question.Question[0].Name))
	}
	return s.script(question)
}

func (s *Server) serveDNS(w dns.ResponseWriter, question *dns.Msg) {
	if answer := s.answer(question); answer != nil {
		if _, udp := w.RemoteAddr().(*net.UDPAddr); udp {
			answer.Truncate(512)
		}
		_ = w.WriteMsg(answer)
	}
}

func (s *Server) serveHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	question := new(dns.Msg)
	if r.Method != http.MethodPost || err != nil || question.Unpack(body) != nil {
		http.Error(w, "bad question", http.StatusBadRequest)
		return
	}
	answer := s.answer(question)
	if answer == nil {
		http.Error(w, "no answer", http.StatusBadGateway)
		return
	}
	wire, err := answer.Pack()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/dns-message")
	_, _ = w.Write(wire)
}

// Reply returns an answer with these records, in the notation of zone files,
// authenticated.
func Reply(question *dns.Msg, records ...string) *dns.Msg {
	answer := new(dns.Msg)
	answer.SetReply(question)
	answer.AuthenticatedData = true
	for _, text := range records {
		rr, err := dns.NewRR(text)
		if err != nil {
			panic(err)
		}
		answer.Answer = append(answer.Answer, rr)
	}
	return answer
}

// Denial says with authority that there is no such name, for so many seconds.
func Denial(question *dns.Msg, seconds uint32) *dns.Msg {
	answer := new(dns.Msg)
	answer.SetRcode(question, dns.RcodeNameError)
	answer.AuthenticatedData = true
	answer.Ns = []dns.RR{&dns.SOA{
		Hdr: dns.RR_Header{Name: "test.", Rrtype: dns.TypeSOA, Class: dns.ClassINET, Ttl: seconds},
		Ns:  "ns.test.", Mbox: "hostmaster.test.", Minttl: seconds,
	}}
	return answer
}
