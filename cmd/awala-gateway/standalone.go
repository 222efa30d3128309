package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"awala.network/gateway/internal/config"
	"awala.network/gateway/internal/gateway"
)

func newStandalone(environ []string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "standalone",
		Short: "Run every role in this process, on one data folder, with nothing to install",
		Long: `standalone runs a whole gateway in one process: all servers and workers, with
the event history, blobs, read models and private keys in one folder. Everything
that was acknowledged is on disk and survives a kill. The first start makes the
gateway's identity; who loses the folder loses the identity.

SIGTERM or Ctrl-C stops it within 10 seconds; a second one stops it at once.`,
		Args: cobra.NoArgs,
	}
	c := new(config.Config)
	config.RegisterFlags(cmd.Flags(),
		&c.Gateway, &c.Standalone, &c.PoWeb, &c.PoHTTP, &c.CogRPC, &c.Admin, &c.Logging)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return runGateway(cmd, environ, gateway.Standalone())
	}
	return cmd
}

// writeWelcome tells a person what runs where and what to try.
func writeWelcome(w io.Writer, info gateway.Info) error {
	var b strings.Builder
	table := tabwriter.NewWriter(&b, 0, 0, 3, ' ', 0)
	fmt.Fprintf(table, "\nAwala gateway %s (%s) is ready.\n\n", info.InternetAddress, info.Kind)
	for _, s := range []struct{ name, title, who string }{
		{"poweb", "PoWeb", "private gateways register, deliver, collect"},
		{"pohttp", "PoHTTP", "Internet nodes deliver"},
		{"cogrpc", "CogRPC", "couriers exchange cargo"},
		{"admin", "Admin", "/readyz, /metrics, /log-level"},
	} {
		address := "closed"
		if a := info.Servers[s.name]; a != "" {
			address = "http://" + a
		}
		fmt.Fprintf(table, "  %s\t%s\t%s\n", s.title, address, s.who)
	}
	fmt.Fprintf(table, "\n  Node id\t%s\n  Data\t%s\n", info.NodeID, info.DataDir)
	// A strings.Builder takes everything.
	_ = table.Flush()
	if poweb, pohttp := info.Servers["poweb"], info.Servers["pohttp"]; poweb != "" && pohttp != "" {
		fmt.Fprintf(&b, "\nTry it:   %s ping --poweb http://%s --pohttp http://%s\n", self(), poweb, pohttp)
	}
	b.WriteString("Stop it:  Ctrl-C\n\n")
	_, err := io.WriteString(w, b.String())
	return err
}
