package interop

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"awala.network/gateway/awala/cargo"
	"awala.network/gateway/awala/ramf"
	"awala.network/gateway/events"
	"awala.network/gateway/internal/courierclient"
	"awala.network/gateway/internal/powebclient"
	"awala.network/gateway/interop/process"
)

const (
	fuzzFor     = 10 * time.Second
	fuzzAtOnce  = 4 // cargoes in one call
	fuzzAwaited = 20 * time.Second
)

// TestCargoFuzz delivers cargo to a gateway that was damaged in every layer: the
// message, what is encrypted in it, and the items in that; and collects with
// damaged authorisations. All cargo is acknowledged; the gateway stays ready; a good
// cargo works as ever; each received cargo comes to one end.
func TestCargoFuzz(t *testing.T) {
	if testing.Short() {
		t.Skip("delivers damaged cargo for ten seconds")
	}
	t.Parallel()
	dir, seed := t.TempDir(), rand.Uint64()
	gateway := process.StartStandalone(t, dir)
	f := newCargoFuzzer(t, gateway, seed)
	courier := newCourier(t, gateway)
	sent, collections := 0, 0
	for began := time.Now(); time.Since(began) < fuzzFor; {
		var cargoes [][]byte
		for range fuzzAtOnce {
			cargoes = append(cargoes, f.cargo(t))
		}
		ctx, cancel := context.WithTimeout(t.Context(), fuzzAwaited)
		if _, err := courier.Deliver(ctx, cargoes...); err != nil {
			t.Fatalf("seed %d: deliver: %v\n%s", seed, err, gateway.Log())
		}
		f.collectDamaged(ctx, t, courier)
		cancel()
		sent, collections = sent+len(cargoes), collections+1
	}
	f.showWorking(t, gateway, courier)
	awaitOutcomes(t, gateway)
	if log := gateway.Log(); strings.Contains(log, "panic") {
		t.Errorf("something panicked\n%s", log)
	}
	if code, _ := gateway.Stop(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	received := auditOutcomes(t, readHistory(t, dir, events.StreamCargo, events.StreamParked))
	t.Logf("seed %d: %d damaged cargoes, of which %d were received; %d collections", seed, sent, received, collections)
	if received < 10 {
		t.Error("hardly any cargo got past the door: the test shows little")
	}
}

// cargoFuzzer writes damaged cargo.
type cargoFuzzer struct {
	random            *rand.Rand
	sender, recipient offline
	stranger          offline // its own certificates are good, but not for the sender
	route             correspondence
	parcel, ack       []byte
}

func newCargoFuzzer(t *testing.T, gateway site, seed uint64) *cargoFuzzer {
	f := &cargoFuzzer{random: rand.New(rand.NewPCG(seed, 0))}
	f.sender, f.recipient, f.stranger = newOffline(t, gateway), newOffline(t, gateway), newOffline(t, gateway)
	f.route = newCorrespondence(t, f.sender, f.recipient)
	var err error
	if f.parcel, err = f.route.write(200); err != nil {
		t.Fatal(err)
	}
	if f.ack, err = courierclient.Acknowledgement(f.parcel); err != nil {
		t.Fatal(err)
	}
	return f
}

// cargo returns a cargo that is damaged in one layer; seldom none.
func (f *cargoFuzzer) cargo(t *testing.T) []byte {
	t.Helper()
	var raw []byte
	var err error
	switch f.random.IntN(5) {
	case 0: // the message
		if raw, err = f.sender.SerializeCargo(t.Context(), f.items(false)...); err == nil {
			raw = f.mutate(raw)
		}
	case 1: // the payload, encrypted or not
		raw, err = f.sign(f.payload(t))
	case 2: // what was encrypted
		var set []byte
		if set, err = cargo.MarshalMessageSet(f.items(false)); err == nil {
			raw, err = f.sender.Seal(t.Context(), f.sender.NewMessage(ramf.TypeCargo), f.mutate(set))
		}
	case 3: // the fields of the message
		m := f.sender.NewMessage(ramf.TypeCargo)
		f.misuse(m)
		raw, err = f.sender.Seal(t.Context(), m, nil)
	default: // the items
		raw, err = f.sender.SerializeCargo(t.Context(), f.items(true)...)
	}
	if err != nil {
		// What cannot be written cannot be sent by this client; noise can.
		return f.noise(500)
	}
	return raw
}

// sign makes a cargo with any payload.
func (f *cargoFuzzer) sign(payload []byte) ([]byte, error) {
	m := f.sender.NewMessage(ramf.TypeCargo)
	m.Payload = payload
	return m.Sign(f.sender.PrivateGateway.Key)
}

// payload returns a damaged payload: of another cargo, or of none.
func (f *cargoFuzzer) payload(t *testing.T) []byte {
	raw, err := f.sender.SerializeCargo(t.Context(), f.parcel)
	if err != nil {
		t.Fatal(err)
	}
	m, err := ramf.Parse(raw)
	if err != nil || f.random.IntN(4) == 0 {
		return f.noise(300)
	}
	return f.mutate(m.Payload)
}

// misuse sets a field of a message to what it must not be, or may just be.
func (f *cargoFuzzer) misuse(m *ramf.Message) {
	switch f.random.IntN(6) {
	case 0:
		m.Type = []ramf.Type{ramf.TypeParcel, ramf.TypeCCA}[f.random.IntN(2)]
	case 1:
		m.Recipient.ID = f.stranger.ID()
	case 2:
		m.CreatedAt, m.TTL = time.Now().Add(-time.Hour), time.Second
	case 3:
		m.CreatedAt = time.Now().Add(100 * time.Hour)
	case 4:
		m.ID = strings.Repeat("ü/*. ", 1+f.random.IntN(12))
	default:
		m.Sender = f.stranger.Certificate
	}
}

// items returns what goes into a cargo.
func (f *cargoFuzzer) items(damaged bool) [][]byte {
	items := [][]byte{f.parcel, f.ack}
	if !damaged {
		return items
	}
	switch f.random.IntN(5) {
	case 0: // again and again
		return slices.Repeat(items, 1+f.random.IntN(50))
	case 1: // a set in a set, in a set
		for range 1 + f.random.IntN(20) {
			nested, err := cargo.MarshalMessageSet(items)
			if err != nil {
				return items
			}
			items = [][]byte{nested}
		}
		return items
	case 2: // many tiny ones
		return slices.Repeat([][]byte{nil, {0}, []byte("Awala\x50\x00"), []byte("Awala\x51\x00"), []byte("Awala\x10\x00")}, 1+f.random.IntN(500))
	case 3: // another's parcel under our hand
		return append(items, f.forgedAck(), f.noise(100))
	default:
		for range 1 + f.random.IntN(8) {
			items = append(items, f.mutate([][]byte{f.parcel, f.ack}[f.random.IntN(2)]))
		}
		return items
	}
}

// forgedAck acknowledges a parcel that is not there, with ids that are none.
func (f *cargoFuzzer) forgedAck() []byte {
	ack, err := cargo.ParcelCollectionAck{
		SenderID: f.sender.ID() + ".>", RecipientID: "*", ParcelID: string(f.noise(40)),
	}.Marshal()
	if err != nil {
		return f.noise(40)
	}
	return ack
}

func (f *cargoFuzzer) noise(n int) []byte {
	noise := make([]byte, f.random.IntN(n))
	for i := range noise {
		noise[i] = byte(f.random.Uint32())
	}
	return noise
}

// mutate returns a damaged copy: bits flipped, a piece cut out or repeated, or the
// end cut off.
func (f *cargoFuzzer) mutate(original []byte) []byte {
	mutant := slices.Clone(original)
	if len(mutant) == 0 {
		return mutant
	}
	at := f.random.IntN(len(mutant))
	piece := at + f.random.IntN(min(len(mutant)-at, 64)+1)
	switch f.random.IntN(4) {
	case 0:
		for range 1 + f.random.IntN(8) {
			mutant[f.random.IntN(len(mutant))] ^= 1 << f.random.IntN(8)
		}
		return mutant
	case 1:
		return slices.Delete(mutant, at, piece)
	case 2:
		return slices.Insert(mutant, at, slices.Clone(mutant[at:piece])...)
	default:
		return mutant[:at]
	}
}

// collectDamaged collects with a damaged authorisation. The gateway must say that
// the caller is wrong, not that it has failed itself.
func (f *cargoFuzzer) collectDamaged(ctx context.Context, t *testing.T, courier *courierclient.Courier) {
	t.Helper()
	cca, err := f.sender.SerializeCCA(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if f.random.IntN(3) == 0 {
		// The message is sound and what is encrypted in it is not.
		if cca, err = f.sender.Seal(ctx, f.sender.NewMessage(ramf.TypeCCA), f.noise(200)); err != nil {
			t.Fatal(err)
		}
	} else {
		cca = f.mutate(cca)
	}
	err = courier.Collect(ctx, cca, func([]byte) error { return nil })
	switch status.Code(err) {
	case codes.Unauthenticated, codes.InvalidArgument, codes.PermissionDenied:
	case codes.OK: // an empty mutation
	default:
		t.Errorf("collect with a damaged authorisation: %v", err)
	}
}

// showWorking shows that the gateway is ready, and that a parcel in a good cargo
// arrives after all that was delivered before.
func (f *cargoFuzzer) showWorking(t *testing.T, gateway site, courier *courierclient.Courier) {
	t.Helper()
	response, err := http.Get(gateway.URL("admin") + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if body, err := io.ReadAll(response.Body); response.StatusCode != http.StatusOK {
		t.Errorf("readyz: %s %s %v", response.Status, body, err)
	}
	parcel, err := f.route.write(200)
	if err != nil {
		t.Fatal(err)
	}
	if err := deliverCargo(t.Context(), courier, f.sender, parcel); err != nil {
		t.Fatal(err)
	}
	if err := f.awaitParcel(t, parcelID(parcel)); err != nil {
		t.Errorf("%v\n%s", err, gateway.Log())
	}
}

func (f *cargoFuzzer) awaitParcel(t *testing.T, id string) error {
	ctx, cancel := context.WithTimeout(t.Context(), fuzzAwaited)
	defer cancel()
	collection, err := f.recipient.online.Collect(ctx, powebclient.KeepAlive)
	if err != nil {
		return err
	}
	defer collection.Close()
	for {
		delivery, err := collection.Next(ctx)
		if err != nil {
			return fmt.Errorf("the good parcel did not come: %w", errors.Join(err, ctx.Err()))
		}
		if err := delivery.Acknowledge(ctx); err != nil {
			return err
		}
		if parcelID(delivery.Parcel) == id {
			return nil
		}
	}
}
