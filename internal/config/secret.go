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

// secretFile is the setting that reads a secret from a file.
type secretFile struct{ secret *Secret }

func (f secretFile) Set(path string) error {
	if path == "" {
		return nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return plainPathError(err)
	}
	if info.Size() > maxSecretLen {
		return fmt.Errorf("want a file of at most %d octets", maxSecretLen)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return plainPathError(err)
	}
	value := strings.TrimSuffix(strings.TrimSuffix(string(content), "\n"), "\r")
	if value == "" {
		return errors.New("the file is empty")
	}
	return f.secret.Set(value)
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
