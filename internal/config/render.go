package config

import (
	"fmt"
	"io"
	"strconv"
)

// WriteExample writes a commented file with every setting at its default.
func WriteExample(w io.Writer) error {
	if _, err := fmt.Fprintln(w, "# Settings of awala-gateway. Each is also a flag, and an environment variable."); err != nil {
		return err
	}
	for _, o := range Options(Default()) {
		_, err := fmt.Fprintf(w, "\n# %s.\n# --%s, %s\n#%s: %s\n", o.Usage, o.Name, o.Env(), o.Name, yamlScalar(o.Default))
		if err != nil {
			return err
		}
	}
	return nil
}

// Write writes c as a file that [Load] reads back.
func (c *Config) Write(w io.Writer) error {
	for _, o := range Options(c) {
		if _, err := fmt.Fprintf(w, "%s: %s\n", o.Name, yamlScalar(o.Value.String())); err != nil {
			return err
		}
	}
	return nil
}

// yamlScalar quotes s so that YAML reads a string whatever it looks like.
func yamlScalar(s string) string { return strconv.QuoteToASCII(s) }
