package cargo_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"awala.network/gateway/awala/cargo"
	"awala.network/gateway/awala/internal/vectors"
)

func TestCollectionRequestReadsAndMatchesVector(t *testing.T) {
	der := vectors.Read(t, "js/cargocollectionrequest.der")
	request, err := cargo.ParseCollectionRequest(der)
	if err != nil {
		t.Fatal(err)
	}
	if !request.DeliveryAuthorization.Equal(certificate(t, "js/cert-cda-igw-by-pgw.der")) {
		t.Error("the certificate is not the cargo delivery authorisation")
	}
	got, err := request.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(der, got); diff != "" {
		t.Errorf("written again (-want +got)\n%s", diff)
	}
}

func TestCollectionRequestRefusals(t *testing.T) {
	der := vectors.Read(t, "js/cargocollectionrequest.der")
	for name, der := range map[string][]byte{
		"empty":              nil,
		"truncated":          der[:len(der)-1],
		"trailing octet":     append(der[:len(der):len(der)], 0),
		"no certificate":     {0x30, 0x02, 0x80, 0x00},
		"no field":           {0x30, 0x00},
		"certificate itself": vectors.Read(t, "js/cert-cda-igw-by-pgw.der"),
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := cargo.ParseCollectionRequest(der); !errors.Is(err, cargo.ErrMalformed) {
				t.Errorf("got %v, want ErrMalformed", err)
			}
		})
	}
	if _, err := (cargo.CollectionRequest{}).Marshal(); !errors.Is(err, cargo.ErrMalformed) {
		t.Errorf("written without certificate: %v", err)
	}
}
