package main

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/schollz/progressbar/v3"

	"awala.network/gateway/internal/telemetry"
	"awala.network/gateway/internal/upkeep"
)

// upkeepProgress shows how a rebuild or a verification goes: a bar on a terminal, and
// lines of JSON otherwise.
type upkeepProgress struct {
	out  io.Writer
	json bool
	bar  *progressbar.ProgressBar
}

func newProgress(out io.Writer, asJSON bool) *upkeepProgress {
	return &upkeepProgress{out: out, json: asJSON || !telemetry.IsTerminal(out)}
}

// line shows one line of the answer.
func (p *upkeepProgress) line(l upkeep.Line) error {
	if p.json {
		return json.NewEncoder(p.out).Encode(l)
	}
	if l.Progress == nil {
		p.done()
		_, err := io.WriteString(p.out, describe(l))
		return err
	}
	if p.bar == nil {
		p.bar = newBar(p.out, int64(l.Progress.Last), l.Progress.Projection)
	}
	p.bar.ChangeMax64(int64(max(l.Progress.Last, 1)))
	p.bar.Describe(fmt.Sprintf("%s %s", l.Progress.Projection, l.Progress.Phase))
	return p.bar.Set64(int64(l.Progress.Sequence))
}

// newBar returns a bar with the rate and the time that is left.
func newBar(out io.Writer, size int64, name string) *progressbar.ProgressBar {
	return progressbar.NewOptions64(size,
		progressbar.OptionSetWriter(out), progressbar.OptionSetDescription(name),
		progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionSetItsString("events"),
		progressbar.OptionSetPredictTime(true), progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionClearOnFinish(), progressbar.OptionSetWidth(30))
}

// done takes the bar away.
func (p *upkeepProgress) done() {
	if p.bar != nil {
		_ = p.bar.Clear() // a bar that stays does no harm
		p.bar = nil
	}
}
