package config

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
)

// maxSecretLen bounds a secret, in octets.
const maxSecretLen = 4 << 10

// fileSuffix ends the name of the setting that reads a secret from a file.
const fileSuffix = "-file"

// Secret is a value that is never printed. A setting x of this type comes with a
// setting x-file, which names a file that holds the value; a line break at the
// end of the file is not part of it. Files are the better way: command lines and
// environments can be seen by others.
type Secret string

// Set takes s.
func (s *Secret) Set(text string) error {
	*s = Secret(text)
	return nil
}

// Reveal returns the value.
func (s Secret) Reveal() string { return string(s) }

// String tells whether there is a value, and not which.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "(not shown)"
}

// LogValue keeps the value out of logs.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText keeps the value out of JSON.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Type names the kind of value in help texts.
func (*Secret) Type() string { return "SECRET" }

// RenewedSecret is a [Secret] that something may replace while the process runs, by
// writing another into its file.
type RenewedSecret string

// inFile begins a RenewedSecret that is the path of its file.
const inFile = "\x00"

// Set takes s.
func (r *RenewedSecret) Set(text string) error {
	*r = RenewedSecret(text)
	return nil
}

// Reveal returns the value as it is now: its file is read at each call.
func (r RenewedSecret) Reveal() (string, error) {
	path, ok := strings.CutPrefix(string(r), inFile)
	if !ok {
		return string(r), nil
	}
	value, err := readSecret(path)
	if err != nil {
		return "", fmt.Errorf("secret in %s: %w", path, err)
	}
	return value, nil
}

// String tells whether there is a value, and not which.
func (r RenewedSecret) String() string { return Secret(r).String() }

// LogValue keeps the value out of logs.
func (r RenewedSecret) LogValue() slog.Value { return Secret(r).LogValue() }

// MarshalText keeps the value out of JSON.
func (r RenewedSecret) MarshalText() ([]byte, error) { return Secret(r).MarshalText() }

// Type names the kind of value in help texts.
func (*RenewedSecret) Type() string { return "SECRET" }

// secretFile is the setting that names the file of a secret.
type secretFile struct {
	// take is given the path and what is in it.
	take func(path, value string) error
}

func (f secretFile) Set(path string) error {
	if path == "" {
		return nil
	}
	value, err := readSecret(path)
	if err != nil {
		return err
	}
	return f.take(path, value)
}

// readSecret returns what is in a file, without a line break at its end.
func readSecret(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", plainPathError(err)
	}
	if info.Size() > maxSecretLen {
		return "", fmt.Errorf("want a file of at most %d octets", maxSecretLen)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return "", plainPathError(err)
	}
	value := strings.TrimSuffix(strings.TrimSuffix(string(content), "\n"), "\r")
	if value == "" {
		return "", errors.New("the file is empty")
	}
	return value, nil
}

func (secretFile) String() string { return "" }
func (secretFile) Type() string   { return "PATH" }

// plainPathError leaves out the path, which the message has already.
func plainPathError(err error) error {
	if e, ok := errors.AsType[*os.PathError](err); ok {
		return e.Err
	}
	return err
}
