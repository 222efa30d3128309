package poweb_test

import (
	"encoding/base64"
	"testing"

	"awala.network/gateway/awala/poweb"
	"awala.network/gateway/awala/registration"
	"awala.network/gateway/internal/powebclient"
	"awala.network/gateway/servers/internal/httpscript"
	"awala.network/gateway/servers/internal/servertest"
)

// TestScript pins every answer octet for octet, but for what is random.
func TestScript(t *testing.T) {
	g := newGateway(t)
	key := servertest.NewKey(t)
	digest, err := registration.DigestKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	request := func() []byte {
		r, err := (&registration.Request{Key: &key.PublicKey, Authorization: g.preRegister(t, key)}).Sign(key)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	p := g.register(t)
	parcel := write(t, endpoint(t, p), powebclient.Parcel{To: endpoint(t, p)})
	signature := func(octets []byte) []byte {
		der, err := poweb.CountersignParcel(octets, p.Key, p.Certificate())
		if err != nil {
			t.Fatal(err)
		}
		return []byte(base64.StdEncoding.EncodeToString(der))
	}
	httpscript.Run(t, "testdata/poweb.http", g.http.Listener.Addr().String(), map[string][]byte{
		"digest":          []byte(digest.String()),
		"request":         request(),
		"request-again":   request(),
		"parcel":          parcel,
		"signature":       signature(parcel),
		"noise-signature": signature([]byte("noise")),
		"too-large":       make([]byte, 9<<20+1),
		"large":           make([]byte, 2<<10),
	})
}
