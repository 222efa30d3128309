package doctor

import (
	"context"
	"net/netip"
	"syscall"

	"awala.network/gateway/awala/ramf"
)

// spareFiles is how many files a server needs beside its connections.
const spareFiles = 500

// examineLimits looks for limits that do not limit, or that keep out what should
// come in.
func examineLimits(_ context.Context, c *Case, r *Report) {
	l := c.Config.Limits
	before := len(r.Findings)
	if everybody(l.TrustedProxies.List()) {
		r.warning("trusted-proxies", "name the addresses of your proxies only, in --trusted-proxies",
			"everybody is a trusted proxy: each client can say which address it comes from, and so has no limits")
	}
	if everybody(l.Exempt.List()) {
		r.warning("limit-exempt", "name the networks that you trust only, in --limit-exempt", "nobody has limits: every address is exempt")
	}
	for _, pair := range []struct {
		name           string
		each, together int
	}{
		{"connections", int(l.AddressConnections), int(l.Connections)}, {"requests", int(l.AddressRequests), int(l.Requests)},
	} {
		if 2*pair.each > pair.together {
			r.warning("limit-"+pair.name, "make --limit-address-"+pair.name+" at most a half of --limit-"+pair.name,
				"one address may have %d of %d %s, and so keep others out", pair.each, pair.together, pair.name)
		}
	}
	if l.BodyMemory > 0 && int64(l.BodyMemory) < 2*ramf.MaxMessageLen {
		r.warning("limit-body-memory", "set --limit-body-memory to 32MiB or more, or to 0, which follows the process's memory limit",
			"%s is not enough for two large parcels at a time", l.BodyMemory.String())
	}
	examineFileLimit(c, r)
	if len(r.Findings) == before {
		r.ok("limits", "no client can have all of a server")
	}
}

// examineFileLimit compares the limit of connections with that of open files, which
// the doctor has from its surroundings as a server has it from its own.
func examineFileLimit(c *Case, r *Report) {
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		return // nothing can be said
	}
	if want := uint64(c.Config.Limits.Connections) + spareFiles; files.Max < want {
		r.warning("limit-connections", "raise the limit of open files (LimitNOFILE= in systemd, --ulimit nofile for containers), or lower --limit-connections",
			"a process may open %d files here: that is less than the %d connections that a server would take", files.Max, int(c.Config.Limits.Connections))
	}
}

// everybody tells whether the networks hold addresses of everywhere.
func everybody(networks []netip.Prefix) bool {
	for _, n := range networks {
		if n.Bits() == 0 {
			return true
		}
	}
	return false
}
