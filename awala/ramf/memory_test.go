package ramf_test

import (
	"bytes"
	"runtime"
	"testing"

	"awala.network/gateway/awala/internal/ber"
	"awala.network/gateway/awala/ramf"
)

// largestParcel is a parcel with the largest payload that may be written.
func largestParcel(tb testing.TB) []byte {
	tb.Helper()
	return sign(tb, newParcel(tb, bytes.Repeat([]byte("x"), ramf.MaxWrittenPayloadLen)), parcelKey(tb))
}

// inPieces rewrites a message so that its content is a string in pieces, as both
// client libraries write it: 65536 octets with definite lengths in JavaScript,
// 1000 with indefinite ones on the JVM.
func inPieces(tb testing.TB, raw []byte, pieceLen int, indefinite bool) []byte {
	tb.Helper()
	wrap := func(tag ber.Tag, parts ...[]byte) []byte {
		if !indefinite {
			return ber.Append(nil, tag, parts...)
		}
		return append(append([]byte{byte(tag), 0x80}, bytes.Join(parts, nil)...), 0, 0)
	}
	explicit := ber.Context(0).Constructed()
	cursor := ber.NewCursor(raw[7:], len(raw))
	info := cursor.Enter(ber.Sequence)
	signedType := info.Read(ber.ObjectIdentifier).Raw
	inner := info.Enter(explicit)
	signed := inner.Enter(ber.Sequence)
	version, digests := signed.Read(ber.Integer).Raw, signed.Read(ber.Set).Raw
	encapsulated := signed.Enter(ber.Sequence)
	dataType := encapsulated.Read(ber.ObjectIdentifier).Raw
	holder := encapsulated.Enter(explicit)
	content := holder.Read(ber.OctetString).Content
	certificates, signers := signed.Read(explicit).Raw, signed.Read(ber.Set).Raw
	if err := cursor.Err(); err != nil {
		tb.Fatal(err)
	}
	var pieces [][]byte
	for len(content) > 0 {
		n := min(pieceLen, len(content))
		pieces = append(pieces, ber.Append(nil, ber.OctetString, content[:n]))
		content = content[n:]
	}
	octets := wrap(explicit, wrap(ber.OctetString.Constructed(), pieces...))
	fields := wrap(ber.Sequence, version, digests, wrap(ber.Sequence, dataType, octets), certificates, signers)
	return append(bytes.Clone(raw[:7]), wrap(ber.Sequence, signedType, wrap(explicit, fields))...)
}

func TestParseCopiesThePayloadAtMostOnce(t *testing.T) {
	der := largestParcel(t)
	const payload, slack = ramf.MaxWrittenPayloadLen, 1 << 20
	for name, test := range map[string]struct {
		raw  []byte
		most uint64
	}{
		"in one piece":                {der, slack},
		"in the pieces of JavaScript": {inPieces(t, der, 65536, false), payload + slack},
		"in the pieces of the JVM":    {inPieces(t, der, 1000, true), payload + slack},
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			m, err := ramf.Parse(test.raw)
			runtime.ReadMemStats(&after)
			if err != nil {
				t.Fatal(err)
			}
			if len(m.Payload) != payload {
				t.Errorf("payload of %d octets", len(m.Payload))
			}
			if allocated := after.TotalAlloc - before.TotalAlloc; allocated > test.most {
				t.Errorf("%d octets allocated, want at most %d", allocated, test.most)
			}
		})
	}
}
