package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"awala.network/gateway/internal/gateway"
)

// writeWelcome tells a person what runs where and what to try.
func writeWelcome(w io.Writer, info gateway.Info) error {
	var b strings.Builder
	table := tabwriter.NewWriter(&b, 0, 0, 3, ' ', 0)
	fmt.Fprintf(table, "\nAwala gateway %s (%s) is ready.\n\n", info.InternetAddress, info.Kind)
	for _, s := range []struct{ name, title, who string }{
		{"poweb", "PoWeb", "private gateways register, deliver, collect"},
		{"pohttp", "PoHTTP", "Internet nodes deliver"},
		{"cogrpc", "CogRPC", "couriers exchange cargo"},
		{"admin", "Admin", "/readyz, /metrics, and the console: /console/"},
	} {
		switch address := info.Servers[s.name]; {
		case address != "":
			fmt.Fprintf(table, "  %s\thttp://%s\t%s\n", s.title, address, s.who)
		case info.DataDir != "": // the other roles are other processes
			fmt.Fprintf(table, "  %s\tclosed\t%s\n", s.title, s.who)
		}
	}
	fmt.Fprintf(table, "\n  Node id\t%s\n", info.NodeID)
	if info.DataDir != "" {
		fmt.Fprintf(table, "  Data\t%s\n", info.DataDir)
	}
	// A strings.Builder takes everything.
	_ = table.Flush()
	if poweb, pohttp := info.Servers["poweb"], info.Servers["pohttp"]; poweb != "" && pohttp != "" {
		cogrpc := "off"
		if address := info.Servers["cogrpc"]; address != "" {
			cogrpc = "http://" + address
		}
		fmt.Fprintf(&b, "\nTry it:   %s ping --poweb http://%s --pohttp http://%s --cogrpc %s\n", self(), poweb, pohttp, cogrpc)
	}
	b.WriteString("Stop it:  Ctrl-C\n\n")
	_, err := io.WriteString(w, b.String())
	return err
}
