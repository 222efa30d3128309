package ramf_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"awala.network/gateway/awala/internal/ber"
	"awala.network/gateway/awala/internal/vectors"
	"awala.network/gateway/awala/ramf"
)

// fieldSet is a field set whose parts can be replaced, each with its tag.
type fieldSet struct{ recipient, id, createdAt, ttl, payload, rest []byte }

func octets(n int, value string) []byte { return ber.Append(nil, ber.Context(n), []byte(value)) }

func recipient(parts ...[]byte) []byte {
	return ber.Append(nil, ber.Context(0).Constructed(), parts...)
}

func newFieldSet() fieldSet {
	return fieldSet{
		recipient: recipient(octets(0, "0aa"), octets(1, "example.com")),
		id:        octets(1, "id"),
		createdAt: octets(2, "20261115000000"),
		ttl:       octets(3, "\x00"),
		payload:   octets(4, "payload"),
	}
}

func (f fieldSet) der() []byte {
	return ber.Append(nil, ber.Sequence, f.recipient, f.id, f.createdAt, f.ttl, f.payload, f.rest)
}

func TestParseAcceptsFieldsAtTheirLimits(t *testing.T) {
	for name, change := range map[string]func(*fieldSet){
		"plain":                    func(*fieldSet) {},
		"no address":               func(f *fieldSet) { f.recipient = recipient(octets(0, "0aa")) },
		"id of 64":                 func(f *fieldSet) { f.id = octets(1, strings.Repeat("x", 64)) },
		"recipient of 1024":        func(f *fieldSet) { f.recipient = recipient(octets(0, "0"+strings.Repeat("a", 1023))) },
		"ttl of 180 days":          func(f *fieldSet) { f.ttl = octets(3, "\x00\xed\x4e\x00") },
		"leap day":                 func(f *fieldSet) { f.createdAt = octets(2, "20240229235959") },
		"empty payload":            func(f *fieldSet) { f.payload = octets(4, "") },
		"address with underscore":  func(f *fieldSet) { f.recipient = recipient(octets(0, "0aa"), octets(1, "_a.example.com.")) },
		"payload of 8388608":       func(f *fieldSet) { f.payload = octets(4, strings.Repeat("x", ramf.MaxPayloadLen)) },
		"internationalised domain": func(f *fieldSet) { f.recipient = recipient(octets(0, "0aa"), octets(1, "xn--a.xn--p1ai")) },
	} {
		t.Run(name, func(t *testing.T) {
			fields := newFieldSet()
			change(&fields)
			if _, err := ramf.Parse(signContent(t, "Awala\x50\x00", fields.der())); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestParseRefusesFields(t *testing.T) {
	withAddress := func(address string) func(*fieldSet) {
		return func(f *fieldSet) { f.recipient = recipient(octets(0, "0aa"), octets(1, address)) }
	}
	withRecipient := func(id string) func(*fieldSet) {
		return func(f *fieldSet) { f.recipient = recipient(octets(0, id)) }
	}
	withDate := func(date string) func(*fieldSet) {
		return func(f *fieldSet) { f.createdAt = octets(2, date) }
	}
	withTTL := func(ttl string) func(*fieldSet) { return func(f *fieldSet) { f.ttl = octets(3, ttl) } }
	for name, change := range map[string]func(*fieldSet){
		"no recipient":              func(f *fieldSet) { f.recipient = nil },
		"primitive recipient":       func(f *fieldSet) { f.recipient = octets(0, "0aa") },
		"empty recipient":           func(f *fieldSet) { f.recipient = recipient() },
		"recipient without id":      func(f *fieldSet) { f.recipient = recipient(octets(1, "example.com")) },
		"third field in recipient":  func(f *fieldSet) { f.recipient = recipient(octets(0, "0aa"), octets(1, "a.example"), octets(2, "")) },
		"recipient: empty id":       withRecipient(""),
		"recipient: upper case":     withRecipient("0AA"),
		"recipient: one character":  withRecipient("0"),
		"recipient: no leading 0":   withRecipient("1aa"),
		"recipient: no hexadecimal": withRecipient("0ag"),
		"recipient: path":           withRecipient("0/../.."),
		"recipient: 1025":           withRecipient("0" + strings.Repeat("a", 1024)),
		"address: empty":            withAddress(""),
		"address: one label":        withAddress("localhost"),
		"address: one label, dot":   withAddress("localhost."),
		"address: IPv4":             withAddress("192.0.2.1"),
		"address: IPv6":             withAddress("2001:db8::1"),
		"address: URL":              withAddress("https://example.com"),
		"address: port":             withAddress("example.com:443"),
		"address: path":             withAddress("example.com/"),
		"address: empty label":      withAddress("example..com"),
		"address: dot first":        withAddress(".example.com"),
		"address: hyphen first":     withAddress("-example.com"),
		"address: hyphen last":      withAddress("example-.com"),
		"address: space":            withAddress("exam ple.com"),
		"address: no ASCII":         withAddress("exämple.com"),
		"address: NUL":              withAddress("example.com\x00"),
		"address: long label":       withAddress(strings.Repeat("a", 64) + ".com"),
		"address: 1025":             withAddress(strings.Repeat("a.", 511) + "com"),
		"id: missing":               func(f *fieldSet) { f.id = nil },
		"id: empty":                 func(f *fieldSet) { f.id = octets(1, "") },
		"id: 65":                    func(f *fieldSet) { f.id = octets(1, strings.Repeat("x", 65)) },
		"id: control":               func(f *fieldSet) { f.id = octets(1, "a\nb") },
		"id: no ASCII":              func(f *fieldSet) { f.id = octets(1, "ä") },
		"id: constructed":           func(f *fieldSet) { f.id = ber.Append(nil, ber.Context(1).Constructed(), octets(0, "id")) },
		"date: empty":               withDate(""),
		"date: 12 digits":           withDate("202611150000"),
		"date: Z suffix":            withDate("20261115000000Z"),
		"date: fraction":            withDate("20261115000000.5"),
		"date: zone":                withDate("20261115000000+0100"),
		"date: month 13":            withDate("20261315000000"),
		"date: day 0":               withDate("20261100000000"),
		"date: 29 February":         withDate("20260229000000"),
		"date: hour 24":             withDate("20261115240000"),
		"date: leap second":         withDate("20261231235960"),
		"date: letters":             withDate("2026-11-15 000"),
		"ttl: negative":             withTTL("\xff"),
		"ttl: 180 days and 1 s":     withTTL("\x00\xed\x4e\x01"),
		"ttl: huge":                 withTTL("\x7f\xff\xff\xff\xff\xff\xff\xff"),
		"ttl: beyond 64 bits":       withTTL("\x01\x00\x00\x00\x00\x00\x00\x00\x00"),
		"ttl: empty":                withTTL(""),
		"ttl: not minimal":          withTTL("\x00\x01"),
		"payload: missing":          func(f *fieldSet) { f.payload = nil },
		"payload: constructed":      func(f *fieldSet) { f.payload = ber.Append(nil, ber.Context(4).Constructed(), octets(0, "x")) },
		"payload: 8388609":          func(f *fieldSet) { f.payload = octets(4, strings.Repeat("x", ramf.MaxPayloadLen+1)) },
		"sixth field":               func(f *fieldSet) { f.rest = octets(5, "") },
		"payload twice":             func(f *fieldSet) { f.rest = f.payload },
		"order":                     func(f *fieldSet) { f.id, f.createdAt = f.createdAt, f.id },
		"universal tags":            func(f *fieldSet) { f.id = []byte("\x1a\x02id") },
	} {
		t.Run(name, func(t *testing.T) {
			fields := newFieldSet()
			change(&fields)
			if _, err := ramf.Parse(signContent(t, "Awala\x50\x00", fields.der())); !errors.Is(err, ramf.ErrMalformed) {
				t.Errorf("got %v, want ErrMalformed", err)
			}
		})
	}
}

func TestParseRefusesFieldSetsInOtherForms(t *testing.T) {
	der := newFieldSet().der()
	body := der[2:]
	for name, content := range map[string][]byte{
		"trailing octet":    append(bytes.Clone(der), 0),
		"truncated":         der[:len(der)-1],
		"set":               append([]byte{0x31}, der[1:]...),
		"indefinite length": append(append([]byte{0x30, 0x80}, body...), 0, 0),
		"long length":       append([]byte{0x30, 0x81, byte(len(body))}, body...),
		"text":              []byte("hello"),
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := ramf.Parse(signContent(t, "Awala\x50\x00", content)); !errors.Is(err, ramf.ErrMalformed) {
				t.Errorf("got %v, want ErrMalformed", err)
			}
		})
	}
}

func TestSignWritesTheFieldsOfTheVectors(t *testing.T) {
	key := parcelKey(t)
	for name := range readable {
		t.Run(name, func(t *testing.T) {
			raw := vectors.Read(t, name)
			m, err := ramf.Parse(raw)
			if err != nil {
				t.Fatal(err)
			}
			// Whoever signs, the content is the same octets.
			m.Sender = certificate(t, "js/cert-pda-epB-by-epA.der")
			if diff := cmp.Diff(contentOf(t, raw), contentOf(t, sign(t, m, key))); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestSignWritesTheFieldsOfTheCapture(t *testing.T) {
	m := newParcel(t, []byte("payload"))
	raw := sign(t, m, parcelKey(t))
	hexOf := func(text string) string { return hex.EncodeToString([]byte(text)) }
	// protocol.md A.2, "Field set".
	want := "308189" + "a043" + "8041" + hexOf(m.Recipient.ID) + "8124" + hexOf(m.ID) +
		"820e" + hexOf("20261115000000") + "8303015180" + "8407" + hexOf("payload")
	if got := hex.EncodeToString(contentOf(t, raw)); got != want {
		t.Errorf("content\n got %s\nwant %s", got, want)
	}
	if !bytes.HasPrefix(raw, []byte("Awala\x50\x00\x30\x82")) {
		t.Errorf("message starts with %x", raw[:9])
	}
}
