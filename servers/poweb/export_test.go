package poweb

import "time"

// Timing is the periods of a collection.
type Timing = timing

// DefaultTiming returns the periods of a server.
func DefaultTiming() Timing { return defaultTiming() }

// SetTiming changes periods.
func (s *Server) SetTiming(change func(*Timing)) { change(&s.timing) }

// The periods by name, for tests outside the package.
func (t *Timing) SetPing(d time.Duration)       { t.ping = d }
func (t *Timing) SetSilence(d time.Duration)    { t.silence = d }
func (t *Timing) SetHandshake(d time.Duration)  { t.handshake = d }
func (t *Timing) SetRefusal(d time.Duration)    { t.refusal = d }
func (t *Timing) SetRetries(d ...time.Duration) { t.retries = d }
func (t *Timing) SetReopen(d time.Duration)     { t.reopen = d }
func (t *Timing) SetTurn(d time.Duration)       { t.turn = d }

func (t *Timing) Ping() time.Duration    { return t.ping }
func (t *Timing) Silence() time.Duration { return t.silence }

// SetDamping sets the longest delay of a client that reconnects too often.
func (s *Server) SetDamping(longest time.Duration) { s.damper.longest = longest }
