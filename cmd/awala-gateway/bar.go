package main

import (
	"io"
	"time"

	"github.com/schollz/progressbar/v3"
)

// bar shows work in steps on a terminal: for each a bar with what is done, the rate and
// the time that is left; without a bar and that time while nobody knows how much it is.
type bar struct {
	out io.Writer
	// unit is what is counted, in the plural.
	unit string

	step step
	now  *progressbar.ProgressBar
}

// step is what is being done. A library's bar that was full shows nothing any more, so
// each step has its own.
type step struct {
	name   string
	isOpen bool // nobody knows how much it is
}

// show tells how far a step is; total is 0 if it is not known.
func (b *bar) show(name string, done, total int64) {
	if next := (step{name, total == 0}); b.now == nil || next != b.step {
		b.clear()
		b.step, b.now = next, newBar(b.out, max(total, 0), name, b.unit)
	}
	// What cannot be shown does not keep the work from going on.
	if total > 0 {
		b.now.ChangeMax64(total)
	}
	_ = b.now.Set64(done)
}

// clear takes the bar away.
func (b *bar) clear() {
	if b.now != nil {
		_ = b.now.Clear() // a bar that stays does no harm
		b.now = nil
	}
}

func newBar(out io.Writer, total int64, name, unit string) *progressbar.ProgressBar {
	if total == 0 {
		total = -1 // a spinner
	}
	return progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(out), progressbar.OptionSetDescription(name),
		progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionSetItsString(unit),
		progressbar.OptionSetPredictTime(true), progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionClearOnFinish(), progressbar.OptionSetWidth(30),
		progressbar.OptionSetSpinnerChangeInterval(0)) // without a goroutine of its own
}
