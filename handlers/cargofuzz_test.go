package handlers_test

import (
	"slices"
	"testing"

	"awala.network/gateway/awala/ramf"
	"awala.network/gateway/events"
	"awala.network/gateway/handlers"
	"awala.network/gateway/internal/fault"
)

// FuzzCargo sends mutated cargo the whole way: octets of the signed message are
// changed, and the plaintext inside a sound one. Whatever it is, it is received or
// refused, unwrapped or refused, the same twice, and no error of it is transient.
func FuzzCargo(f *testing.F) {
	f.Add([]byte{0x30, 0}, uint(0), byte(0))
	f.Add([]byte{0x30, 4, 4, 2, 'n', 'o'}, uint(100), byte(1))
	f.Add(append([]byte{0x30, 9, 4, 7}, "Awala\x50\x00"...), uint(0), byte(0))
	f.Add(append([]byte{0x30, 9, 4, 7}, "Awala\x51\x00"...), uint(2000), byte(0x80))
	f.Add([]byte{0x30, 0x80, 4, 0, 0, 0}, uint(7), byte(0x20))
	w := newCargoWorld(f)
	f.Fuzz(func(t *testing.T, plaintext []byte, at uint, flip byte) {
		raw, err := w.private.Seal(t.Context(), w.private.NewMessage(ramf.TypeCargo), plaintext)
		if err != nil {
			t.Skip(err)
		}
		raw = slices.Clone(raw)
		raw[at%uint(len(raw))] ^= flip
		received, err := w.receive.Receive(t.Context(), raw)
		if err != nil {
			if handlers.AsRefusal(err) == nil {
				t.Fatalf("received with %v", err)
			}
			return
		}
		last, err := w.log.Last(t.Context(), events.StreamCargo, events.CargoChannel)
		if err != nil || last.ID != received.EventID {
			t.Fatalf("recorded as %+v, %v", last, err)
		}
		var outcome uint64
		for range 2 {
			if err := w.unwrap.Handle(t.Context(), last); err != nil {
				t.Fatalf("unwrapped with %v (permanent: %v)", err, fault.IsPermanent(err))
			}
			r, err := w.log.Last(t.Context(), events.StreamCargo, events.CargoOutcomes)
			if err != nil || receivedID(r.Data) != last.ID || outcome != 0 && outcome != r.Sequence {
				t.Fatalf("outcome %+v, %v", r, err)
			}
			outcome = r.Sequence
		}
	})
}

func receivedID(data events.Data) string {
	switch data := data.(type) {
	case events.CargoUnwrapped:
		return data.ReceivedID
	case events.CargoRefused:
		return data.ReceivedID
	default:
		return ""
	}
}
