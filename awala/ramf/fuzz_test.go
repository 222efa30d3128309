package ramf_test

import (
	"testing"

	"awala.network/gateway/awala/internal/vectors"
	"awala.network/gateway/awala/ramf"
)

func FuzzParse(f *testing.F) {
	for _, name := range vectors.Glob(f, "*/*.ramf") {
		f.Add(vectors.Read(f, name))
	}
	validator := trusting(f, "js/cert-igw-self.der")
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := ramf.Parse(raw)
		if err != nil {
			return
		}
		if m.Sender == nil || m.ID == "" || m.Recipient.ID == "" {
			t.Fatalf("accepted without sender, id or recipient: %x", raw)
		}
		_ = m.CheckTiming(vectors.Now, 0)
		_, _ = m.Authorize(validator, vectors.Now)
	})
}

// FuzzParseFields gets past the signature, which a fuzzer cannot make.
func FuzzParseFields(f *testing.F) {
	for name := range readable {
		f.Add(contentOf(f, vectors.Read(f, name)))
	}
	key := parcelKey(f)
	f.Fuzz(func(t *testing.T, content []byte) {
		m, err := ramf.Parse(signContent(t, "Awala\x50\x00", content))
		if err != nil {
			return
		}
		again, err := m.Sign(key)
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		if got := contentOf(t, again); string(got) != string(content) {
			t.Fatalf("read %x, wrote %x", content, got)
		}
	})
}
