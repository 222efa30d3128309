package main

import (
	"strings"
	"testing"

	"awala.network/gateway/projections"
)

func TestListing(t *testing.T) {
	list := newListing("ID", "TRIES", "REASON")
	list.add("1f0c", 3, "connection refused by far.example \x1b[31m")
	list.add("2a", 12, "-")
	for width, want := range map[int]string{
		0:  "ID    TRIES  REASON\n1f0c  3      connection refused by far.example \\x1b[31m\n2a    12     -\n",
		80: "ID    TRIES  REASON\n1f0c  3      connection refused by far.example \\x1b[31m\n2a    12     -\n",
		30: "ID    TRIES\n1f0c  3\n    connection refused by\n    far.example \\x1b[31m\n2a    12\n",
	} {
		var b strings.Builder
		if err := list.write(&b, width); err != nil {
			t.Fatal(err)
		}
		if b.String() != want {
			t.Errorf("width %d:\n%s", width, &b)
		}
	}
}

func TestParkedByTheBeginningOfItsID(t *testing.T) {
	all := []projections.ParkedMessage{{ID: "abc1"}, {ID: "abc2"}, {ID: "abc"}, {ID: "def"}}
	for beginning, want := range map[string]string{"abc1": "abc1", "abc": "abc", "d": "def"} {
		if got, err := oneParked(all, beginning); got != want || err != nil {
			t.Errorf("%s: %q, %v", beginning, got, err)
		}
	}
	for beginning, want := range map[string]string{"ab": "begins the ids of 3", "x": "no message"} {
		if got, err := oneParked(all, beginning); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %q, %v", beginning, got, err)
		}
	}
}
