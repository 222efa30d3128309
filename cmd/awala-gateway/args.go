package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

// exactly wants n arguments, and says which if there are more or fewer.
func exactly(n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != n {
			return fmt.Errorf("want: %s", cmd.UseLine())
		}
		return nil
	}
}
