package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"awala.network/gateway/internal/config"
)

func newConfig(environ []string) *cobra.Command {
	parent := &cobra.Command{
		Use:   "config",
		Short: "Check, print and begin a configuration",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	parent.AddCommand(newConfigCheck(environ), newConfigPrint(environ), newConfigExample())
	return parent
}

func newConfigCheck(environ []string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Read the configuration, say ok or what is wrong",
		Args:  cobra.NoArgs,
	}
	config.RegisterFlags(cmd.Flags(), new(config.Config))
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		sources := config.Sources{Flags: cmd.Flags(), Environ: environ}
		if _, err := config.Load(sources); err != nil {
			return err
		}
		for _, variable := range sources.Unknown() {
			cmd.PrintErrf("awala-gateway: %s: no such setting, ignored\n", variable)
		}
		_, err := fmt.Fprintln(cmd.OutOrStdout(), "ok")
		return failed(err)
	}
	return cmd
}

func newConfigPrint(environ []string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "print",
		Short: "Print the configuration in effect, as a file",
		Args:  cobra.NoArgs,
	}
	config.RegisterFlags(cmd.Flags(), new(config.Config))
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := config.Load(config.Sources{Flags: cmd.Flags(), Environ: environ})
		if err != nil {
			return err
		}
		return failed(c.Write(cmd.OutOrStdout()))
	}
	return cmd
}

func newConfigExample() *cobra.Command {
	return &cobra.Command{
		Use:   "example",
		Short: "Print a commented file with every setting at its default",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return failed(config.WriteExample(cmd.OutOrStdout()))
		},
	}
}
