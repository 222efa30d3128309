package takeover_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"awala.network/gateway/internal/takeover"
)

func TestAccountAsText(t *testing.T) {
	a := takeover.Account{
		NodeID: "0abc", InternetAddress: address, Verified: true,
		Lines: []takeover.Line{
			{Kind: takeover.Cargoes, Found: 7, Moved: 3, Already: 1, Skipped: map[string]int{"unreadable": 1, "expired": 1}, Ended: 2, Wrong: 1},
			{Kind: takeover.Jobs},
		},
		Remarks: []takeover.Remark{{Kind: takeover.Cargoes, Name: "crc-cargo/7", Reason: "unreadable", Detail: "malformed"}},
	}
	want := `cargoes: crc-cargo/7: unreadable: malformed

gw.example.com, node 0abc: 1 are not here as they are there

                   FOUND  MOVED  ALREADY  SKIPPED                      ENDED THERE  WRONG
cargoes            7      3      1        2 (1 expired, 1 unreadable)  2            1
queued deliveries  0      0      0        0                            0            0
`
	if diff := cmp.Diff(want, text(t, a)); diff != "" {
		t.Error(diff)
	}
	for n := range 60 {
		a.Remarks = append(a.Remarks, takeover.Remark{Kind: takeover.Cargoes, Name: fmt.Sprint(n), Reason: "unreadable"})
	}
	got := text(t, a)
	if !strings.Contains(got, "\nand 56 more cargoes: unreadable; --json shows them all\n\n") || strings.Count(got, "\n") > 20 {
		t.Errorf("it is\n%s", got)
	}
}

func text(t *testing.T, a takeover.Account) string {
	t.Helper()
	var b strings.Builder
	if err := a.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
