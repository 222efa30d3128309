package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"awala.network/gateway/internal/admin"
)

func newKeys(environ []string) *cobra.Command {
	parent := &cobra.Command{
		Use:   "keys",
		Short: "Manage the gateway's keys and certificates",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	parent.AddCommand(newRotateCertificate(environ))
	return parent
}

func newRotateCertificate(environ []string) *cobra.Command {
	var server adminFlags
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "rotate-certificate",
		Short: "Have a running gateway issue its next own certificate",
		Long: `rotate-certificate has a running gateway issue a new certificate to itself, for
the same key, from which all certificates are issued from now on. Earlier ones are
trusted until they expire. The housekeeping role does so by itself in time.

Any process of the gateway will do. The others learn of it within minutes.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			return failed(rotateCertificate(ctx, cmd.OutOrStdout(), &server))
		},
	}
	server.register(cmd.Flags(), environ)
	cmd.Flags().DurationVar(&timeout, "timeout", 30*time.Second, "time for the whole of it")
	return cmd
}

func rotateCertificate(ctx context.Context, out io.Writer, server *adminFlags) error {
	target, err := url.JoinPath(server.url, "keys", "rotate-certificate")
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, target, http.NoBody)
	if err != nil {
		return err
	}
	client, done, err := server.client()
	if err != nil {
		return err
	}
	defer done()
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, 64<<10))
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("POST %s: %s: %s", target, answer.Status, strings.TrimSpace(string(body)))
	}
	var rotation admin.Rotation
	if err := json.Unmarshal(body, &rotation); err != nil {
		return fmt.Errorf("POST %s: %w", target, err)
	}
	_, err = fmt.Fprintf(out, "New certificate, valid until %s.\n", rotation.ExpiresAt.UTC().Format(time.RFC3339))
	return err
}
