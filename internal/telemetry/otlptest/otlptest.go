// Package otlptest is a collector of OpenTelemetry traces for tests: a real gRPC
// server of the OTLP protocol, which keeps in memory what it gets.
package otlptest

import (
	"bytes"
	"context"
	"encoding/hex"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonv1 "go.opentelemetry.io/proto/otlp/common/v1"
	resourcev1 "go.opentelemetry.io/proto/otlp/resource/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
)

// Span is an exported span with the process that it is from.
type Span struct {
	*tracev1.Span
	Resource *resourcev1.Resource
}

// Collector collects spans.
type Collector struct {
	collector.UnimplementedTraceServiceServer
	// URL is the collector's endpoint.
	URL string

	mu    sync.Mutex
	spans []Span
}

// Start starts a collector that ends with the test.
func Start(t testing.TB) *Collector {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &Collector{URL: "http://" + listener.Addr().String()}
	server := grpc.NewServer()
	collector.RegisterTraceServiceServer(server, c)
	done := make(chan struct{})
	go func() {
		defer close(done)
		// It ends with Stop.
		_ = server.Serve(listener)
	}()
	t.Cleanup(func() { server.Stop(); <-done })
	return c
}

// Export implements the collector's service.
func (c *Collector) Export(
	_ context.Context, request *collector.ExportTraceServiceRequest,
) (*collector.ExportTraceServiceResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range request.GetResourceSpans() {
		for _, scope := range r.GetScopeSpans() {
			for _, s := range scope.GetSpans() {
				c.spans = append(c.spans, Span{s, r.GetResource()})
			}
		}
	}
	return &collector.ExportTraceServiceResponse{}, nil
}

// Spans returns what was collected so far, by start.
func (c *Collector) Spans() []Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	spans := slices.Clone(c.spans)
	slices.SortStableFunc(spans, func(a, b Span) int { return int(int64(a.StartTimeUnixNano) - int64(b.StartTimeUnixNano)) })
	return spans
}

// Await waits for a span that is wanted, and returns the first.
func (c *Collector) Await(t testing.TB, wanted func(Span) bool) Span {
	t.Helper()
	var found Span
	if !c.Until(func(spans []Span) bool {
		i := slices.IndexFunc(spans, wanted)
		if i >= 0 {
			found = spans[i]
		}
		return i >= 0
	}) {
		t.Fatalf("no such span among\n%s", names(c.Spans()))
	}
	return found
}

// patience is how long spans are waited for.
const patience = 20 * time.Second

// Until waits until what was collected is what is wanted; false if that takes too
// long.
func (c *Collector) Until(done func([]Span) bool) bool {
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(patience); ; <-ticker.C {
		if done(c.Spans()) {
			return true
		}
		if time.Now().After(deadline) {
			return false
		}
	}
}

func names(spans []Span) string {
	var b strings.Builder
	for _, s := range spans {
		b.WriteString(s.Name + "\n")
	}
	return b.String()
}

// Attribute returns the text of an attribute of the span, "" if it has none.
func (s Span) Attribute(key string) string { return text(s.GetAttributes(), key) }

// Process returns the text of an attribute of the span's process.
func (s Span) Process(key string) string { return text(s.Resource.GetAttributes(), key) }

func text(attributes []*commonv1.KeyValue, key string) string {
	for _, a := range attributes {
		if a.GetKey() == key {
			return a.GetValue().GetStringValue()
		}
	}
	return ""
}

// TraceID is the span's trace in hexadecimal.
func (s Span) TraceID() string { return hex.EncodeToString(s.GetTraceId()) }

// Failed tells whether the span ended in an error.
func (s Span) Failed() bool { return s.GetStatus().GetCode() == tracev1.Status_STATUS_CODE_ERROR }

// LinkedTo tells whether the span has a link to the trace.
func (s Span) LinkedTo(traceID string) bool {
	return slices.ContainsFunc(s.GetLinks(), func(l *tracev1.Span_Link) bool { return hex.EncodeToString(l.GetTraceId()) == traceID })
}

// Tree shows the spans of a trace, one in a line under its parent, in the order in
// which they began; failed ones with an exclamation mark. Spans whose names keep
// refuses are left out, with all below them.
func Tree(spans []Span, traceID string, keep func(name string) bool) string {
	var b strings.Builder
	known := map[string]bool{}
	for _, s := range spans {
		known[string(s.GetSpanId())] = true
	}
	var write func(parent []byte, depth int)
	write = func(parent []byte, depth int) {
		for _, s := range spans {
			orphan := depth == 0 && !known[string(s.GetParentSpanId())]
			if s.TraceID() != traceID || !keep(s.Name) || !orphan && (depth == 0 || !bytes.Equal(s.GetParentSpanId(), parent)) {
				continue
			}
			b.WriteString(strings.Repeat("  ", depth) + s.Name)
			if s.Failed() {
				b.WriteString(" !")
			}
			b.WriteByte('\n')
			write(s.GetSpanId(), depth+1)
		}
	}
	write(nil, 0)
	return b.String()
}
