package doctor

import "time"

// Clocks that differ more than these are told of. Peers take messages that are at
// most 15 minutes from the future; S3 refuses requests that are 15 minutes off.
const (
	skewWarning = 5 * time.Second
	skewProblem = time.Minute
)

// examineClock compares the clock of a server, which is ahead of ours by skew.
func examineClock(r *Report, check, server string, skew time.Duration) {
	const fix = "run a time service (chrony, systemd-timesyncd) on both machines and let it synchronise"
	switch skew = skew.Round(time.Millisecond); {
	case skew.Abs() >= skewProblem:
		r.problem(check, fix, "the clocks of this machine and of %s differ by %s", server, skew.Abs())
	case skew.Abs() >= skewWarning:
		r.warning(check, fix, "the clocks of this machine and of %s differ by %s", server, skew.Abs())
	default:
		r.ok(check, "the clock of %s agrees with this machine's", server)
	}
}
