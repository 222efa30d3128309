package poweb

import "awala.network/gateway/awala/internal/ber"

// marshalPair writes a sequence of two primitive fields tagged 0 and 1. The
// second may be a whole parcel, which is copied once only.
func marshalPair(first, second []byte) []byte {
	body := ber.ElementLen(len(first)) + ber.ElementLen(len(second))
	pair := ber.AppendHeader(make([]byte, 0, ber.ElementLen(body)), ber.Sequence, body)
	pair = ber.Append(pair, ber.Context(0), first)
	return ber.Append(pair, ber.Context(1), second)
}
