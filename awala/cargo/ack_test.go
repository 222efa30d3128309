package cargo_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"awala.network/gateway/awala/cargo"
	"awala.network/gateway/awala/internal/vectors"
)

func TestParseParcelCollectionAckReadsVectors(t *testing.T) {
	ids := readIDs(t)
	for _, stack := range vectors.Stacks {
		t.Run(stack, func(t *testing.T) {
			got, err := cargo.ParseParcelCollectionAck(vectors.Read(t, stack+"/pca.ramf"))
			if err != nil {
				t.Fatal(err)
			}
			want := cargo.ParcelCollectionAck{
				SenderID:    nodeID(t, stack, "epB"),
				RecipientID: nodeID(t, stack, "epA"),
				ParcelID:    "parcel-to-private",
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if stack == "js" && got.SenderID != ids["epB"] {
				t.Errorf("sender %s, ids.json says %s", got.SenderID, ids["epB"])
			}
		})
	}
}

func TestMarshalParcelCollectionAckMatchesCapture(t *testing.T) {
	got, err := cargo.ParcelCollectionAck{SenderID: "0aa", RecipientID: "0bb", ParcelID: "the-id"}.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	want := "Awala\x51\x00" + "\x30\x12" + "\x80\x030aa" + "\x81\x030bb" + "\x82\x06the-id"
	if string(got) != want {
		t.Errorf("got %x, want %x", got, want)
	}
}

func TestMarshalParcelCollectionAckMatchesVectors(t *testing.T) {
	for _, stack := range vectors.Stacks {
		want := vectors.Read(t, stack+"/pca.ramf")
		ack, err := cargo.ParseParcelCollectionAck(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ack.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", stack, diff)
		}
	}
}

func TestParcelCollectionAckRefusals(t *testing.T) {
	const signature = "Awala\x51\x00"
	long := strings.Repeat("p", 65)
	for name, item := range map[string]string{
		"empty":                     "",
		"signature alone":           signature,
		"parcel signature":          "Awala\x50\x00\x30\x12\x80\x030aa\x81\x030bb\x82\x06the-id",
		"other version":             "Awala\x51\x01\x30\x12\x80\x030aa\x81\x030bb\x82\x06the-id",
		"trailing octet":            signature + "\x30\x12\x80\x030aa\x81\x030bb\x82\x06the-id\x00",
		"truncated":                 signature + "\x30\x12\x80\x030aa\x81\x030bb\x82\x06the-i",
		"missing parcel id":         signature + "\x30\x0a\x80\x030aa\x81\x030bb",
		"additional field":          signature + "\x30\x15\x80\x030aa\x81\x030bb\x82\x06the-id\x83\x01x",
		"fields in another order":   signature + "\x30\x12\x81\x030bb\x80\x030aa\x82\x06the-id",
		"universal tags":            signature + "\x30\x12\x1a\x030aa\x1a\x030bb\x1a\x06the-id",
		"constructed field":         signature + "\x30\x12\xa0\x030aa\x81\x030bb\x82\x06the-id",
		"indefinite length":         signature + "\x30\x80\x80\x030aa\x81\x030bb\x82\x06the-id\x00\x00",
		"length in too many octets": signature + "\x30\x81\x12\x80\x030aa\x81\x030bb\x82\x06the-id",
		"upper-case sender":         signature + "\x30\x12\x80\x030AA\x81\x030bb\x82\x06the-id",
		"path in sender":            signature + "\x30\x12\x80\x03../\x81\x030bb\x82\x06the-id",
		"path in recipient":         signature + "\x30\x12\x80\x030aa\x81\x030/b\x82\x06the-id",
		"empty recipient":           signature + "\x30\x0f\x80\x030aa\x81\x00\x82\x06the-id",
		"empty parcel id":           signature + "\x30\x0c\x80\x030aa\x81\x030bb\x82\x00",
		"control in parcel id":      signature + "\x30\x12\x80\x030aa\x81\x030bb\x82\x06the\nid",
		"long parcel id":            signature + "\x30\x4d\x80\x030aa\x81\x030bb\x82\x41" + long,
	} {
		t.Run(name, func(t *testing.T) {
			ack, err := cargo.ParseParcelCollectionAck([]byte(item))
			if !errors.Is(err, cargo.ErrMalformed) {
				t.Errorf("got %+v, %v; want ErrMalformed", ack, err)
			}
		})
	}
}

func TestMarshalParcelCollectionAckRefusesWhatItCannotRead(t *testing.T) {
	for name, ack := range map[string]cargo.ParcelCollectionAck{
		"no sender":    {RecipientID: "0bb", ParcelID: "id"},
		"no recipient": {SenderID: "0aa", ParcelID: "id"},
		"no parcel":    {SenderID: "0aa", RecipientID: "0bb"},
	} {
		if _, err := ack.Marshal(); !errors.Is(err, cargo.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestParcelCollectionAckRoundTrip(t *testing.T) {
	id := rapid.StringMatching(`0[0-9a-f]{1,80}`)
	rapid.Check(t, func(t *rapid.T) {
		want := cargo.ParcelCollectionAck{
			SenderID:    id.Draw(t, "sender"),
			RecipientID: id.Draw(t, "recipient"),
			ParcelID:    rapid.StringMatching(`[ -~]{1,64}`).Draw(t, "parcel"),
		}
		item, err := want.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if kind := cargo.ItemKind(item); kind != cargo.KindParcelCollectionAck {
			t.Fatalf("kind %s", kind)
		}
		got, err := cargo.ParseParcelCollectionAck(item)
		if err != nil || got != want {
			t.Fatalf("got %+v, %v; want %+v", got, err, want)
		}
	})
}
