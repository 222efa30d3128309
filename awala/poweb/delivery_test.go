package poweb_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"awala.network/gateway/awala/internal/vectors"
	"awala.network/gateway/awala/poweb"
)

func TestParcelDeliveryReadsAndMatchesVector(t *testing.T) {
	der := vectors.Read(t, "js/parceldelivery.der")
	delivery, err := poweb.ParseParcelDelivery(der)
	if err != nil {
		t.Fatal(err)
	}
	if delivery.ID != "delivery-1" {
		t.Errorf("id %q", delivery.ID)
	}
	if !bytes.Equal(delivery.Parcel, vectors.Read(t, "js/parcel-to-private.ramf")) {
		t.Error("another parcel")
	}
	again, err := delivery.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(der, again); diff != "" {
		t.Errorf("written again (-want +got)\n%s", diff)
	}
}

func TestParcelDeliveryMatchesCapture(t *testing.T) {
	const id = "7f8c1b0e-9d0a-4c69-8a60-1f6f0f1d3c55"
	got, err := poweb.ParcelDelivery{ID: id, Parcel: []byte("parcel")}.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	// protocol.md A.4.
	want := "302e" + "8024" + hex.EncodeToString([]byte(id)) + "8106" + hex.EncodeToString([]byte("parcel"))
	if hex.EncodeToString(got) != want {
		t.Errorf("got %x, want %s", got, want)
	}
}

func TestParcelDeliveryRefusals(t *testing.T) {
	cases := variants(vectors.Read(t, "js/parceldelivery.der"), 4)
	cases["no parcel"] = []byte("\x30\x03\x80\x01i")
	cases["empty id"] = []byte("\x30\x05\x80\x00\x81\x01p")
	cases["control in id"] = []byte("\x30\x06\x80\x01\x0a\x81\x01p")
	cases["third field"] = []byte("\x30\x08\x80\x01i\x81\x01p\x82\x00")
	for name, der := range cases {
		if _, err := poweb.ParseParcelDelivery(der); !errors.Is(err, poweb.ErrMalformed) {
			t.Errorf("%s: got %v, want ErrMalformed", name, err)
		}
	}
	for _, id := range []string{"", strings.Repeat("x", 65), "ä"} {
		if _, err := (poweb.ParcelDelivery{ID: id}).Marshal(); !errors.Is(err, poweb.ErrMalformed) {
			t.Errorf("id %q written: got %v, want ErrMalformed", id, err)
		}
	}
}

func TestParcelDeliveryRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := poweb.ParcelDelivery{
			ID:     rapid.StringMatching(`[ -~]{1,64}`).Draw(t, "id"),
			Parcel: rapid.SliceOfN(rapid.Byte(), 0, 70_000).Draw(t, "parcel"),
		}
		der, err := want.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		got, err := poweb.ParseParcelDelivery(der)
		if err != nil || got.ID != want.ID || !bytes.Equal(got.Parcel, want.Parcel) {
			t.Fatalf("got %+v, %v; want %+v", got, err, want)
		}
	})
}
