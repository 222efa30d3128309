package main

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"awala.network/gateway/internal/telemetry"
)

// listing is a table that ends with a column of words, such as an error. On a terminal
// that is too narrow for a row the words of all rows go below them, further in.
type listing struct {
	titles []string
	rows   [][]string
}

func newListing(titles ...string) *listing { return &listing{titles: titles} }

// add adds a row: one value for each title.
func (l *listing) add(values ...any) {
	row := make([]string, len(values))
	for i, v := range values {
		row[i] = fmt.Sprint(v)
	}
	l.rows = append(l.rows, row)
}

// write writes the table to fit so many characters beside each other; 0 for any number.
func (l *listing) write(w io.Writer, width int) error {
	w = telemetry.Plain(w)
	whole := columns(l.titles, l.rows)
	if width == 0 || fits(whole, width) {
		return writeLines(w, whole)
	}
	last := len(l.titles) - 1
	short := make([][]string, len(l.rows))
	for i, row := range l.rows {
		short[i] = row[:last]
	}
	lines := columns(l.titles[:last], short)
	var all []string
	for i, line := range lines {
		if all = append(all, line); i > 0 && l.rows[i-1][last] != "-" {
			all = append(all, telemetry.Wrapped(l.rows[i-1][last], "    ", width)...)
		}
	}
	return writeLines(w, all)
}

// columns returns the lines of a table.
func columns(titles []string, rows [][]string) []string {
	var b bytes.Buffer
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, row := range slices.Insert(slices.Clone(rows), 0, titles) {
		fmt.Fprintln(table, strings.Join(row, "\t"))
	}
	_ = table.Flush() // to memory
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return lines
}

func fits(lines []string, width int) bool {
	return !slices.ContainsFunc(lines, func(line string) bool { return len([]rune(line)) > width })
}

func writeLines(w io.Writer, lines []string) error {
	_, err := io.WriteString(w, strings.Join(lines, "\n")+"\n")
	return err
}
