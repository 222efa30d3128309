// Command awala-gateway is the Awala Internet gateway: every role of it, and
// the tools of its operators.
//
// This package parses flags and calls others; what runs is in
// internal/gateway. Settings are those of internal/config.
//
// Exit codes are in the root command's description.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

// The process's exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	os.Exit(run(os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
}

// run executes one command line and returns its exit code.
func run(args, environ []string, stdout, stderr io.Writer) int {
	root := newRoot(environ)
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(context.Background())
	if err == nil {
		return exitOK
	}
	text := strings.TrimSpace(err.Error())
	if errors.Is(err, context.Canceled) {
		text = "interrupted" // only signals cancel a command
	}
	fmt.Fprintln(stderr, "awala-gateway:", text)
	if _, failed := errors.AsType[*failure](err); failed {
		return exitFailed
	}
	return exitUsage
}

// failure is an error of a command that was understood and did start.
type failure struct{ err error }

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// failed marks err as a failure. It returns nil for nil.
func failed(err error) error {
	if err == nil {
		return nil
	}
	return &failure{err}
}

func newRoot(environ []string) *cobra.Command {
	root := &cobra.Command{
		Use:   "awala-gateway",
		Short: "Awala Internet gateway: relays parcels between private gateways and the Internet",
		Long: `awala-gateway relays parcels between private gateways, couriers and the
Internet (https://awala.network).

Settings are flags, environment variables and keys of a YAML file, with the same
names: --poweb-listen is AWALA_POWEB_LISTEN and poweb-listen. Flags win over
variables, variables over the file.

Exit codes of every command: 0 if it did what was asked, also where a signal is how it
ends (servers, workers, events tail); 1 if it failed, found something wrong (doctor,
verify, ping) or was interrupted before it was done; 2 if arguments or settings are
wrong, and nothing was begun.`,
		Example: `  awala-gateway standalone                   # everything in this process
  awala-gateway ping                         # does a running gateway work?`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.AddCommand(
		newStandalone(environ),
		newPoWeb(environ),
		newPoHTTP(environ),
		newCogRPC(environ),
		newWorker(environ),
		newInit(environ),
		newTakeover(environ),
		newDoctor(environ),
		newStatus(environ),
		newReady(environ),
		newKeys(environ),
		newQueue(environ),
		newProjections(environ),
		newParked(environ),
		newPing(environ),
		newEvents(environ),
		newConfig(environ),
		newMan(),
		newVersion(),
	)
	return root
}
