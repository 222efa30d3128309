package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"awala.network/gateway/internal/admin"
)

func newReady(environ []string) *cobra.Command {
	var admin adminFlags
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "ready",
		Short: "Tell whether a process is ready, for supervisors without an HTTP client",
		Long: `ready asks the admin server of a process whether it is ready, and prints what is
missing. Exit codes: 0 if it is ready, 1 if not.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			return failed(askReady(ctx, cmd.OutOrStdout(), &admin))
		},
	}
	admin.register(cmd.Flags(), environ)
	cmd.Flags().DurationVar(&timeout, "timeout", 5*time.Second, "time for the answer")
	return cmd
}

func askReady(ctx context.Context, out io.Writer, from *adminFlags) error {
	target, err := url.JoinPath(from.url, "readyz")
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target, http.NoBody)
	if err != nil {
		return err
	}
	client, done, err := from.client()
	if err != nil {
		return err
	}
	defer done()
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	var report admin.Report
	if err := json.NewDecoder(io.LimitReader(answer.Body, 1<<20)).Decode(&report); err != nil {
		return fmt.Errorf("GET %s: %s: %w", target, answer.Status, err)
	}
	for _, c := range report.Checks {
		if !c.OK {
			fmt.Fprintf(out, "%s: %s\n", c.Name, c.Problem)
		}
	}
	if !report.Ready {
		return errors.New("not ready: " + string(report.State))
	}
	_, err = fmt.Fprintln(out, "ready")
	return err
}
