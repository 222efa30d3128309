package ramf_test

import (
	"crypto"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"awala.network/gateway/awala/internal/vectors"
	"awala.network/gateway/awala/pki"
	"awala.network/gateway/awala/ramf"
)

// sameCertificate compares certificates by their octets.
var sameCertificate = cmp.Comparer(func(a, b *pki.Certificate) bool { return a.Equal(b) })

func TestMessageRoundTrip(t *testing.T) {
	key, template := parcelKey(t), newParcel(t, nil)
	rapid.Check(t, func(t *rapid.T) {
		want := *template
		want.Type = rapid.SampledFrom([]ramf.Type{ramf.TypeParcel, ramf.TypeCargo, ramf.TypeCCA}).Draw(t, "type")
		want.Recipient.ID = rapid.StringMatching(`0[0-9a-f]{1,100}`).Draw(t, "recipient")
		want.Recipient.InternetAddress = rapid.SampledFrom([]string{"", "example.com", "a.b.c.xn--p1ai"}).Draw(t, "address")
		want.ID = rapid.StringMatching(`[ -~]{1,64}`).Draw(t, "id")
		want.CreatedAt = time.Unix(rapid.Int64Range(0, 250_000_000_000).Draw(t, "created"), 0).UTC()
		want.TTL = time.Duration(rapid.Int64Range(0, 15_552_000).Draw(t, "ttl")) * time.Second
		want.Payload = rapid.SliceOfN(rapid.Byte(), 0, 70_000).Draw(t, "payload")
		want.Attached = want.Attached[:rapid.IntRange(0, 2).Draw(t, "attached")]
		raw, err := want.Sign(key)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ramf.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(&want, got, sameCertificate, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("(-want +got)\n%s", diff)
		}
	})
}

func TestSignRoundsCreationDownToTheSecond(t *testing.T) {
	m := newParcel(t, nil)
	m.CreatedAt = vectors.Now.Add(999 * time.Millisecond).In(time.FixedZone("", 7200))
	got, err := ramf.Parse(sign(t, m, parcelKey(t)))
	if err != nil {
		t.Fatal(err)
	}
	if !got.CreatedAt.Equal(vectors.Now) || got.CreatedAt.Location() != time.UTC {
		t.Errorf("created at %s, want %s", got.CreatedAt, vectors.Now)
	}
}

func TestSignRefusals(t *testing.T) {
	for name, spoil := range map[string]func(*ramf.Message){
		"no type":           func(m *ramf.Message) { m.Type = 0 },
		"acknowledgement":   func(m *ramf.Message) { m.Type = 0x51 },
		"no sender":         func(m *ramf.Message) { m.Sender = nil },
		"no recipient":      func(m *ramf.Message) { m.Recipient.ID = "" },
		"upper-case id":     func(m *ramf.Message) { m.Recipient.ID = strings.ToUpper(m.Recipient.ID) },
		"address":           func(m *ramf.Message) { m.Recipient.InternetAddress = "localhost" },
		"no id":             func(m *ramf.Message) { m.ID = "" },
		"long id":           func(m *ramf.Message) { m.ID = strings.Repeat("x", 65) },
		"negative ttl":      func(m *ramf.Message) { m.TTL = -time.Second },
		"long ttl":          func(m *ramf.Message) { m.TTL = ramf.MaxTTL + time.Second },
		"fraction of ttl":   func(m *ramf.Message) { m.TTL = time.Millisecond },
		"year 10000":        func(m *ramf.Message) { m.CreatedAt = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) },
		"oversized payload": func(m *ramf.Message) { m.Payload = make([]byte, ramf.MaxWrittenPayloadLen+1) },
		"oversized as a whole": func(m *ramf.Message) {
			m.Payload = make([]byte, ramf.MaxWrittenPayloadLen)
			for range 10 {
				m.Attached = append(m.Attached, m.Sender)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := newParcel(t, []byte("payload"))
			spoil(m)
			if _, err := m.Sign(parcelKey(t)); !errors.Is(err, ramf.ErrMalformed) {
				t.Errorf("got %v, want ErrMalformed", err)
			}
		})
	}
}

func TestSignPassesKeyErrorsOn(t *testing.T) {
	outage := errors.New("outage")
	_, err := newParcel(t, nil).Sign(brokenSigner{parcelKey(t).Public(), outage})
	if !errors.Is(err, outage) || errors.Is(err, ramf.ErrMalformed) {
		t.Errorf("got %v", err)
	}
	if _, err := newParcel(t, nil).Sign(privateKey(t, "js/key-rsa-pgw.pkcs8")); !errors.Is(err, pki.ErrKey) {
		t.Errorf("key of another: got %v, want pki.ErrKey", err)
	}
}

// brokenSigner is a key whose service is down.
type brokenSigner struct {
	public crypto.PublicKey
	err    error
}

func (b brokenSigner) Public() crypto.PublicKey { return b.public }

func (b brokenSigner) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) { return nil, b.err }

func TestTypeNames(t *testing.T) {
	names := []string{ramf.TypeParcel.String(), ramf.TypeCargo.String(), ramf.TypeCCA.String(), ramf.Type(0).String()}
	want := []string{"parcel", "cargo", "cargo collection authorisation", "unknown message type"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Error(diff)
	}
}
