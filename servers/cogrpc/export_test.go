package cogrpc

import (
	"time"

	"google.golang.org/grpc/encoding"
)

// SetProgress sets how long a collection may go without progress.
func (s *Server) SetProgress(d time.Duration) { s.timing.progress = d }

// SetSilence sets how long a delivery may go without a cargo.
func (s *Server) SetSilence(d time.Duration) { s.timing.silence = d }

// SetFarewell sets how long calls may go on once the server stops.
func (s *Server) SetFarewell(d time.Duration) { s.timing.farewell = d }

// SetHealthInterval sets how often watchers are told of changes.
func (s *Server) SetHealthInterval(d time.Duration) { s.timing.healthInterval = d }

// MaxMessageLen is the longest message that the server takes.
const MaxMessageLen = maxMessageLen

// NewCodec returns the server's codec.
func NewCodec() encoding.CodecV2 { return newCodec() }
