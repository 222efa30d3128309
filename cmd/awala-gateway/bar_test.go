package main

import (
	"bytes"
	"strings"
	"testing"
)

// TestBarShowsEveryStep shows each step, also one after another that was full.
func TestBarShowsEveryStep(t *testing.T) {
	var out bytes.Buffer
	b := &bar{out: &out, unit: "parcels"}
	b.show("first", 3, 10)
	b.show("first", 10, 10)
	b.show("second", 0, 0)
	b.show("second", 700, 0)
	b.show("second", 1, 4)
	b.clear()
	for _, want := range []string{"first   0%", "(0/10", "second (0/-", "second   0%", "(0/4"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it does not show %q:\n%q", want, out.String())
		}
	}
}
