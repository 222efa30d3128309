package pki

import (
	"bytes"
	"testing"

	"awala.network/gateway/awala/internal/vectors"
)

func seed(f *testing.F, patterns ...string) {
	for _, pattern := range patterns {
		for _, name := range vectors.Glob(f, pattern) {
			f.Add(vectors.Read(f, name))
		}
	}
}

func FuzzParseCertificate(f *testing.F) {
	seed(f, "*/cert-*.der")
	root := readCertificate(f, "js/cert-igw-self.der")
	f.Fuzz(func(t *testing.T, der []byte) {
		c, err := ParseCertificate(der)
		if err != nil {
			return
		}
		if !bytes.Equal(c.DER(), der) || !ValidNodeID(c.SubjectID()) || !c.HasSerial(c.RawSerial()) {
			t.Errorf("accepted as something else: %x", der)
		}
		_, _ = NewValidator([]*Certificate{root}, nil).Path(c, []*Certificate{c, root}, vectors.Now)
	})
}

func FuzzParseCertificationPath(f *testing.F) {
	seed(f, "*/certificationpath.der")
	f.Fuzz(func(t *testing.T, der []byte) {
		path, err := ParseCertificationPath(der)
		if err != nil {
			return
		}
		again, err := path.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseCertificationPath(again); err != nil {
			t.Errorf("cannot read what was written: %v", err)
		}
	})
}

func FuzzParsePublicKey(f *testing.F) {
	seed(f, "*/key-rsa-*.spki", "*/key-ec-*.spki")
	f.Fuzz(func(t *testing.T, spki []byte) {
		key, err := ParsePublicKey(spki)
		if err != nil {
			return
		}
		again, err := MarshalPublicKey(key)
		if err != nil || !bytes.Equal(again, spki) {
			t.Errorf("a second encoding of a key was accepted: %x (error %v)", spki, err)
		}
	})
}

func FuzzParseSessionPublicKey(f *testing.F) {
	seed(f, "*/key-rsa-igw.spki", "*/key-ec-*.spki")
	f.Fuzz(func(t *testing.T, spki []byte) {
		key, err := ParseSessionPublicKey([]byte{1}, spki)
		if err != nil {
			return
		}
		if _, err := key.Marshal(); err != nil {
			t.Error(err)
		}
	})
}
