package doctor

import (
	"context"
	"time"

	"awala.network/gateway/internal/identity"
	"awala.network/gateway/internal/jetstream"
)

// ownMargin is how long before its end the own certificate is told of. It is
// renewed when it is 30 days old, so one with so little left was not.
const ownMargin = 120 * 24 * time.Hour

// examineIdentity reads what the history says of the gateway's identity.
func examineIdentity(ctx context.Context, c *Case, r *Report, log *jetstream.Log) {
	recorded, err := identity.Inspect(ctx, log)
	switch {
	case err != nil:
		r.problem("identity", "run awala-gateway init; if there was a gateway, restore its history", "the identity cannot be read: %v", err)
		return
	case recorded.NodeID == "":
		r.warning("identity", "awala-gateway init, or the first start, makes it", "the gateway has no identity yet")
		return
	}
	r.ok("identity", "the gateway is %s", recorded.NodeID)
	want := identity.NormalizeAddress(string(c.Config.Gateway.InternetAddress))
	if recorded.InternetAddress != want {
		r.problem("identity-address", "set --internet-address to "+recorded.InternetAddress+": peers know the gateway by it, and it cannot change",
			"the gateway is %s since its first start, and the setting says %s", recorded.InternetAddress, want)
	} else {
		r.ok("identity-address", "the recorded Internet address is the one in the settings")
	}
	if recorded.Newest == nil {
		r.problem("own-certificate", ownCertificateFix, "the gateway has no certificate")
		return
	}
	examineExpiry(r, "own-certificate", "the gateway's own certificate", ownCertificateFix, recorded.Newest.NotAfter(), c.Now(), ownMargin)
}
