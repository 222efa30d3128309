package cargo_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"awala.network/gateway/awala/cargo"
	"awala.network/gateway/awala/internal/vectors"
	"awala.network/gateway/awala/pki"
)

const rotationSignature = "Awala\x10\x00"

func TestParseCertificateRotationReadsBothEncodings(t *testing.T) {
	jvm := append([]byte(rotationSignature), vectors.Read(t, "jvm/certificationpath.der")...)
	for stack, item := range map[string][]byte{
		"js":  vectors.Read(t, "js/certificaterotation.ramf"),
		"jvm": jvm,
	} {
		t.Run(stack, func(t *testing.T) {
			rotation, err := cargo.ParseCertificateRotation(item)
			if err != nil {
				t.Fatal(err)
			}
			if !rotation.Path.Leaf.Equal(certificate(t, stack+"/cert-pgw.der")) {
				t.Error("the leaf is not the private gateway's certificate")
			}
			if len(rotation.Path.CAs) != 1 || !rotation.Path.CAs[0].Equal(certificate(t, stack+"/cert-igw-self.der")) {
				t.Error("the authority is not the Internet gateway's certificate")
			}
		})
	}
}

func TestMarshalCertificateRotationMatchesVector(t *testing.T) {
	rotation := cargo.CertificateRotation{Path: pki.CertificationPath{
		Leaf: certificate(t, "js/cert-pgw.der"),
		CAs:  []*pki.Certificate{certificate(t, "js/cert-igw-self.der")},
	}}
	got, err := rotation.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(vectors.Read(t, "js/certificaterotation.ramf"), got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestMarshalEmbeddedMatchesVector(t *testing.T) {
	rotation := cargo.CertificateRotation{Path: pki.CertificationPath{
		Leaf: certificate(t, "jvm/cert-pgw.der"),
		CAs:  []*pki.Certificate{certificate(t, "jvm/cert-igw-self.der")},
	}}
	got, err := rotation.MarshalEmbedded()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(append([]byte(rotationSignature), vectors.Read(t, "jvm/certificationpath.der")...), got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestMarshalCertificateRotationRefusesEmptyPath(t *testing.T) {
	if _, err := (cargo.CertificateRotation{}).Marshal(); err == nil {
		t.Error("no error")
	}
	if _, err := (cargo.CertificateRotation{}).MarshalEmbedded(); err == nil {
		t.Error("no error")
	}
}

func TestCertificateRotationRefusals(t *testing.T) {
	item := vectors.Read(t, "js/certificaterotation.ramf")
	for name, item := range map[string][]byte{
		"empty":           nil,
		"signature alone": []byte(rotationSignature),
		"truncated":       item[:len(item)-1],
		"trailing octet":  append(item[:len(item):len(item)], 0),
		"other type":      vectors.Read(t, "js/pca.ramf"),
		"no signature":    item[len(rotationSignature):],
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := cargo.ParseCertificateRotation(item); !errors.Is(err, cargo.ErrMalformed) {
				t.Errorf("got %v, want ErrMalformed", err)
			}
		})
	}
}
