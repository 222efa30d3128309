package ramf_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"awala.network/gateway/awala/internal/vectors"
	"awala.network/gateway/awala/ramf"
)

// expected is what a vector holds. Nodes are named as in the vectors' README.
type expected struct {
	kind      ramf.Type
	id        string
	recipient string
	address   string
	sender    string   // certificate of the signer
	attached  []string // other certificates, in order
	root      string   // trust anchor, "" where there is none to be had
}

var (
	internetParcel = expected{
		kind: ramf.TypeParcel, id: "parcel-to-internet", recipient: "epI",
		address: "ping.awala.services", sender: "cert-epA-self",
	}
	privateParcel = expected{
		kind: ramf.TypeParcel, id: "parcel-to-private", recipient: "epA",
		sender: "cert-pda-epB-by-epA", attached: []string{"cert-epA", "cert-pgw"}, root: "cert-igw-self",
	}
	cargo = expected{
		kind: ramf.TypeCargo, recipient: "igw", address: "igw.awala.test",
		sender: "cert-pgw", attached: []string{"cert-igw-self"}, root: "cert-igw-self",
	}
	cca = expected{
		kind: ramf.TypeCCA, id: "cca", recipient: "igw", address: "igw.awala.test",
		sender: "cert-pgw", attached: []string{"cert-igw-self"}, root: "cert-igw-self",
	}
)

func (e expected) with(change func(*expected)) expected { change(&e); return e }

var readable = map[string]expected{
	"js/parcel-to-internet.ramf":  internetParcel,
	"jvm/parcel-to-internet.ramf": internetParcel,
	"js/parcel-to-private.ramf":   privateParcel,
	"jvm/parcel-to-private.ramf":  privateParcel,
	"js/parcel-to-private-fullchain.ramf": privateParcel.with(func(e *expected) {
		e.id, e.attached = "parcel-to-private-full", []string{"cert-epA", "cert-pgw", "cert-igw-self"}
	}),
	"js/cargo-pgw-to-igw.ramf":  cargo.with(func(e *expected) { e.id = "cargo-pgw-to-igw" }),
	"jvm/cargo-pgw-to-igw.ramf": cargo.with(func(e *expected) { e.id = "cargo" }),
	"js/cargo-igw-to-pgw.ramf": {
		kind: ramf.TypeCargo, id: "cargo-igw-to-pgw", recipient: "pgw",
		sender: "cert-cda-igw-by-pgw", attached: []string{"cert-pgw-self"}, root: "cert-pgw-self",
	},
	"js/cca.ramf":  cca,
	"jvm/cca.ramf": cca,
	"js/parcel-serial-nonminimal.ramf": internetParcel.with(func(e *expected) {
		e.id, e.sender, e.attached = "serial-nonminimal", "cert-serial-nonminimal", []string{"cert-pgw"}
	}),
	"js/parcel-serial-leading7f.ramf": internetParcel.with(func(e *expected) {
		e.id, e.sender, e.attached = "serial-leading7f", "cert-serial-leading7f", []string{"cert-pgw"}
	}),
	"js/parcel-serial-leading00-high.ramf": internetParcel.with(func(e *expected) {
		e.id, e.sender, e.attached = "serial-leading00-high", "cert-serial-leading00-high", []string{"cert-pgw"}
	}),
}

// unreadable are the vectors that are no valid RAMF messages.
var unreadable = map[string]error{
	"js/parcel-digest-sha384.ramf": ramf.ErrSignature,
	"js/pca.ramf":                  ramf.ErrMalformed,
	"jvm/pca.ramf":                 ramf.ErrMalformed,
	"js/certificaterotation.ramf":  ramf.ErrMalformed,
}

func TestParseReadsEveryVector(t *testing.T) {
	for _, name := range vectors.Glob(t, "*/*.ramf") {
		t.Run(name, func(t *testing.T) {
			m, err := ramf.Parse(vectors.Read(t, name))
			if want, ok := unreadable[name]; ok {
				if !errors.Is(err, want) {
					t.Fatalf("got %v, want %v", err, want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want, ok := readable[name]
			if !ok {
				t.Fatal("no expectation for this vector")
			}
			checkVector(t, strings.Split(name, "/")[0], m, want)
		})
	}
}

func checkVector(t *testing.T, stack string, m *ramf.Message, want expected) {
	t.Helper()
	created := time.Date(2026, time.November, 1, 0, 0, 0, 0, time.UTC)
	got := []any{m.Type, m.ID, m.Recipient, m.CreatedAt, m.TTL, m.ExpiresAt()}
	fields := []any{
		want.kind, want.id,
		ramf.Recipient{ID: nodeID(t, stack, want.recipient), InternetAddress: want.address},
		created, ramf.MaxTTL, created.Add(180 * 24 * time.Hour),
	}
	if diff := cmp.Diff(fields, got); diff != "" {
		t.Errorf("fields (-want +got)\n%s", diff)
	}
	sender := certificate(t, stack+"/"+want.sender+".der")
	if !m.Sender.Equal(sender) || m.SenderID() != sender.SubjectID() {
		t.Errorf("the sender is not %s", want.sender)
	}
	if len(m.Attached) != len(want.attached) {
		t.Fatalf("%d other certificates, want %d", len(m.Attached), len(want.attached))
	}
	for i, name := range want.attached {
		if !m.Attached[i].Equal(certificate(t, stack+"/"+name+".der")) {
			t.Errorf("other certificate %d is not %s", i, name)
		}
	}
	if err := m.CheckTiming(vectors.Now, 0); err != nil {
		t.Error(err)
	}
	if err := m.CheckSender(vectors.Now); err != nil {
		t.Error(err)
	}
	if want.root != "" {
		if _, err := m.Authorize(trusting(t, stack+"/"+want.root+".der"), vectors.Now); err != nil {
			t.Error(err)
		}
	}
}

func TestNodeIDsAreThoseOfTheJavaScriptLibrary(t *testing.T) {
	var ids map[string]string
	if err := json.Unmarshal(vectors.Read(t, "js/ids.json"), &ids); err != nil {
		t.Fatal(err)
	}
	for node, want := range ids {
		if got := nodeID(t, "js", node); got != want {
			t.Errorf("%s: %s, want %s", node, got, want)
		}
	}
}

func TestParseRefusesBrokenShell(t *testing.T) {
	raw := vectors.Read(t, "js/parcel-to-private.ramf")
	// replace swaps octets near the start: the format signature.
	replace := func(at int, octets string) []byte {
		changed := bytes.Clone(raw)
		copy(changed[at:], octets)
		return changed
	}
	for name, raw := range map[string][]byte{
		"empty":                  nil,
		"prefix alone":           []byte("Awala"),
		"format signature alone": raw[:7],
		"other prefix":           replace(0, "Relay"),
		"lower-case prefix":      replace(0, "awala"),
		"ten-octet signature":    append([]byte("Awala\x00\x00\x00\x50\x00"), raw[7:]...),
		"unknown type":           replace(5, "\x52"),
		"acknowledgement type":   replace(5, "\x51"),
		"unknown version":        replace(6, "\x01"),
		"no format signature":    raw[7:],
		"truncated":              raw[:len(raw)-1],
		"half":                   raw[:len(raw)/2],
		"trailing octet":         append(bytes.Clone(raw), 0),
		"end of contents behind": append(bytes.Clone(raw), 0, 0),
		"twice":                  append(bytes.Clone(raw), raw...),
		"oversized":              append(bytes.Clone(raw), make([]byte, ramf.MaxMessageLen)...),
		"detached signature":     append([]byte("Awala\x50\x00"), vectors.Read(t, "js/signeddata-detached.der")...),
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := ramf.Parse(raw); !errors.Is(err, ramf.ErrMalformed) {
				t.Errorf("got %v, want ErrMalformed", err)
			}
		})
	}
}

func TestParseRefusesOtherCMSMessages(t *testing.T) {
	for name, vector := range map[string]string{
		"without the signer's certificate": "jvm/signeddata-nocerts.ber",
		"EnvelopedData":                    "js/enveloped-session-size-1.der",
	} {
		t.Run(name, func(t *testing.T) {
			raw := append([]byte("Awala\x50\x00"), vectors.Read(t, vector)...)
			if _, err := ramf.Parse(raw); !errors.Is(err, ramf.ErrSignature) {
				t.Errorf("got %v, want ErrSignature", err)
			}
		})
	}
}

func TestParseEndsDepthBombsAtOnce(t *testing.T) {
	const half = (ramf.MaxMessageLen - 7) / 2
	// start is sound as far as the content, whose end has to be looked for.
	const start = "\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0\x80\x30\x80\x02\x01\x01\x31\x00" +
		"\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01\xa0\x80\x24\x80"
	for name, bomb := range map[string][2]string{
		"sequences":                 {"", "\x30\x80"},
		"constructed strings":       {"", "\x24\x80"},
		"explicit tags":             {"", "\xa0\x80"},
		"empty elements":            {"", "\x04\x00"},
		"strings in the content":    {start, "\x24\x80"},
		"empty strings for content": {start, "\x04\x00"},
		"opened and closed again":   {start, "\x24\x80\x00\x00"},
		"in definite lengths":       {start, "\x24\x02\x04\x00"},
	} {
		t.Run(name, func(t *testing.T) {
			raw := []byte("Awala\x50\x00" + bomb[0] + strings.Repeat(bomb[1], half))[:ramf.MaxMessageLen]
			// The fastest of three, since the machine may be busy with other tests.
			fastest := time.Hour
			for range 3 {
				begin := time.Now()
				if _, err := ramf.Parse(raw); !errors.Is(err, ramf.ErrMalformed) {
					t.Errorf("got %v, want ErrMalformed", err)
				}
				fastest = min(fastest, time.Since(begin))
			}
			t.Logf("took %s", fastest)
			if fastest > time.Second { // tens of milliseconds, ten times that under -race
				t.Errorf("took %s", fastest)
			}
		})
	}
}

func TestParseRefusesFlippedBits(t *testing.T) {
	raw := sign(t, newParcel(t, []byte("payload")), parcelKey(t))
	validator := trusting(t, "js/cert-igw-self.der")
	accept := func(raw []byte) bool {
		m, err := ramf.Parse(raw)
		if err != nil {
			return false
		}
		_, err = m.Authorize(validator, vectors.Now)
		return err == nil
	}
	if !accept(raw) {
		t.Fatal("the message itself is refused")
	}
	// The signed attributes, the algorithm and the signature end the message.
	contentType := []byte{0xa0, 0x4b, 0x30, 0x18, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x03}
	content, sender := contentOf(t, raw), certificate(t, "js/cert-pda-epB-by-epA.der").DER()
	for name, region := range map[string][2]int{
		"format signature":                {0, 7},
		"content":                         span(t, raw, content),
		"signer certificate":              span(t, raw, sender),
		"signed attributes and signature": {span(t, raw, contentType)[0], len(raw)},
	} {
		t.Run(name, func(t *testing.T) {
			step := 1
			if testing.Short() {
				step = 7
			}
			for i := 8 * region[0]; i < 8*region[1]; i += step {
				flipped := bytes.Clone(raw)
				flipped[i/8] ^= 1 << (i % 8)
				if accept(flipped) {
					t.Fatalf("bit %d of octet %d flipped: accepted", i%8, i/8)
				}
			}
		})
	}
}

// span finds where part is in raw.
func span(t *testing.T, raw, part []byte) [2]int {
	t.Helper()
	start := bytes.Index(raw, part)
	if start < 0 {
		t.Fatal("part not found")
	}
	return [2]int{start, start + len(part)}
}
