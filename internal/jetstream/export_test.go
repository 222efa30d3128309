package jetstream

import "time"

// SetPullWait sets how long a request for messages stands, and thereby how long an
// idle subscription takes to end.
func (c *SubscriberConfig) SetPullWait(d time.Duration) { c.pullWait = d }

// WatchBuffer is how many records a watch holds.
const WatchBuffer = watchBuffer
