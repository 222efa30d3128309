package cargo_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"awala.network/gateway/awala/cargo"
	"awala.network/gateway/awala/internal/vectors"
)

func TestMessageSetReadsAndMatchesVectors(t *testing.T) {
	for _, stack := range vectors.Stacks {
		t.Run(stack, func(t *testing.T) {
			der := vectors.Read(t, stack+"/cargomessageset.der")
			items, err := cargo.ParseMessageSet(der)
			if err != nil {
				t.Fatal(err)
			}
			want := [][]byte{vectors.Read(t, stack+"/parcel-to-internet.ramf"), vectors.Read(t, stack+"/pca.ramf")}
			if diff := cmp.Diff(want, items); diff != "" {
				t.Errorf("items (-want +got)\n%s", diff)
			}
			kinds := []cargo.Kind{cargo.ItemKind(items[0]), cargo.ItemKind(items[1])}
			if diff := cmp.Diff([]cargo.Kind{cargo.KindParcel, cargo.KindParcelCollectionAck}, kinds); diff != "" {
				t.Errorf("kinds (-want +got)\n%s", diff)
			}
			again, err := cargo.MarshalMessageSet(items)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(der, again) {
				t.Error("written again it differs")
			}
		})
	}
}

func TestItemKind(t *testing.T) {
	for item, want := range map[string]cargo.Kind{
		"":                 cargo.KindUnknown,
		"Awala\x50":        cargo.KindUnknown,
		"Awala\x50\x00":    cargo.KindParcel,
		"Awala\x51\x00...": cargo.KindParcelCollectionAck,
		"Awala\x10\x00":    cargo.KindCertificateRotation,
		"Awala\x43\x00":    cargo.KindUnknown, // a cargo
		"Awala\x50\x01":    cargo.KindUnknown, // a version to come
		"awala\x50\x00":    cargo.KindUnknown,
	} {
		if got := cargo.ItemKind([]byte(item)); got != want {
			t.Errorf("%q: got %s, want %s", item, got, want)
		}
	}
}

func TestMessageSetRefusals(t *testing.T) {
	der := vectors.Read(t, "js/cargomessageset.der")
	tooMany := bytes.Repeat([]byte{0x04, 0x00}, cargo.MaxItems+1)
	for name, der := range map[string][]byte{
		"empty":                nil,
		"truncated":            der[:len(der)-1],
		"trailing octet":       append(der[:len(der):len(der)], 0),
		"no sequence":          {0x04, 0x00},
		"item no octet string": {0x30, 0x02, 0x05, 0x00},
		"constructed item":     {0x30, 0x05, 0x24, 0x03, 0x04, 0x01, 0x61},
		"item beyond set":      {0x30, 0x02, 0x04, 0x01},
		"indefinite length":    {0x30, 0x80, 0x00, 0x00},
		"oversize item":        set(make([]byte, cargo.MaxItemLen+1)),
		"too many items":       append([]byte{0x30, 0x83, 0x04, 0x00, 0x02}, tooMany...),
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := cargo.ParseMessageSet(der); !errors.Is(err, cargo.ErrMalformed) {
				t.Errorf("got %v, want ErrMalformed", err)
			}
		})
	}
}

func TestMessageSetLimits(t *testing.T) {
	if _, err := cargo.ParseMessageSet(set(make([]byte, cargo.MaxItemLen))); err != nil {
		t.Errorf("largest item to be read: %v", err)
	}
	if _, err := cargo.MarshalMessageSet([][]byte{make([]byte, cargo.MaxWrittenItemLen)}); err != nil {
		t.Errorf("largest item to be written: %v", err)
	}
	for name, items := range map[string][][]byte{
		"oversize item": {make([]byte, cargo.MaxWrittenItemLen+1)},
		"oversize set":  {make([]byte, cargo.MaxWrittenItemLen), make([]byte, 8)},
	} {
		if _, err := cargo.MarshalMessageSet(items); !errors.Is(err, cargo.ErrMalformed) {
			t.Errorf("%s: got %v, want ErrMalformed", name, err)
		}
	}
}

// set writes a set of one item of some megaoctets, whatever its size.
func set(item []byte) []byte {
	header := func(tag byte, n int) []byte { return []byte{tag, 0x83, byte(n >> 16), byte(n >> 8), byte(n)} }
	return append(append(header(0x30, len(item)+5), header(0x04, len(item))...), item...)
}

func TestMessageSetRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 300), 0, 20).Draw(t, "items")
		der, err := cargo.MarshalMessageSet(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := cargo.ParseMessageSet(der)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("(-want +got)\n%s", diff)
		}
	})
}

func TestParseMessageSetDepthBomb(t *testing.T) {
	bomb := bytes.Repeat([]byte{0x30, 0x80}, 9<<19)
	start := time.Now()
	if _, err := cargo.ParseMessageSet(bomb); !errors.Is(err, cargo.ErrMalformed) {
		t.Errorf("got %v, want ErrMalformed", err)
	}
	if took := time.Since(start); took > time.Second {
		t.Errorf("took %s", took)
	}
}
