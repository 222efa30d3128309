package pohttp

import "time"

// Verdict says what an attempt means for the parcel.
type Verdict int

const (
	// Later means that the same parcel may be accepted another time.
	Later Verdict = iota
	// Done means that the parcel was accepted.
	Done
	// Refused means that the parcel will never be accepted.
	Refused
)

// String names the verdict for logs and metrics.
func (v Verdict) String() string {
	switch v {
	case Done:
		return "done"
	case Refused:
		return "refused"
	default:
		return "later"
	}
}

// Stage is how far a failed attempt came, for metrics.
type Stage string

// The stages of an attempt.
const (
	StageDNS     Stage = "dns"     // the servers could not be found
	StageConnect Stage = "connect" // no connection, or none that may be used
	StageRequest Stage = "request" // the connection broke, or was too slow
	StageAnswer  Stage = "answer"  // there was an answer
)

// Result is what became of an attempt.
type Result struct {
	Verdict Verdict
	// Stage is how far it came.
	Stage Stage
	// Status is the HTTP status of the last answer; 0 if there was none.
	Status int
	// Cause says in one line why the parcel was not accepted; "" if it was.
	Cause string
	// RetryAfter is how long the server asks to be left alone; 0 if it does not.
	RetryAfter time.Duration
	// Target is the URL of the server that was asked last.
	Target string
}
