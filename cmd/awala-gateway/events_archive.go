package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/config"
	"awala.network/gateway/internal/gateway"
	"awala.network/gateway/internal/history"
	"awala.network/gateway/internal/telemetry"
)

func newEventsExport(environ []string) *cobra.Command {
	var source sourceFlags
	var streams []string
	var reveal bool
	cmd := &cobra.Command{
		Use:   "export FILE",
		Short: "Write the history to a self-contained archive",
		Long: `export has the gateway sign its history as it is now, and writes everything up to
there to an archive: a gzip'd tar with the events as lines of JSON, their hashes, the
signed checkpoints and a manifest with the digest of each file. The archive can be
listed, traced and verified anywhere (--archive), and imported into an empty gateway.

It holds what tells of parcels, not what is in them, and no private keys. The names of
private gateways, endpoints and parcels are sealed in it, as they are in the history:
only a gateway with the key store can read them, as long as they are not forgotten
(events forget). With --reveal the names are written beside the events, for whoever
gets the archive to read: forgetting does not reach them there.`,
		Args: exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, release := untilSignal(cmd.Context())
			defer release()
			return failed(exportEvents(ctx, cmd, &source, streams, reveal, args[0]))
		},
	}
	source.admin.register(cmd.Flags(), environ)
	cmd.Flags().StringSliceVar(&streams, "stream", nil, "only these streams")
	completeFlag(cmd, "stream", streamNames())
	cmd.Flags().BoolVar(&reveal, "reveal", false, "write the names of private gateways, endpoints and parcels readable beside the events")
	return cmd
}

func exportEvents(ctx context.Context, cmd *cobra.Command, source *sourceFlags, streams []string, reveal bool, name string) error {
	client, done, err := source.client()
	if err != nil {
		return err
	}
	defer done()
	if len(streams) == 0 {
		streams = streamNames()
	}
	for _, stream := range streams {
		if _, err := client.Advance(ctx, stream); err != nil {
			return err
		}
	}
	written := make(map[string]uint64)
	e := history.Export{
		Source: client, Streams: streams, Reveal: reveal, By: "awala-gateway " + telemetry.Version(), At: time.Now(),
		Progress: exportProgress(cmd.ErrOrStderr(), written),
	}
	err = writeFile(name, func(w io.Writer) error { return e.Write(ctx, w) })
	if telemetry.IsTerminal(cmd.ErrOrStderr()) {
		fmt.Fprint(cmd.ErrOrStderr(), "\r\033[K") // the progress
	}
	if err != nil {
		return err
	}
	total := uint64(0)
	for _, n := range written {
		total += n
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %d events of %d streams\n", name, total, len(streams))
	return err
}

// exportProgress notes how much was written, and tells people.
func exportProgress(w io.Writer, written map[string]uint64) func(string, uint64) {
	terminal := telemetry.IsTerminal(w)
	return func(stream string, n uint64) {
		written[stream] = n
		if terminal {
			fmt.Fprintf(w, "\r\033[K%s: %d events\r", stream, n)
		}
	}
}

// writeFile writes a file that is there whole, and on disk, or not at all.
func writeFile(name string, write func(io.Writer) error) (err error) {
	file, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*.part")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, file.Close(), os.Remove(file.Name()))
		}
	}()
	buffered := bufio.NewWriterSize(file, 1<<20)
	if err := write(buffered); err != nil {
		return err
	}
	if err := errors.Join(buffered.Flush(), file.Chmod(0o644), file.Sync()); err != nil {
		return err
	}
	return errors.Join(os.Rename(file.Name(), name), file.Close())
}

func streamNames() []string {
	var names []string
	for _, spec := range events.Streams() {
		names = append(names, spec.Name)
	}
	return names
}

func newEventsImport(environ []string) *cobra.Command {
	var archive, key string
	var remote bool
	cmd := &cobra.Command{
		Use:   "import --archive FILE --data-dir DIR",
		Short: "Record an archive in an empty gateway that does not run",
		Long: `import verifies an archive and records everything in it in an empty history, under
the same ids, times and sequences: in the folder of a standalone gateway, or with
--remote in the NATS servers of the settings. The gateway must not run, and must
never have run there; its keys and blobs are no part of an archive.

If it is interrupted, remove what it left and begin again.`,
		Args: cobra.NoArgs,
	}
	c := new(config.Config)
	config.RegisterFlags(cmd.Flags(), &c.Gateway, &c.Standalone, &c.History, &c.NATS, &c.Logging)
	cmd.Flags().StringVar(&archive, "archive", "", "the archive")
	cmd.Flags().StringVar(&key, "key", "", "public key to verify the archive with, or a file that holds it; the archive's own if empty")
	cmd.Flags().BoolVar(&remote, "remote", false, "record in the NATS servers of the settings, not in a data folder")
	if err := cmd.MarkFlagRequired("archive"); err != nil {
		panic(err) // the flag is defined above
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := config.Load(config.Sources{Flags: cmd.Flags(), Environ: environ})
		if err != nil {
			return err
		}
		ctx, release := untilSignal(cmd.Context())
		defer release()
		return failed(importEvents(ctx, cmd, c, archive, key, remote))
	}
	return cmd
}

func importEvents(ctx context.Context, cmd *cobra.Command, c *config.Config, name, key string, remote bool) (err error) {
	key, err = keyOrFile(key)
	if err != nil {
		return err
	}
	archive, err := history.OpenArchive(name)
	if err != nil {
		return err
	}
	level := new(slog.LevelVar)
	level.Set(slog.Level(c.Logging.Level))
	options := gateway.Options{
		Kind: gateway.Standalone(), Config: c, Level: level,
		Logger: telemetry.NewLogger(cmd.ErrOrStderr(), logFormat(c.Logging.Format), level),
	}
	log, closeLog, err := gateway.OpenHistory(ctx, options, remote)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeLog(context.WithoutCancel(ctx))) }()
	n, err := history.Import(ctx, archive, log, key)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d events imported\n", n)
	return err
}
