package cogrpc

import (
	"errors"
	"io"
	"unicode/utf8"

	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"

	"awala.network/gateway/servers/cogrpc/cargorelay"
)

// codec is gRPC's codec of protocol buffers, but for cargo: that is read into the
// memory where it stays, and written from where it is. The common one copies each
// twice, of up to 9 MiB.
type codec struct{ encoding.CodecV2 }

func newCodec() codec { return codec{encoding.GetCodecV2(proto.Name)} }

// The fields of a CargoDelivery, both of the length-delimited wire type.
const (
	fieldID    protowire.Number = 1
	fieldCargo protowire.Number = 2
)

// Marshal implements [encoding.CodecV2].
func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	m, ok := v.(*cargorelay.CargoDelivery)
	if !ok || len(m.ProtoReflect().GetUnknown()) > 0 {
		return c.CodecV2.Marshal(v)
	}
	head := protowire.AppendTag(nil, fieldID, protowire.BytesType)
	head = protowire.AppendString(head, m.GetId())
	head = protowire.AppendTag(head, fieldCargo, protowire.BytesType)
	head = protowire.AppendVarint(head, uint64(len(m.GetCargo())))
	return mem.BufferSlice{mem.SliceBuffer(head), mem.SliceBuffer(m.GetCargo())}, nil
}

// Unmarshal implements [encoding.CodecV2].
func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	m, ok := v.(*cargorelay.CargoDelivery)
	if !ok {
		return c.CodecV2.Unmarshal(data, v)
	}
	if readDelivery(data, m) == nil {
		return nil
	}
	m.Reset() // something unusual, or a mistake, which the common codec names
	return c.CodecV2.Unmarshal(data, m)
}

var errUnusual = errors.New("cogrpc: not as released clients write it")

// readDelivery reads a message with the two fields and nothing else.
func readDelivery(data mem.BufferSlice, m *cargorelay.CargoDelivery) error {
	r := data.Reader()
	defer r.Close()
	for r.Remaining() > 0 {
		tag, err := readVarint(r)
		if err != nil {
			return err
		}
		length, err := readVarint(r)
		if err != nil {
			return err
		}
		if length > uint64(r.Remaining()) {
			return io.ErrUnexpectedEOF
		}
		field := make([]byte, length)
		if _, err := io.ReadFull(r, field); err != nil {
			return err
		}
		switch tag {
		case protowire.EncodeTag(fieldID, protowire.BytesType):
			if !utf8.Valid(field) {
				return errUnusual
			}
			m.Id = string(field)
		case protowire.EncodeTag(fieldCargo, protowire.BytesType):
			m.Cargo = field
		default:
			return errUnusual
		}
	}
	return nil
}

func readVarint(r io.ByteReader) (uint64, error) {
	var buffer [10]byte
	for i := range buffer {
		b, err := r.ReadByte()
		if err != nil {
			return 0, err
		}
		if buffer[i] = b; b < 0x80 {
			v, n := protowire.ConsumeVarint(buffer[:i+1])
			return v, protowire.ParseError(n)
		}
	}
	return 0, errUnusual
}
