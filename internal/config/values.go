package config

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// Off is the value of a [Listen] that closes the server.
const Off = "off"

// Listen is an address to listen on, HOST:PORT, or [Off]. An empty host means
// every interface, port 0 any free port.
type Listen string

// Set parses s.
func (l *Listen) Set(s string) error {
	if s == Off {
		*l = Off
		return nil
	}
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return errors.New("want HOST:PORT or off")
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || strconv.FormatUint(n, 10) != port {
		return errors.New("want HOST:PORT with a port from 0 to 65535, or off")
	}
	if host != "" && net.ParseIP(host) == nil && !isHostname(host) {
		return errors.New("want HOST:PORT with an IP address or a host name, or off")
	}
	*l = Listen(s)
	return nil
}

// String implements [pflag.Value].
func (l *Listen) String() string { return string(*l) }

// Type names the kind of value in help texts.
func (*Listen) Type() string { return "HOST:PORT" }

// Enabled tells whether the server is to be open.
func (l Listen) Enabled() bool { return l != Off && l != "" }

// sharedPort tells whether two servers could not both listen there.
func (l Listen) conflictsWith(other Listen) bool {
	return l.Enabled() && l == other && !strings.HasSuffix(string(l), ":0")
}

// Hostname is a DNS name in lower case without trailing dot.
type Hostname string

var labelPattern = regexp.MustCompile(`^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?$`)

func isHostname(s string) bool {
	if s == "" || len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(strings.ToLower(s), ".") {
		if !labelPattern.MatchString(label) {
			return false
		}
	}
	return true
}

// Set parses s, lowers its case and removes a trailing dot.
func (h *Hostname) Set(s string) error {
	name := strings.ToLower(strings.TrimSuffix(s, "."))
	if !isHostname(name) || net.ParseIP(name) != nil {
		return errors.New("want a host name such as gw.example.com")
	}
	*h = Hostname(name)
	return nil
}

// String implements [pflag.Value].
func (h *Hostname) String() string { return string(*h) }

// Type names the kind of value in help texts.
func (*Hostname) Type() string { return "NAME" }

// Path is the path of a file or folder; "" means none, or the default.
type Path string

// Set takes s, made absolute.
func (p *Path) Set(s string) error {
	if s == "" {
		*p = ""
		return nil
	}
	if strings.ContainsRune(s, 0) {
		return errors.New("want a path")
	}
	abs, err := filepath.Abs(s)
	if err != nil {
		return fmt.Errorf("want a path: %w", err)
	}
	*p = Path(abs)
	return nil
}

// String implements [pflag.Value].
func (p *Path) String() string { return string(*p) }

// Type names the kind of value in help texts.
func (*Path) Type() string { return "PATH" }

// Level is a level of package slog.
type Level slog.Level

// Set parses s: debug, info, warn or error.
func (l *Level) Set(s string) error {
	switch s {
	case "debug":
		*l = Level(slog.LevelDebug)
	case "info":
		*l = Level(slog.LevelInfo)
	case "warn":
		*l = Level(slog.LevelWarn)
	case "error":
		*l = Level(slog.LevelError)
	default:
		return errors.New("want debug, info, warn or error")
	}
	return nil
}

// String implements [pflag.Value].
func (l *Level) String() string { return strings.ToLower(slog.Level(*l).String()) }

// Type names the kind of value in help texts.
func (*Level) Type() string { return "LEVEL" }

// LogFormat is the form of log records.
type LogFormat string

// The forms of log records.
const (
	LogAuto LogFormat = "auto"
	LogText LogFormat = "text"
	LogJSON LogFormat = "json"
)

// Set parses s.
func (f *LogFormat) Set(s string) error {
	switch v := LogFormat(s); v {
	case LogAuto, LogText, LogJSON:
		*f = v
		return nil
	default:
		return errors.New("want auto, text or json")
	}
}

// String implements [pflag.Value].
func (f *LogFormat) String() string { return string(*f) }

// Type names the kind of value in help texts.
func (*LogFormat) Type() string { return "FORMAT" }

// Size is a number of octets.
type Size int64

// sizeUnits in the order in which String tries them.
var sizeUnits = []struct {
	suffix string
	octets int64
}{
	{"TiB", 1 << 40},
	{"GiB", 1 << 30},
	{"MiB", 1 << 20},
	{"KiB", 1 << 10},
	{"TB", 1e12},
	{"GB", 1e9},
	{"MB", 1e6},
	{"kB", 1e3},
	{"B", 1},
}

// Set parses a whole number with an optional unit: B, kB, MB, GB, TB, KiB, MiB,
// GiB or TiB.
func (z *Size) Set(s string) error {
	number, factor := s, int64(1)
	for _, u := range sizeUnits {
		if n, found := strings.CutSuffix(s, u.suffix); found {
			number, factor = strings.TrimSuffix(n, " "), u.octets
			break
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64/factor {
		return errors.New("want a size such as 500MB or 10GiB, or 0 for no limit")
	}
	*z = Size(n * factor)
	return nil
}

// String implements [pflag.Value].
func (z *Size) String() string {
	if *z == 0 {
		return "0"
	}
	for _, u := range sizeUnits {
		if int64(*z)%u.octets == 0 {
			return strconv.FormatInt(int64(*z)/u.octets, 10) + u.suffix
		}
	}
	return strconv.FormatInt(int64(*z), 10)
}

// Type names the kind of value in help texts.
func (*Size) Type() string { return "SIZE" }
