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
	every(t, d, 20*time.Millisecond, what, done)
}

// seldom is within for what is measured meanwhile: it asks seldom enough to cost little.
func seldom(t testing.TB, d time.Duration, what string, done func() bool) {
	t.Helper()
	every(t, d, 200*time.Millisecond, what, done)
}

func every(t testing.TB, d, pause time.Duration, what string, done func() bool) {
	t.Helper()
	ticker := time.NewTicker(pause)
	defer ticker.Stop()
	for deadline := time.Now().Add(d); !done(); <-ticker.C {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", d, what)
		}
	}
}
