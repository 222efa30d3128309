package main

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"awala.network/gateway/internal/telemetry"
)

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of this binary",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "awala-gateway %s (%s %s/%s)\n",
				telemetry.Version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return failed(err)
		},
	}
}
