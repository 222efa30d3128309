package jetstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"awala.network/gateway/internal/fault"
)

// SyncCheck confirms that every JetStream server writes to disk before it
// acknowledges. Its error is fatal if the servers answered and one does not.
type SyncCheck func(ctx context.Context) error

// DeclaredSync takes the operator's word for it: a client of an ordinary
// account cannot see the setting. The operator sets sync_interval to always in
// the jetstream block of every server.
func DeclaredSync() SyncCheck { return func(context.Context) error { return nil } }

// How long [SystemSync] waits for the majority of the servers, and for the others.
const (
	patienceForMajority = 10 * time.Second
	patienceForOthers   = 2 * time.Second
)

// SystemSync asks every JetStream server through system, a connection of the system
// account. It waits some seconds for a majority of so many servers, and for the others
// a moment: one that is down must not keep the roles from starting. What comes
// back later is verified by the next role that starts, and by the doctor.
func SystemSync(system *nats.Conn, servers int) SyncCheck {
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, patienceForMajority)
		defer cancel()
		inbox := system.NewInbox()
		sub, err := system.SubscribeSync(inbox)
		if err != nil {
			return fmt.Errorf("ask the system account: %w", err)
		}
		defer func() { _ = sub.Unsubscribe() }()
		if err := system.PublishRequest("$SYS.REQ.SERVER.PING.JSZ", inbox, nil); err != nil {
			return fmt.Errorf("ask the system account: %w", err)
		}
		majority := servers/2 + 1
		for n := range servers {
			waiting, stop := ctx, func() {}
			if n >= majority {
				waiting, stop = context.WithTimeout(ctx, patienceForOthers)
			}
			answer, err := sub.NextMsgWithContext(waiting)
			stop()
			if err != nil && n >= majority {
				return nil
			}
			if err != nil {
				return fmt.Errorf("wait for %d of %d servers: %w", majority, servers, err)
			}
			if err := checkServerSync(answer.Data); err != nil {
				return err
			}
		}
		return nil
	}
}

func checkServerSync(answer []byte) error {
	var status struct {
		Server struct {
			Name string `json:"name"`
		} `json:"server"`
		Data struct {
			Disabled bool `json:"disabled"`
			Config   struct {
				SyncAlways bool `json:"sync_always"`
			} `json:"config"`
		} `json:"data"`
	}
	if err := json.Unmarshal(answer, &status); err != nil {
		return fmt.Errorf("server status: %w", err)
	}
	if status.Data.Disabled || status.Data.Config.SyncAlways {
		return nil
	}
	return fault.Fatal(fmt.Errorf("server %q: %w", status.Server.Name, ErrNotSynced))
}

// ErrNotSynced says that a server acknowledges what it has not yet synced to
// disk.
var ErrNotSynced = errors.New("sync_interval is not always")
