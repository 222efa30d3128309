package gateway_test

import (
	"fmt"
	"regexp"
	"slices"
	"testing"
	"time"

	"awala.network/gateway/awala/cargo"
	"awala.network/gateway/internal/doctor"
	"awala.network/gateway/internal/gateway"
	"awala.network/gateway/internal/overview"
	"awala.network/gateway/internal/servicestest"
)

// TestRolesWithTheirPermissions runs every role, init and the doctor as the NATS users
// of deployments/nats/permissions.conf, on the services that `task services` has
// started, and wants the NATS servers to have refused them nothing.
func TestRolesWithTheirPermissions(t *testing.T) {
	c := emptyServices(t, "t1")
	roles, makers := servicestest.NATSUsers(t)
	c.NATS = roles
	before := refused(t)
	defer func() {
		for _, line := range refused(t) {
			if !slices.Contains(before, line) {
				t.Error(line)
			}
		}
	}()
	all := startRoles(t, c, makers, "127.0.0.1:0")
	for _, g := range append(all.others(), all.housekeeping) {
		defer stop(t, g)
	}
	pingServers(t, all.poweb, all.pohttp, all.cogrpc)
	client, courier := newClient(t, all.poweb), newCourier(t, all.cogrpc)
	a, b := newOffline(t, client), newOffline(t, client)
	f := &forgettable{Gateway: all.projections, a: a, b: b}
	f.sendAway(t, a)
	deliverCargo(t, courier, a, f.write(t, a, b))
	within(t, 30*time.Second, func() bool { return len(f.events(t, "cargo-unwrapped")) == 1 })
	if got := b.collect(t, courier)[cargo.KindParcel]; len(got) != 1 {
		t.Errorf("collected %d parcels", len(got))
	}
	f.checkpoints(t)
	f.projectionsAreTheFold(t)
	look(t, all.poweb, func(o overview.Overview) bool { return len(o.Processes) == 7 })
	diagnosis, err := gateway.Diagnose(t.Context(), remoteOptions(t, gateway.Services(true), c), true)
	if err != nil {
		t.Fatal(err)
	}
	_, realVault := servicestest.Running()
	for _, finding := range diagnosis.Findings {
		// The stand-in for Vault knows nothing of its health.
		if finding.Severity == doctor.Problem && (realVault || finding.Check != "vault") {
			t.Errorf("%s: %s", finding.Check, finding.Message)
		}
	}
}

// refused returns what the NATS servers have refused for lack of permission.
func refused(t *testing.T) (lines []string) {
	t.Helper()
	violation := regexp.MustCompile(`(?m)^.*user:(awala|init|system)".*Violation.*$`)
	for n := range 3 {
		lines = append(lines, violation.FindAllString(servicestest.Log(t, fmt.Sprintf("nats-%d", n+1)), -1)...)
	}
	return lines
}
