package registration_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"awala.network/gateway/awala/internal/vectors"
	"awala.network/gateway/awala/registration"
)

func TestDigestKeyAgreesWithNodeIDs(t *testing.T) {
	var ids map[string]string
	if err := json.Unmarshal(vectors.Read(t, "js/ids.json"), &ids); err != nil {
		t.Fatal(err)
	}
	digest, err := registration.DigestKey(certificate(t, "js/cert-pgw.der").PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	if digest.NodeID() != ids["pgw"] || "0"+digest.String() != ids["pgw"] {
		t.Errorf("node id %s, want %s", digest.NodeID(), ids["pgw"])
	}
	parsed, err := registration.ParseKeyDigest([]byte(digest.String()))
	if err != nil || parsed != digest {
		t.Errorf("read back as %s, %v", parsed, err)
	}
	if _, err := registration.DigestKey(nil); err == nil {
		t.Error("digest of no key")
	}
}

func TestParseKeyDigestRefusals(t *testing.T) {
	for name, body := range map[string]string{
		"empty":          "",
		"63 digits":      strings.Repeat("a", 63),
		"65 digits":      strings.Repeat("a", 65),
		"node id":        "0" + strings.Repeat("a", 64),
		"capitals":       strings.Repeat("A", 64),
		"one capital":    strings.Repeat("a", 63) + "F",
		"no hexadecimal": strings.Repeat("g", 64),
		"line feed":      strings.Repeat("a", 63) + "\n",
		"32 octets":      strings.Repeat("\x00", 32),
	} {
		if _, err := registration.ParseKeyDigest([]byte(body)); !errors.Is(err, registration.ErrMalformed) {
			t.Errorf("%s: got %v, want ErrMalformed", name, err)
		}
	}
}
