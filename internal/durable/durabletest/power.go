package durabletest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"awala.network/gateway/internal/durable"
)

// ErrPower is what every call returns once the power is gone.
var ErrPower = errors.New("power failure")

// outcomes is how many ways to lose what was not synced are tried for each
// moment of failure.
const outcomes = 8

// EachPowerFailure runs a scenario again and again, each time on a fresh disk
// from prepare, and cuts the power before and after each of its system calls;
// the last run goes through. What the machine finds afterwards goes to the
// check that run returned, several times, with different luck for what was not
// synced. run notes what was acknowledged to it and lets check compare.
func EachPowerFailure(t *testing.T, prepare func() *Disk, run func(fsys durable.FS) (check func(*testing.T, *Disk))) {
	t.Helper()
	for n := 0; ; n++ {
		disk := prepare()
		cut := &powerCut{calls: n / 2, done: n%2 == 1}
		check := run(Hooked{FS: disk, Hook: cut.hook})
		for luck := range outcomes {
			t.Run(fmt.Sprintf("%s/luck %d", cut, luck), func(t *testing.T) {
				check(t, disk.Crash(survivor(luck)))
			})
		}
		if !cut.happened {
			return
		}
	}
}

// survivor returns a choice for Disk.Crash: none, all, or by chance.
func survivor(luck int) func() bool {
	random := rand.New(rand.NewPCG(uint64(luck), 0))
	return func() bool {
		switch luck {
		case 0:
			return false
		case 1:
			return true
		default:
			return random.IntN(2) == 0
		}
	}
}

// powerCut lets a number of calls through, the last of them silently if done,
// and fails all later ones.
type powerCut struct {
	calls    int
	done     bool
	happened bool
	where    string
}

func (c *powerCut) hook(op Op, name string, do func() error) error {
	if c.happened {
		return ErrPower
	}
	if c.calls--; c.calls >= 0 {
		return do()
	}
	c.happened = true
	c.where = string(op)
	if c.done {
		_ = do()
	}
	return ErrPower
}

func (c *powerCut) String() string {
	switch {
	case !c.happened:
		return "after all"
	case c.done:
		return "after " + c.where
	default:
		return "before " + c.where
	}
}
