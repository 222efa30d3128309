package console

import (
	"context"
	"sync"
	"time"

	"awala.network/gateway/internal/upkeep"
	"awala.network/gateway/projections"
)

// job is a rebuild or a verification that this console began.
type job struct {
	verb       string
	by, reason string
	began      time.Time
	ended      time.Time // zero while it works
	progress   projections.Progress
	rebuilt    *projections.Rebuilt
	verified   *projections.Verified
	found      []projections.Difference // the first
	err        string
}

// jobView is a job as pages show it.
type jobView struct {
	Verb, By, Reason string
	Began, Ended     time.Time
	Progress         projections.Progress
	Rebuilt          *projections.Rebuilt
	Verified         *projections.Verified
	Found            []projections.Difference
	Problem          string
}

// Working tells that it has not ended.
func (j *jobView) Working() bool { return j != nil && j.Ended.IsZero() }

// maxDifferences bounds the differences that are kept of a verification.
const maxDifferences = 50

// jobs are the last job of each projection.
type jobs struct {
	now func() time.Time

	mu     sync.Mutex
	last   map[string]*job
	atWork sync.WaitGroup

	life context.Context // of jobs, until end is called
	end  context.CancelFunc
}

func newJobs(now func() time.Time) *jobs {
	j := &jobs{now: now, last: make(map[string]*job)}
	j.life, j.end = context.WithCancel(context.Background())
	return j
}

// stop ends the jobs, and waits for them.
func (j *jobs) stop() {
	j.mu.Lock()
	j.end()
	j.mu.Unlock()
	j.atWork.Wait()
}

// start begins a job, unless the projection has one already.
func (j *jobs) start(projection string, begun job, do func(context.Context, func(upkeep.Line) error) error) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.life.Err() != nil {
		return errStopping
	}
	if last := j.last[projection]; last != nil && last.ended.IsZero() {
		return errBusy
	}
	begun.began = j.now()
	j.last[projection] = &begun
	j.atWork.Go(func() {
		err := do(j.life, func(l upkeep.Line) error { j.note(&begun, l); return nil })
		j.mu.Lock()
		defer j.mu.Unlock()
		if begun.ended = j.now(); err != nil {
			begun.err = err.Error()
		}
	})
	return nil
}

// note takes what a job tells.
func (j *jobs) note(of *job, l upkeep.Line) {
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case l.Progress != nil:
		of.progress = *l.Progress
	case l.Difference != nil && len(of.found) < maxDifferences:
		of.found = append(of.found, *l.Difference)
	case l.Rebuilt != nil:
		of.rebuilt = l.Rebuilt
	case l.Verified != nil:
		of.verified = l.Verified
	}
}

// of returns the last job of a projection, or nil.
func (j *jobs) of(projection string) *jobView {
	j.mu.Lock()
	defer j.mu.Unlock()
	last := j.last[projection]
	if last == nil {
		return nil
	}
	return &jobView{
		Verb: last.verb, By: last.by, Reason: last.reason, Began: last.began, Ended: last.ended, Progress: last.progress,
		Rebuilt: last.rebuilt, Verified: last.verified, Found: append([]projections.Difference(nil), last.found...), Problem: last.err,
	}
}
