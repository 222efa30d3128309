package measured_test

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"awala.network/gateway/internal/blobs"
	"awala.network/gateway/internal/blobs/files"
	"awala.network/gateway/internal/measured"
)

func TestStoresAreCounted(t *testing.T) {
	registry := prometheus.NewRegistry()
	services := measured.New(registry)
	store, err := files.Open(filepath.Join(t.TempDir(), "blobs"), files.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	timed := services.Blobs(store)
	meta := blobs.Meta{IfAbsent: true}
	if err := timed.Put(t.Context(), "a", []byte("b"), meta); err != nil {
		t.Error(err)
	}
	if err := timed.Put(t.Context(), "a", []byte("b"), meta); !errors.Is(err, blobs.ErrExists) {
		t.Error(err)
	}
	if _, _, err := timed.Get(t.Context(), "none"); !errors.Is(err, blobs.ErrNotFound) {
		t.Error(err)
	}
	services.Appended(t.Context(), "cargo-received.v1", time.Millisecond, nil)
	services.Appended(t.Context(), "cargo-received.v1", time.Millisecond, errors.New("no"))
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	series := map[string]int{}
	for _, f := range families {
		series[f.GetName()] = len(f.GetMetric())
	}
	want := map[string]int{
		"awala_store_request_duration_seconds": 3, "awala_history_append_duration_seconds": 2, "awala_events_recorded_total": 1,
	}
	if d := cmp.Diff(want, series); d != "" {
		t.Errorf("series (-want +got):\n%s", d)
	}
}
