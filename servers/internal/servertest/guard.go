package servertest

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"awala.network/gateway/internal/limits"
)

// NewGuard returns a guard with the given limits and metrics of its own.
func NewGuard(t testing.TB, o limits.Options) *limits.Guard {
	t.Helper()
	guard, err := limits.New(o, prometheus.NewRegistry(), "test")
	if err != nil {
		t.Fatal(err)
	}
	return guard
}
