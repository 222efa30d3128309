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

// Write writes c as a file that [Load] reads back, secrets left out.
func (c *Config) Write(w io.Writer) error {
	for _, o := range Options(c) {
		if _, err := io.WriteString(w, o.line()); err != nil {
			return err
		}
	}
	return nil
}

// line is the option's line in a file. That of a secret is a comment.
func (o Option) line() string {
	switch o.Value.(type) {
	case *Secret, *RenewedSecret:
		if o.Value.String() == "" {
			return ""
		}
		return fmt.Sprintf("# %s: %s\n", o.Name, o.Value)
	case secretFile:
		return ""
	default:
		return fmt.Sprintf("%s: %s\n", o.Name, yamlScalar(o.Value.String()))
	}
}

// yamlScalar quotes s so that YAML reads a string whatever it looks like.
func yamlScalar(s string) string { return strconv.QuoteToASCII(s) }
