package cogrpc

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"awala.network/gateway/handlers"
	"awala.network/gateway/internal/tracing"
	"awala.network/gateway/servers/cogrpc/cargorelay"
)

// cargoesAtOnce is how many cargoes of one call are being stored together.
const cargoesAtOnce = 8

type deliveryStream = grpc.BidiStreamingServer[cargorelay.CargoDelivery, cargorelay.CargoDeliveryAck]

// delivery is one DeliverCargo call.
type delivery struct {
	*Server
	ctx    context.Context
	stream deliveryStream

	stored  chan stored
	inHand  int
	failure error // what the call ends with once nothing is in hand
	counts  map[string]int
}

// received is what comes from the client. A message has its memory, which whoever
// takes it gives back.
type received struct {
	message *cargorelay.CargoDelivery
	release func()
	err     error
}

// stored is what became of a cargo.
type stored struct {
	deliveryID string
	receivedAt time.Time
	outcome    string
	err        error // the cargo must not be acknowledged
}

// DeliverCargo takes cargo in (RS-008).
func (r *relay) DeliverCargo(stream deliveryStream) error {
	d := &delivery{
		Server: r.Server, ctx: stream.Context(), stream: stream,
		stored: make(chan stored, cargoesAtOnce), counts: map[string]int{},
	}
	done := make(chan struct{})
	defer close(done)
	err := d.run(d.read(done))
	for outcome, n := range d.counts {
		annotate(d.ctx, slog.Int(outcome, n))
	}
	return err
}

// read passes on what comes from the client until that ends or done is closed. The
// goroutine ends with the call, because then its stream does.
func (d *delivery) read(done <-chan struct{}) <-chan received {
	incoming := make(chan received)
	d.readers.Go(func() {
		for {
			in := received{release: func() {}}
			if in.message, in.err = d.stream.Recv(); in.err == nil {
				in.release = receivedMessage(d.ctx)
			}
			select {
			case incoming <- in:
			case <-done:
				in.release()
				return
			}
			if in.err != nil {
				return
			}
		}
	})
	return incoming
}

// receivedMessage takes over the memory of the message that was received last.
func receivedMessage(ctx context.Context) (release func()) {
	if body, ok := ctx.Value(meteredKey{}).(*metered); ok {
		return body.received()
	}
	return func() {}
}

// run stores what comes, several cargoes at a time, and acknowledges each when it
// is durable. After the end of the input, or a failure, it waits for what is in
// hand: that may yet be acknowledged.
func (d *delivery) run(incoming <-chan received) error {
	ending := d.farewellOver
	silent := time.NewTimer(d.timing.silence)
	defer silent.Stop()
	for ended := false; !ended || d.inHand > 0; {
		next := incoming
		if ended || d.inHand == cargoesAtOnce {
			next = nil
		}
		select {
		case in := <-next:
			silent.Reset(d.timing.silence)
			if in.err != nil {
				d.end(in.err)
				ended = true
				continue
			}
			d.inHand++
			go d.store(in)
		case s := <-d.stored:
			d.inHand--
			d.answer(s)
			ended = ended || d.failure != nil
		case <-silent.C:
			ended = true
			d.fail(status.Errorf(codes.Unavailable, "no cargo in %v", d.timing.silence))
		case <-ending:
			ending, ended = nil, true
			d.fail(status.Error(codes.Unavailable, "the server is stopping"))
		}
	}
	return d.failure
}

// end notes why the input ended. Released clients cancel the call when they have
// got all acknowledgements, so if nothing is in hand that is success.
func (d *delivery) end(err error) {
	if errors.Is(err, io.EOF) || status.Code(err) == codes.Canceled && d.inHand == 0 {
		return
	}
	d.fail(err)
}

// fail notes the first failure.
func (d *delivery) fail(err error) {
	if d.failure == nil {
		d.failure = err
	}
}

// store stores one cargo, also when the client has gone meanwhile: then it need not
// be stored when it is delivered again. The call waits for it.
func (d *delivery) store(in received) {
	defer in.release()
	m := in.message
	result := stored{deliveryID: m.GetId(), receivedAt: time.Now()}
	defer func() { d.stored <- result }()
	defer func() {
		if cause := recover(); cause != nil {
			result.outcome, result.err = "failed", d.panicked(d.ctx, cause)
		}
	}()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(d.ctx), d.timing.storing)
	defer cancel()
	defer context.AfterFunc(d.life, cancel)()
	ctx, span := d.Entrance.Anew(ctx, "store cargo") // each cargo has a trace of its own
	defer func() { finishStoring(span, result) }()
	r, err := d.Receiver.Receive(ctx, m.GetCargo())
	switch {
	case handlers.AsRefusal(err) != nil:
		result.outcome = "refused"
	case err != nil:
		result.outcome, result.err = "failed", err
	case r.Duplicate:
		result.outcome = "duplicate"
	default:
		result.outcome = "stored"
	}
}

func finishStoring(span trace.Span, result stored) {
	if span.IsRecording() {
		span.SetAttributes(tracing.KeyOutcome.String(result.outcome))
	}
	tracing.End(span, result.err)
}

// answer acknowledges a cargo that is durable or to be forgotten.
func (d *delivery) answer(s stored) {
	d.metrics.received.WithLabelValues(s.outcome).Inc()
	d.counts[s.outcome]++
	if s.err != nil {
		because(d.ctx, s.err)
		d.fail(status.Error(codes.Unavailable, "the cargo could not be stored; try again later"))
		return
	}
	if err := d.stream.Send(&cargorelay.CargoDeliveryAck{Id: s.deliveryID}); err != nil {
		d.fail(err)
		return
	}
	d.metrics.acknowledgement.Observe(time.Since(s.receivedAt).Seconds())
}
