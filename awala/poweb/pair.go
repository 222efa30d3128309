package poweb

import "awala.network/gateway/awala/internal/ber"

// marshalPair writes a sequence of two primitive fields tagged 0 and 1. The
// second may be a whole parcel, which is copied once only.
func marshalPair(first, second []byte) []byte {
	return append(pairBefore(first, second, len(second)), second...)
}

// pairBefore writes such a sequence as far as the contents of the second field,
// with room for so many octets more.
func pairBefore(first, second []byte, room int) []byte {
	body := ber.ElementLen(len(first)) + ber.ElementLen(len(second))
	pair := make([]byte, 0, ber.ElementLen(body)-len(second)+room)
	pair = ber.AppendHeader(pair, ber.Sequence, body)
	pair = ber.Append(pair, ber.Context(0), first)
	return ber.AppendHeader(pair, ber.Context(1), len(second))
}
