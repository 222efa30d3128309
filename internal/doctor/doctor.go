package doctor

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/blobs/s3"
	"awala.network/gateway/internal/config"
	"awala.network/gateway/internal/jetstream"
	"awala.network/gateway/internal/keystore"
	"awala.network/gateway/internal/resolver"
)

// timeout bounds the examination of one service.
const timeout = 20 * time.Second

// Case is what is examined.
type Case struct {
	Config *config.Config
	// DataDir is the folder of a standalone gateway; empty for one on services of
	// their own.
	DataDir string
	// SkipDNS leaves out the records of the Internet address, and the servers that
	// they name.
	SkipDNS bool

	// What the services must have.
	Streams     []events.StreamSpec
	Consumers   []jetstream.ConsumerSpec
	Collections []Collection
	Lifecycle   []s3.Rule

	// Connect opens a connection to NATS, with the system account's user if system.
	Connect func(system bool) (*nats.Conn, error)
	// History opens the history in the data folder, and returns how to close it.
	History func(context.Context) (*jetstream.Log, func(context.Context) error, error)
	// Keys opens the key store, and returns how to close it.
	Keys func(context.Context) (*keystore.Keys, func() error, error)
	// Lookup finds service records.
	Lookup interface {
		LookupSRV(ctx context.Context, name string) (resolver.Answer, error)
	}
	Now    func() time.Time
	Logger *slog.Logger
}

// Collection is a projection that the document store must have: any collection
// whose name begins with Prefix and an underscore.
type Collection struct {
	Prefix  string
	Indexes []string
}

// examination is one part, which reports on its own.
type examination func(context.Context, *Case, *Report)

// Examine runs every check that suits the case, those of different services at the
// same time.
func Examine(ctx context.Context, c *Case) Report {
	parts := []examination{examineSettings, examineTLS, examineLimits}
	if c.DataDir != "" {
		parts = append(parts, examineDataDir)
	} else {
		parts = append(parts, examineNATS, examineObjectStore, examineDocuments, examineVault, examineNamesRemote)
	}
	if !c.SkipDNS {
		parts = append(parts, examineAddress)
	}
	reports := make([]Report, len(parts))
	var wg sync.WaitGroup
	for i, part := range parts {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, timeout)
			defer cancel()
			part(ctx, c, &reports[i])
		})
	}
	wg.Wait()
	var all Report
	for _, r := range reports {
		for _, f := range r.Findings {
			all.add(f)
		}
	}
	return all
}
