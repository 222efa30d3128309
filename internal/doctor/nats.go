package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"
	"golang.org/x/mod/semver"

	"awala.network/gateway/internal/jetstream"
)

// minimumNATS is the oldest version of NATS that has what the streams need.
const minimumNATS = "v2.12.0"

// minimumPayload is the size in octets that events may have.
const minimumPayload = 1 << 20

// silence is how long no further server must answer.
const silence = 500 * time.Millisecond

// examineNATS looks at the servers, the account and the streams.
func examineNATS(ctx context.Context, c *Case, r *Report) {
	conn, err := c.Connect(false)
	if err != nil {
		r.problem("nats", "start the servers, and look at --nats-url, the user and password or credentials, and --nats-tls-ca", "NATS cannot be reached: %v", err)
		return
	}
	defer conn.Close()
	if payload := conn.MaxPayload(); payload < minimumPayload {
		r.problem("nats-payload", "set max_payload to 1MB or more in the servers' configuration", "the servers take messages of at most %d octets", payload)
	} else {
		r.ok("nats-payload", "the servers take messages of %d octets", payload)
	}
	examineServers(ctx, c, r, conn)
	js, err := natsjs.New(conn)
	if err == nil {
		err = examineAccount(ctx, js, r)
	}
	if err != nil {
		r.problem("nats-jetstream", "enable JetStream in the servers and for the account (jetstream: enabled)", "JetStream cannot be used: %v", err)
		return
	}
	examineStreams(ctx, c, r, conn)
}

// examineServers asks the system account about every server, if there is a user of
// it.
func examineServers(ctx context.Context, c *Case, r *Report, conn *nats.Conn) {
	s := c.Config.NATS
	if s.SystemUser == "" && s.SystemCredentials == "" {
		examineVersions(r, []jetstream.ServerState{{Name: conn.ConnectedServerName(), Version: conn.ConnectedServerVersion()}})
		fix := "set --nats-system-user and --nats-system-password-file, or --nats-system-credentials"
		if s.AssumeSync {
			r.warning("nats-sync", fix, "nobody verifies that the servers sync before they acknowledge (--nats-assume-sync)")
		} else {
			r.problem("nats-sync", fix, "the roles do not start: they cannot verify that the servers sync before they acknowledge")
		}
		return
	}
	system, err := c.Connect(true)
	if err != nil {
		r.problem("nats-system", "look at the user of the system account (system_account in the servers' configuration)", "the system account cannot be used: %v", err)
		return
	}
	defer system.Close()
	servers, err := jetstream.Servers(ctx, system, silence)
	if err != nil || len(servers) == 0 {
		r.problem("nats-system", "give a user of the system account: another one gets no answer", "no server answers the system account's question: %v", err)
		return
	}
	examineVersions(r, servers)
	examineSync(r, servers)
	examineReplicas(c, r, servers)
	for _, one := range servers {
		if !one.Time.IsZero() {
			examineClock(r, "nats-clock", "NATS server "+one.Name, one.Time.Sub(one.AnsweredAt))
		}
	}
}

func examineVersions(r *Report, servers []jetstream.ServerState) {
	good := true
	for _, s := range servers {
		if semver.Compare("v"+s.Version, minimumNATS) < 0 { // also if it is no version
			good = false
			r.problem("nats-version", "upgrade it to 2.12 or later", "NATS server %s is version %s", s.Name, s.Version)
		}
	}
	if good {
		r.ok("nats-version", "NATS %s", servers[0].Version)
	}
}

func examineSync(r *Report, servers []jetstream.ServerState) {
	good := true
	for _, s := range servers {
		if s.JetStream && !s.SyncAlways {
			good = false
			r.problem("nats-sync", "set sync_interval: always in the jetstream block of its configuration, and restart it",
				"NATS server %s acknowledges before it syncs: a power cut loses parcels that were accepted", s.Name)
		}
	}
	if good {
		r.ok("nats-sync", "every NATS server syncs before it acknowledges")
	}
}

func examineReplicas(c *Case, r *Report, servers []jetstream.ServerState) {
	keeping := slices.DeleteFunc(slices.Clone(servers), func(s jetstream.ServerState) bool { return !s.JetStream })
	want, listed := int(c.Config.NATS.Replicas), len(strings.Split(string(c.Config.NATS.URLs), ","))
	switch {
	case len(keeping) < want:
		r.problem("nats-replicas", "start more servers, or lower --nats-replicas", "--nats-replicas is %d, and %d JetStream servers answer", want, len(keeping))
	case len(keeping) < listed:
		r.problem("nats-servers", "start the others: a server that is down must be back before another fails", "--nats-url names %d servers, and %d answer", listed, len(keeping))
	case want < 3:
		r.warning("nats-replicas", "run three servers and set --nats-replicas 3", "each stream has %d copies: the loss of a disk loses history", want)
	default:
		r.ok("nats-replicas", "%d copies on %d servers", want, len(keeping))
	}
}

// examineAccount looks at the limits of the account. Its error says that JetStream
// cannot be used.
func examineAccount(ctx context.Context, js natsjs.JetStream, r *Report) error {
	account, err := js.AccountInfo(ctx)
	if err != nil {
		return err
	}
	r.ok("nats-jetstream", "JetStream is enabled for the account")
	tiers := map[string]natsjs.Tier{"": account.Tier}
	for name, tier := range account.Tiers {
		tiers[name] = tier
	}
	good := true
	for name, t := range tiers {
		used, most := t.Store, t.Limits.MaxStore
		if most > 0 && used >= uint64(most)/10*8 {
			good = false
			r.problem("nats-limits", "raise the account's max_file; history that does not fit is refused, and parcels with it",
				"the account%s uses %d of %d MiB of storage", inTier(name), used>>20, most>>20)
		}
		if t.Limits.MaxConsumers > 0 && t.Consumers >= t.Limits.MaxConsumers {
			good = false
			r.problem("nats-limits", "raise the account's max_consumers", "the account%s has all of its %d consumers", inTier(name), t.Consumers)
		}
	}
	if good {
		r.ok("nats-limits", "the account is within its limits")
	}
	return nil
}

func inTier(name string) string {
	if name == "" {
		return ""
	}
	return fmt.Sprintf(" (%s)", name)
}
