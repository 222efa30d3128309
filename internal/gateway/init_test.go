package gateway_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"awala.network/gateway/internal/doctor"
	"awala.network/gateway/internal/gateway"
	"awala.network/gateway/internal/servicestest"
)

// initialise runs Init and returns what it says it did.
func initialise(t *testing.T, o gateway.Options) (steps []string) {
	t.Helper()
	if err := gateway.Init(t.Context(), o, func(step string) { steps = append(steps, step) }); err != nil {
		t.Fatal(err)
	}
	return steps
}

// TestInitCanBeRepeated also wants the gateway to start on what Init made, and the
// doctor to find it in order.
func TestInitCanBeRepeated(t *testing.T) {
	c := settings(t.TempDir())
	c.Gateway.InternetAddress = "gw.init.test"
	o := options(t, c)
	o.Kind = gateway.Services(false)
	first := initialise(t, o)
	if d := cmp.Diff(first, initialise(t, o)); d != "" || len(first) == 0 {
		t.Errorf("second run (-first +second):\n%s", d)
	}
	report, err := gateway.Diagnose(t.Context(), o, true)
	if err != nil || report.Problems > 0 {
		t.Errorf("%v, %+v", err, report)
	}
	g := start(t, c)
	defer stop(t, g)
	if !slices.ContainsFunc(first, func(s string) bool { return strings.Contains(s, g.Info().NodeID) }) {
		t.Errorf("another identity than in %q", first)
	}
	if report, err = gateway.Diagnose(t.Context(), o, true); err != nil || report.Problems > 0 {
		t.Errorf("while it runs: %v, %+v", err, report)
	}
}

// TestInitMakesEveryProjection compares what Init makes with what the role keeps.
func TestInitMakesEveryProjection(t *testing.T) {
	g := start(t, settings(t.TempDir()))
	defer stop(t, g)
	kept := gateway.KeptProjections(t, g)
	if d := cmp.Diff(kept, gateway.ReadModels()); d != "" {
		t.Errorf("projections (-kept +made by init):\n%s", d)
	}
}

// TestInitRemote makes a bucket, and everything else on real servers.
func TestInitRemote(t *testing.T) {
	c := remoteSettings(t)
	_, real := servicestest.Running()
	c.Gateway.InternetAddress = "gw.init.test"
	o := remoteOptions(t, gateway.Services(true), c)
	first := initialise(t, o)
	if d := cmp.Diff(first, initialise(t, o)); d != "" {
		t.Errorf("second run (-first +second):\n%s", d)
	}
	report, err := gateway.Diagnose(t.Context(), o, true)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range report.Findings {
		// Without the real one, Vault is a fake with little of its API.
		if f.Severity == doctor.Problem && (real || !strings.HasPrefix(f.Check, "vault")) {
			t.Errorf("%s: %s", f.Check, f.Message)
		}
	}
}
