package workers

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/jetstream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var discard = slog.New(slog.DiscardHandler)

// delivered returns a message as a [jetstream.Subscriber] delivers it.
func delivered(ctx context.Context, attempt int) *message.Message {
	e := events.New("e1", "test", time.Unix(1, 0), events.IdentityCreated{NodeID: "0a"})
	return deliveredRecord(ctx, attempt, events.Record{Event: e, Stream: events.StreamGateway, Sequence: 7, Subject: events.IdentityChannel})
}

func deliveredRecord(ctx context.Context, attempt int, rec events.Record) *message.Message {
	msg := message.NewMessage(rec.ID, nil)
	msg.SetContext(jetstream.WithDelivery(ctx, jetstream.Delivery{Record: rec, Consumer: "worker", Attempt: attempt}))
	return msg
}

// through runs a handler behind one middleware.
func through(middleware message.HandlerMiddleware, msg *message.Message, h func(ctx context.Context) error) error {
	_, err := middleware(func(msg *message.Message) ([]*message.Message, error) {
		return nil, h(msg.Context())
	})(msg)
	return err
}

// memoryLog is a history that fails as it is told.
type memoryLog struct {
	appended []events.Event
	// fail is returned from the next append, after storing if stored is true.
	fail   error
	stored bool
}

func (l *memoryLog) Append(_ context.Context, e events.Event) (events.Position, error) {
	err := l.fail
	l.fail = nil
	if err == nil || l.stored {
		l.appended = append(l.appended, e)
	}
	return events.Position{}, err
}

func testMetrics(t *testing.T) (*metrics, *prometheus.Registry) {
	t.Helper()
	registry := prometheus.NewRegistry()
	m, err := newMetrics(registry)
	if err != nil {
		t.Fatal(err)
	}
	return m, registry
}
