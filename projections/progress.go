package projections

import "time"

// Phase is what a rebuild or a verification is doing.
type Phase string

// The phases in their order.
const (
	Folding   Phase = "folding"   // the history is read and folded
	Comparing Phase = "comparing" // documents are compared
	Done      Phase = "done"
)

// Progress is how far it has got.
type Progress struct {
	Projection string `json:"projection"`
	Phase      Phase  `json:"phase"`
	// Sequence is folded in, of Last.
	Sequence uint64 `json:"sequence"`
	Last     uint64 `json:"last"`
	// Rate is in events a second since the start; Remaining is how many seconds
	// are left at that rate.
	Rate      float64 `json:"rate"`
	Remaining float64 `json:"remainingSeconds"`
	Elapsed   float64 `json:"elapsedSeconds"`
}

// reportInterval is how often progress is reported.
const reportInterval = 250 * time.Millisecond

// pace makes reports, not too many.
type pace struct {
	projection string
	report     func(Progress)
	start      time.Time
	last       time.Time
	from       uint64 // the sequence at which it started
}

func newPace(projection string, from uint64, report func(Progress)) *pace {
	if report == nil {
		report = func(Progress) {}
	}
	return &pace{projection: projection, report: report, start: time.Now(), from: from}
}

// at reports a position if it is time to, or at the end.
func (p *pace) at(phase Phase, sequence, last uint64) {
	now := time.Now()
	if now.Sub(p.last) < reportInterval && phase == Folding && sequence < last {
		return
	}
	p.last = now
	made := Progress{
		Projection: p.projection, Phase: phase, Sequence: sequence, Last: max(last, sequence),
		Elapsed: now.Sub(p.start).Seconds(),
	}
	if made.Elapsed > 0 && sequence > p.from {
		made.Rate = float64(sequence-p.from) / made.Elapsed
		made.Remaining = float64(made.Last-sequence) / made.Rate
	}
	p.report(made)
}
