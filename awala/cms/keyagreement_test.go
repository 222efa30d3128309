package cms

import (
	"bytes"
	"crypto"
	"encoding/hex"
	"testing"

	"awala.network/gateway/awala/internal/ber"
)

func fromHex(t *testing.T, text string) []byte {
	t.Helper()
	octets, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return octets
}

// TestDeriveX963KnownAnswers has vectors of the Cryptographic Algorithm Validation
// Program for ANSI X9.63-2001 with SHA-256.
func TestDeriveX963KnownAnswers(t *testing.T) {
	cases := []struct{ secret, sharedInfo, want string }{
		{
			secret: "96c05619d56c328ab95fe84b18264b08725b85e33fd34f08",
			want:   "443024c3dae66b95e6f5670601558f71",
		},
		{
			secret:     "22518b10e70f2a3f243810ae3254139efbee04aa57c7af7d",
			sharedInfo: "75eef81aa3041e33b80971203d2c0c52",
			want: "c498af77161cc59f2962b9a713e2b215152d139766ce34a776df11866a69bf2e" +
				"52a13d9c7c6fc878c50c5ea0bc7b00e0da2447cfd874f6cf92f30d0097111485" +
				"500c90c3af8b487872d04685d14c8d1dc8d7fa08beb0ce0ababc11f0bd496269" +
				"142d43525a78e5bc79a17f59676a5706dc54d54d4d1f0bd7e386128ec26afc21",
		},
	}
	for _, tc := range cases {
		want := fromHex(t, tc.want)
		got := deriveX963(crypto.SHA256, fromHex(t, tc.secret), fromHex(t, tc.sharedInfo), len(want))
		if !bytes.Equal(got, want) {
			t.Errorf("got %x, want %x", got, want)
		}
	}
}

// TestSharedInfoKnownAnswer compares with the structure found in messages of deployed
// clients.
func TestSharedInfoKnownAnswer(t *testing.T) {
	ukm := bytes.Repeat([]byte{7}, 64)
	got := emittedAgreement.sharedInfo(ukm, true)
	want := "3059300b060960864801650304010" + "5a0420440" + hex.EncodeToString(ukm) + "a206040400000080"
	if hex.EncodeToString(got) != want {
		t.Errorf("got %x, want %s", got, want)
	}
	got = emittedAgreement.sharedInfo(nil, false)
	if want := "3015300b0609608648016503040105a206040400000080"; hex.EncodeToString(got) != want {
		t.Errorf("without UKM: got %x, want %s", got, want)
	}
}

func TestKeyWrapRefuses(t *testing.T) {
	secret, ukm, key := make([]byte, 32), make([]byte, 64), make([]byte, 16)
	wrapped, err := emittedAgreement.wrap(secret, ukm, key)
	if err != nil || len(wrapped) != len(key)+wrapOverhead {
		t.Fatalf("wrapped key of %d octets, error %v", len(wrapped), err)
	}
	got, err := emittedAgreement.unwrap(secret, ukm, true, wrapped, len(key))
	if err != nil || !bytes.Equal(got, key) {
		t.Errorf("got %x, error %v", got, err)
	}
	for name, octets := range map[string][]byte{
		"none": nil, "half a block": wrapped[:4], "a block short": wrapped[:16], "a block more": append(wrapped, make([]byte, 8)...),
		"other": make([]byte, 24),
	} {
		if _, err := emittedAgreement.unwrap(secret, ukm, true, octets, len(key)); err == nil {
			t.Errorf("%s: unwrapped", name)
		}
	}
}

func TestKeyAgreementTypes(t *testing.T) {
	oid := func(arc []byte, last byte) []byte { return derElement(0x06, arc, []byte{last}) }
	parse := func(identifier []byte) error {
		c := ber.NewCursor(identifier, MaxLen)
		_, err := newKeyAgreement(readAlgorithm(&c))
		return err
	}
	wrap := derElement(0x30, oid(aesArc, 45))
	for name, tc := range map[string]struct {
		identifier []byte
		ok         bool
	}{
		"SHA-512, AES-256":     {derElement(0x30, oid(agreementArc, 3), wrap), true},
		"NULL parameters":      {derElement(0x30, oid(agreementArc, 1), derElement(0x30, oid(aesArc, 5), null)), true},
		"SHA-224":              {derElement(0x30, oid(agreementArc, 0), wrap), false},
		"cofactor":             {derElement(0x30, oid([]byte{0x2b, 0x81, 0x04, 0x01, 0x0e}, 1), wrap), false},
		"no wrap":              {derElement(0x30, oid(agreementArc, 1)), false},
		"wrap with CBC":        {derElement(0x30, oid(agreementArc, 1), derElement(0x30, oid(aesArc, 2))), false},
		"wrap with parameters": {derElement(0x30, oid(agreementArc, 1), derElement(0x30, oid(aesArc, 5), versionOne)), false},
		"wrap is no algorithm": {derElement(0x30, oid(agreementArc, 1), null), false},
	} {
		if err := parse(tc.identifier); (err == nil) != tc.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}
