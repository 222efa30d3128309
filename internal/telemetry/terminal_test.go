package telemetry_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"awala.network/gateway/internal/telemetry"
)

func TestPlain(t *testing.T) {
	var b strings.Builder
	n, err := fmt.Fprintf(telemetry.Plain(&b), "%s\t%s\n", "parcel 0a… für “x”", "\x1b]0;owned\a\r\u009b31m\u202edne\x7f")
	if err != nil || n == 0 {
		t.Fatal(n, err)
	}
	want := "parcel 0a… für “x”\t" + `\x1b]0;owned\a\r\u009b31m\u202edne\x7f` + "\n"
	if b.String() != want {
		t.Errorf("got %q\nwant %q", b.String(), want)
	}
}

func TestNoTerminal(t *testing.T) {
	if telemetry.IsTerminal(new(strings.Builder)) || telemetry.TerminalWidth(new(strings.Builder)) != 0 {
		t.Error("a string is a terminal")
	}
}

func TestWrapped(t *testing.T) {
	got := telemetry.Wrapped("  one two\nthree0a1b… four unbreakable-word x", "  ", 12)
	want := []string{"  one two", "  three0a1b…", "  four", "  unbreakable-word", "  x"}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if got := telemetry.Wrapped(" ", "  ", 12); len(got) != 0 {
		t.Errorf("%q", got)
	}
}
