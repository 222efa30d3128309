package main

import (
	"bytes"
	"strings"
	"testing"
)

// TestCompletion asks as a shell does for words, of a gateway with deliveries and of
// one that is not there.
func TestCompletion(t *testing.T) {
	w := newQueueWorld(t)
	page := w.await(4, "--state", "deferred")
	complete := func(admin string, line ...string) string {
		var out, errs bytes.Buffer
		if code := run(append([]string{"__complete"}, line...), []string{"AWALA_ADMIN=" + admin}, &out, &errs); code != exitOK {
			t.Errorf("%v: %d %s", line, code, &errs)
		}
		return out.String()
	}
	tests := map[string]string{
		"queue flush ":            "busy.test\t3 parcels\n",
		"queue hold --to ":        "other.test\t1 parcel\n",
		"queue show ":             brief(page.Parcels[0].ID) + "\tfor busy.test\n",
		"queue list --state ":     "deferred\n",
		"projections rebuild ":    "mailbox\tof PDC_PARCELS\n",
		"events trace ":           "parcel-0\t",
		"events list --type ":     "internet-parcel-deferred\n",
		"events show ":            "PDC_PARCELS\n",
		"parked replay ":          ":36\n", // there is nothing, nor are there files
		"projections verify x y ": ":4\n",
	}
	for line, want := range tests {
		if got := complete(w.admin, strings.Split(line, " ")...); !strings.Contains(got, want) {
			t.Errorf("%s: got\n%s", line, got)
		}
		complete("http://127.0.0.1:1", strings.Split(line, " ")...)
	}
}
