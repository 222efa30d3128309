package interop

import (
	"context"
	"runtime"
	"testing"

	"golang.org/x/sync/errgroup"

	"awala.network/gateway/internal/powebclient"
)

// written makes n messages, as many at a time as there are processors.
func written(tb testing.TB, n int, write func(i int) ([]byte, error)) [][]byte {
	tb.Helper()
	all := make([][]byte, n)
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i := range all {
		group.Go(func() (err error) {
			all[i], err = write(i)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		tb.Fatal(err)
	}
	return all
}

// writeMany makes parcels for the addresses in turn.
func writeMany(tb testing.TB, from *powebclient.Endpoint, n int, addresses ...string) [][]byte {
	tb.Helper()
	return written(tb, n, func(i int) ([]byte, error) { return writeToInternet(from, addresses[i%len(addresses)]) })
}

// each sends everything, benchClients at a time.
func each(tb testing.TB, all [][]byte, send func(context.Context, []byte) error) {
	tb.Helper()
	group, ctx := errgroup.WithContext(tb.Context())
	group.SetLimit(benchClients)
	for _, one := range all {
		group.Go(func() error { return send(ctx, one) })
	}
	if err := group.Wait(); err != nil {
		tb.Fatal(err)
	}
}
