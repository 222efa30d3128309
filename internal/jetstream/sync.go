package jetstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

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

// SystemSync asks every JetStream server through system, a connection of the
// system account, and expects at least atLeast answers. It waits for the
// servers until ctx ends or as many as atLeast have answered.
func SystemSync(system *nats.Conn, atLeast int) SyncCheck {
	return func(ctx context.Context) error {
		inbox := system.NewInbox()
		sub, err := system.SubscribeSync(inbox)
		if err != nil {
			return fmt.Errorf("ask the system account: %w", err)
		}
		defer func() { _ = sub.Unsubscribe() }()
		if err := system.PublishRequest("$SYS.REQ.SERVER.PING.JSZ", inbox, nil); err != nil {
			return fmt.Errorf("ask the system account: %w", err)
		}
		for range atLeast {
			answer, err := sub.NextMsgWithContext(ctx)
			if err != nil {
				return fmt.Errorf("wait for %d servers: %w", atLeast, err)
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
