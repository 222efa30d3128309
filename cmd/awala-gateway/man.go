package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"awala.network/gateway/internal/clidoc"
	"awala.network/gateway/internal/config"
)

func newMan() *cobra.Command {
	return &cobra.Command{
		Use:   "man FOLDER",
		Short: "Write the manual pages of all commands into a folder",
		Long: `man writes a manual page for each command into a folder, such as
/usr/local/share/man/man1. Then: man awala-gateway-doctor.`,
		Args: exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error { return failed(writeMan(cmd.Root(), args[0])) },
	}
}

func writeMan(root *cobra.Command, folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	for name, page := range reference(root).ManPages() {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(page), 0o644); err != nil {
			return fmt.Errorf("write the manual: %w", err)
		}
	}
	return nil
}

// reference describes the commands, with what all of them share.
func reference(root *cobra.Command) clidoc.Reference {
	r := clidoc.Reference{Root: root, Local: []string{"by"}, Settings: []clidoc.Setting{
		{Name: config.FileFlag, Env: config.EnvPrefix + "CONFIG", Usage: "YAML file of settings, named as the flags are"},
	}}
	for _, o := range config.Options(config.Default()) {
		r.Settings = append(r.Settings, clidoc.Setting{Name: o.Name, Env: o.Env(), Default: o.Default, Usage: o.Usage})
	}
	return r
}
