package evidence_test

import (
	"crypto/rand"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/evidence"
)

func newSigner(tb testing.TB) (note.Signer, note.Verifier) {
	tb.Helper()
	private, public, err := note.GenerateKey(rand.Reader, "gw.example.com")
	if err != nil {
		tb.Fatal(err)
	}
	signer, err := note.NewSigner(private)
	if err != nil {
		tb.Fatal(err)
	}
	verifier, err := note.NewVerifier(public)
	if err != nil {
		tb.Fatal(err)
	}
	return signer, verifier
}

var someCheckpoint = evidence.Checkpoint{
	Gateway: "gw.example.com", Stream: "PDC_PARCELS", Size: 1234, Root: tlog.RecordHash([]byte("root")),
}

func TestCheckpointRoundTrip(t *testing.T) {
	signer, verifier := newSigner(t)
	signed, err := someCheckpoint.Sign(signer)
	if err != nil {
		t.Fatal(err)
	}
	again, err := someCheckpoint.Sign(signer)
	if diff := cmp.Diff(signed, again); diff != "" || err != nil {
		t.Error("signing twice differs", diff, err)
	}
	opened, err := evidence.OpenCheckpoint(signed.Note, verifier)
	if diff := cmp.Diff(signed, opened); diff != "" || err != nil {
		t.Error(diff, err)
	}
	_, stranger := newSigner(t)
	if _, err := evidence.OpenCheckpoint(signed.Note, stranger); !errors.Is(err, evidence.ErrCheckpoint) {
		t.Errorf("another key: %v", err)
	}
	for i := range signed.Note {
		changed := []byte(string(signed.Note))
		changed[i] ^= 1
		if c, err := evidence.OpenCheckpoint(changed, verifier); err == nil && c.Checkpoint != someCheckpoint {
			t.Fatalf("octet %d changed, and %+v comes out", i, c.Checkpoint)
		}
	}
}

func TestMalformedCheckpoints(t *testing.T) {
	text := someCheckpoint.String()
	root := strings.Split(text, "\n")[2]
	for name, bad := range map[string]string{
		"empty":            "",
		"two lines":        "gw.example.com/events/A\n1\n",
		"no final newline": strings.TrimSuffix(text, "\n"),
		"origin":           strings.Replace(text, "/events/", "/", 1),
		"stream":           strings.Replace(text, "PDC_PARCELS", "../x", 1),
		"negative size":    strings.Replace(text, "1234", "-1", 1),
		"leading zero":     strings.Replace(text, "1234", "01234", 1),
		"short root":       strings.Replace(text, root, "AAAA", 1),
		"root not base64":  strings.Replace(text, root, strings.Repeat("!", 44), 1),
	} {
		if c, err := evidence.ParseCheckpoint(bad); !errors.Is(err, evidence.ErrCheckpoint) {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
	}
	if c, err := evidence.ParseCheckpoint(text + "extension\n"); err != nil || c != someCheckpoint {
		t.Errorf("with an extension: %+v, %v", c, err)
	}
}

// FuzzCheckpoint shows that what is read is what would be written, but for
// extension lines.
func FuzzCheckpoint(f *testing.F) {
	f.Add(someCheckpoint.String())
	f.Add("a/events/b\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := evidence.ParseCheckpoint(text)
		if err == nil && !strings.HasPrefix(text, c.String()) {
			t.Errorf("%q is read as %q", text, c.String())
		}
	})
}

// FuzzOpenCheckpoint shows that nothing without a signature is believed.
func FuzzOpenCheckpoint(f *testing.F) {
	signer, verifier := newSigner(f)
	signed, err := someCheckpoint.Sign(signer)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(signed.Note)
	f.Fuzz(func(t *testing.T, text []byte) {
		if c, err := evidence.OpenCheckpoint(text, verifier); err == nil && c.Checkpoint != someCheckpoint {
			t.Errorf("%q is believed", text)
		}
	})
}

// TestLeafData holds the canonical form to a recorded example: it must never
// change, or old checkpoints would no longer verify.
func TestLeafData(t *testing.T) {
	m := events.Message{
		Stream: "PDC_PARCELS", Sequence: 7, Subject: "pdc-parcel.0a",
		Header: map[string][]string{"ce-id": {"x"}, "a": {"1", "2"}, "Nats-Msg-Id": {"x"}},
		Body:   []byte(`{"n":1}`),
	}
	const want = "awala-gateway event v1\n" + "\x00\x00\x00\x00\x00\x00\x00\x07" +
		"\x00\x00\x00\x0dpdc-parcel.0a" + "\x00\x00\x00\x03" +
		"\x00\x00\x00\x01a\x00\x00\x00\x011" + "\x00\x00\x00\x01a\x00\x00\x00\x012" +
		"\x00\x00\x00\x05ce-id\x00\x00\x00\x01x" + "\x00\x00\x00\x07{\"n\":1}"
	if diff := cmp.Diff(want, string(evidence.LeafData(m))); diff != "" {
		t.Error(diff)
	}
	if got := evidence.LeafHash(m).String(); got != "7QCnjGU4Fz4nwYGj5GPXed2/kfVJwH9mUo61m/Mcz7w=" {
		t.Errorf("leaf hash %s", got)
	}
	if evidence.GapHash(7) == evidence.GapHash(8) || evidence.GapHash(7) == evidence.LeafHash(m) {
		t.Error("a gap passes for something else")
	}
}
