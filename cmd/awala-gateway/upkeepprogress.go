package main

import (
	"encoding/json"
	"fmt"
	"io"

	"awala.network/gateway/internal/telemetry"
	"awala.network/gateway/internal/upkeep"
)

// upkeepProgress shows how a rebuild or a verification goes: a bar on a terminal, and
// lines of JSON otherwise.
type upkeepProgress struct {
	out  io.Writer
	json bool
	bar  bar
}

func newProgress(out io.Writer, asJSON bool) *upkeepProgress {
	return &upkeepProgress{out: out, json: asJSON || !telemetry.IsTerminal(out), bar: bar{out: out, unit: "events"}}
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
	p.bar.show(fmt.Sprintf("%s %s", l.Progress.Projection, l.Progress.Phase), int64(l.Progress.Sequence), int64(max(l.Progress.Last, 1)))
	return nil
}

// done takes the bar away.
func (p *upkeepProgress) done() { p.bar.clear() }
