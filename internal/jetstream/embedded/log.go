package embedded

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
)

// givesUp are what the server writes, at level error, when it takes no more: of one
// stream, or of all (nats-server 2.15, filestore.go setWriteErr, jetstream.go
// handleOutOfSpace). There is no other sign that a client can see but silence.
var givesUp = []string{"Critical write error", "will be DISABLED"}

// serverLog passes on what the server says of problems, as a server.Logger.
type serverLog struct {
	logger  *slog.Logger
	once    sync.Once
	givenUp chan struct{}
}

func newServerLog(logger *slog.Logger) *serverLog {
	return &serverLog{logger: logger, givenUp: make(chan struct{})}
}

func (l *serverLog) say(level slog.Level, format string, args []any) {
	l.logger.LogAttrs(context.Background(), level, "NATS server: "+fmt.Sprintf(format, args...))
}

// Errorf implements server.Logger.
func (l *serverLog) Errorf(format string, args ...any) {
	l.say(slog.LevelError, format, args)
	for _, sign := range givesUp {
		if strings.Contains(format, sign) {
			l.once.Do(func() { close(l.givenUp) })
		}
	}
}

// Fatalf implements server.Logger.
func (l *serverLog) Fatalf(format string, args ...any) { l.say(slog.LevelError, format, args) }

// Warnf implements server.Logger.
func (l *serverLog) Warnf(format string, args ...any) { l.say(slog.LevelWarn, format, args) }

// Noticef implements server.Logger.
func (l *serverLog) Noticef(string, ...any) {}

// Debugf implements server.Logger.
func (l *serverLog) Debugf(string, ...any) {}

// Tracef implements server.Logger.
func (l *serverLog) Tracef(string, ...any) {}
