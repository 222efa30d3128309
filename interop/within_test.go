package interop

import (
	"testing"
	"time"
)

// settledIn is how long a gateway has to finish what it was given before it was killed.
const settledIn = 90 * time.Second

// within asks until the answer is yes: what it waits for is another process's
// doing.
func within(t testing.TB, d time.Duration, what string, done func() bool) {
	t.Helper()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(d); !done(); <-ticker.C {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", d, what)
		}
	}
}
