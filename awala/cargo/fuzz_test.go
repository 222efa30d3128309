package cargo_test

import (
	"bytes"
	"testing"

	"awala.network/gateway/awala/cargo"
	"awala.network/gateway/awala/internal/vectors"
)

// fuzzRoundTrip feeds a parser whose result, written again, must be what was
// read, because DER is unique.
func fuzzRoundTrip(f *testing.F, rewrite func([]byte) (der []byte, parsed bool, err error), seeds ...string) {
	for _, seed := range seeds {
		f.Add(vectors.Read(f, seed))
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		der, parsed, err := rewrite(input)
		if !parsed {
			return
		}
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		if !bytes.Equal(input, der) {
			t.Fatalf("read %x, wrote %x", input, der)
		}
	})
}

func FuzzParseParcelCollectionAck(f *testing.F) {
	fuzzRoundTrip(f, func(input []byte) ([]byte, bool, error) {
		ack, err := cargo.ParseParcelCollectionAck(input)
		if err != nil {
			return nil, false, nil
		}
		item, err := ack.Marshal()
		return item, true, err
	}, "js/pca.ramf", "jvm/pca.ramf")
}

func FuzzParseMessageSet(f *testing.F) {
	fuzzRoundTrip(f, func(input []byte) ([]byte, bool, error) {
		items, err := cargo.ParseMessageSet(input)
		if err != nil {
			return nil, false, nil
		}
		for _, item := range items {
			_ = cargo.ItemKind(item).String()
		}
		der, err := cargo.MarshalMessageSet(items)
		return der, true, err
	}, "js/cargomessageset.der", "jvm/cargomessageset.der")
}

func FuzzParseCollectionRequest(f *testing.F) {
	fuzzRoundTrip(f, func(input []byte) ([]byte, bool, error) {
		request, err := cargo.ParseCollectionRequest(input)
		if err != nil {
			return nil, false, nil
		}
		der, err := request.Marshal()
		return der, true, err
	}, "js/cargocollectionrequest.der")
}

func FuzzParseCertificateRotation(f *testing.F) {
	f.Add(vectors.Read(f, "js/certificaterotation.ramf"))
	f.Add(append([]byte(rotationSignature), vectors.Read(f, "jvm/certificationpath.der")...))
	f.Fuzz(func(t *testing.T, input []byte) {
		rotation, err := cargo.ParseCertificateRotation(input)
		if err != nil {
			return
		}
		// One of the two encodings is written as the other, so lengths may differ.
		item, err := rotation.Marshal()
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		if _, err := cargo.ParseCertificateRotation(item); err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
	})
}
