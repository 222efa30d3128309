package telemetry

import (
	"io"
	"os"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/term"
)

// IsTerminal tells whether w is a terminal.
func IsTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// Coloured tells whether w may get colours: the terminal of a person who has not set
// NO_COLOR.
func Coloured(w io.Writer) bool { return IsTerminal(w) && os.Getenv("NO_COLOR") == "" }

// TerminalWidth returns how many characters w shows beside each other; 0 if it is no
// terminal.
func TerminalWidth(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok {
		return 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return width
}

// Wrapped returns the words of a text as lines that begin with the margin and, where
// words are short enough, have at most width characters.
func Wrapped(text, margin string, width int) []string {
	var lines []string
	for _, word := range strings.Fields(text) {
		last := len(lines) - 1
		if last < 0 || utf8.RuneCountInString(lines[last])+1+utf8.RuneCountInString(word) > width {
			lines = append(lines, margin+word)
			continue
		}
		lines[last] += " " + word
	}
	return lines
}

// Plain returns a writer to w for lines of text with the words of others in them: what
// does not print, but for tabs and line breaks, is written as an escape such as
// \x1b, so that nothing recorded can drive a terminal. Each call of Write has whole
// characters.
func Plain(w io.Writer) io.Writer { return plain{w} }

type plain struct{ w io.Writer }

func (p plain) Write(text []byte) (int, error) {
	if _, err := io.WriteString(p.w, escaped(string(text))); err != nil {
		return 0, err
	}
	return len(text), nil
}

func escaped(text string) string {
	odd := func(r rune) bool { return r != '\n' && r != '\t' && !unicode.IsPrint(r) }
	if strings.IndexFunc(text, odd) < 0 {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if !odd(r) {
			b.WriteRune(r)
			continue
		}
		quoted := strconv.QuoteRune(r)
		b.WriteString(quoted[1 : len(quoted)-1])
	}
	return b.String()
}
