package poweb_test

import (
	"crypto/rsa"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"awala.network/gateway/awala/pki"
	"awala.network/gateway/awala/poweb"
	"awala.network/gateway/awala/ramf"
	"awala.network/gateway/events"
	"awala.network/gateway/internal/blobs"
	"awala.network/gateway/internal/powebclient"
	"awala.network/gateway/servers/internal/servertest"
)

// postParcel posts octets under a countersignature, and returns the status.
func (g *gateway) postParcel(t testing.TB, body, signature []byte) int {
	t.Helper()
	status, header := g.post(t, "/v1/parcels", "application/vnd.awala.parcel",
		http.Header{"Authorization": {"Relaynet-Countersignature " + base64.StdEncoding.EncodeToString(signature)}}, body)
	if challenge := header.Get("WWW-Authenticate"); (status == http.StatusUnauthorized) != (challenge == "Relaynet-Countersignature") {
		t.Errorf("status %d with challenge %q", status, challenge)
	}
	return status
}

func countersign(t testing.TB, body []byte, key *rsa.PrivateKey, certificate *pki.Certificate) []byte {
	t.Helper()
	signature, err := poweb.CountersignParcel(body, key, certificate)
	if err != nil {
		t.Fatal(err)
	}
	return signature
}

func selfIssued(t testing.TB, key *rsa.PrivateKey) *pki.Certificate {
	t.Helper()
	certificate, err := pki.IssuePrivateGateway(pki.IssueRequest{
		Subject: &key.PublicKey, IssuerKey: key, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	})
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

func TestRefusedParcelsLeaveNothing(t *testing.T) {
	g := newGateway(t)
	p := g.register(t)
	from, to, bystander := endpoint(t, p), endpoint(t, p), endpoint(t, p)
	good := write(t, from, powebclient.Parcel{To: to, Payload: []byte("payload")})
	with := func(parcel powebclient.Parcel, certificate *pki.Certificate) []byte {
		t.Helper()
		parcel.To = to
		octets, err := from.WriteWith(parcel, certificate)
		if err != nil {
			t.Fatal(err)
		}
		return octets
	}
	foreign, err := bystander.Authorize(from)
	if err != nil {
		t.Fatal(err)
	}
	lapsed, err := pki.IssueDeliveryAuthorization(pki.IssueRequest{
		Subject: &from.Key().PublicKey, IssuerKey: to.Key(), Issuer: to.Certificate(),
		NotBefore: to.Certificate().NotBefore(), NotAfter: time.Now().Add(-time.Minute),
	})
	if err != nil {
		t.Fatal(err)
	}
	toUs, err := (&ramf.Message{
		Type: ramf.TypeParcel, Recipient: ramf.Recipient{ID: g.Identity.NodeID()}, ID: "to-us",
		CreatedAt: time.Now(), TTL: time.Hour, Sender: p.Certificate(),
	}).Sign(p.Key)
	if err != nil {
		t.Fatal(err)
	}
	flipped := slices.Clone(good)
	flipped[strings.Index(string(flipped), "payload")] ^= 1
	now := time.Now()
	tests := map[string]struct {
		body []byte
		want int
	}{
		"empty":                              {nil, 400},
		"noise":                              {[]byte("noise"), 400},
		"truncated":                          {good[:len(good)-1], 400},
		"trailing octet":                     {append(slices.Clone(good), 0), 400},
		"flipped bit":                        {flipped, 400},
		"a cargo":                            {cargo(t, from, to), 400},
		"too long for a private endpoint":    {write(t, from, powebclient.Parcel{To: to, Payload: make([]byte, 8<<20-1)}), 422},
		"too long for anybody":               {make([]byte, 9<<20+1), 413},
		"expired":                            {write(t, from, powebclient.Parcel{To: to, CreatedAt: now.Add(-time.Hour), TTL: time.Minute}), 422},
		"from the future":                    {write(t, from, powebclient.Parcel{To: to, CreatedAt: now.Add(3 * time.Hour)}), 422},
		"not authorised":                     {with(powebclient.Parcel{}, selfIssued(t, from.Key())), 422},
		"authorised by someone else":         {with(powebclient.Parcel{}, foreign), 422},
		"authorised until a minute ago":      {with(powebclient.Parcel{}, lapsed), 422},
		"to the gateway itself":              {toUs, 422},
		"under the sender's own certificate": {with(powebclient.Parcel{}, from.Certificate()), 422},
		"to the Internet, expired": {write(t, from, powebclient.Parcel{
			To: to, InternetAddress: "other.example.com",
			CreatedAt: now.Add(-time.Hour), TTL: time.Minute,
		}), 422},
	}
	before := g.Stored()
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := g.postParcel(t, tc.body, countersign(t, tc.body, p.Key, p.Certificate())); got != tc.want {
				t.Errorf("status %d, want %d", got, tc.want)
			}
			if diff := cmp.Diff(before, g.Stored()); diff != "" {
				t.Errorf("left behind: %s", diff)
			}
		})
	}
}

func cargo(t testing.TB, from, to *powebclient.Endpoint) []byte {
	t.Helper()
	authorization, err := to.Authorize(from)
	if err != nil {
		t.Fatal(err)
	}
	octets, err := (&ramf.Message{
		Type: ramf.TypeCargo, Recipient: ramf.Recipient{ID: to.ID()}, ID: "c", CreatedAt: time.Now(), TTL: time.Hour,
		Sender: authorization, Attached: to.Chain(),
	}).Sign(from.Key())
	if err != nil {
		t.Fatal(err)
	}
	return octets
}

func TestRefusedCountersignaturesLeaveNothing(t *testing.T) {
	g := newGateway(t)
	p, stranger := g.register(t), servertest.NewKey(t)
	from, to := endpoint(t, p), endpoint(t, p)
	parcel := write(t, from, powebclient.Parcel{To: to})
	good := countersign(t, parcel, p.Key, p.Certificate())
	nonce, err := poweb.SignNonce(parcel, p.Key, p.Certificate())
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string][]byte{
		"empty":                            {},
		"noise":                            []byte("noise"),
		"truncated":                        good[:len(good)-1],
		"over another parcel":              countersign(t, append(slices.Clone(parcel), 0), p.Key, p.Certificate()),
		"for another purpose":              nonce,
		"by a stranger":                    countersign(t, parcel, stranger, selfIssued(t, stranger)),
		"by an endpoint":                   countersign(t, parcel, from.Key(), from.Certificate()),
		"under a certificate of their own": countersign(t, parcel, p.Key, selfIssued(t, p.Key)),
	}
	before := g.Stored()
	for name, signature := range tests {
		t.Run(name, func(t *testing.T) {
			if got := g.postParcel(t, parcel, signature); got != http.StatusUnauthorized {
				t.Errorf("status %d", got)
			}
			if diff := cmp.Diff(before, g.Stored()); diff != "" {
				t.Errorf("left behind: %s", diff)
			}
		})
	}
	t.Run("after the certificate's end", func(t *testing.T) {
		g.Clock.Advance(181 * 24 * time.Hour)
		if got := g.postParcel(t, parcel, good); got != http.StatusUnauthorized {
			t.Errorf("status %d", got)
		}
	})
}

func TestAcceptedParcels(t *testing.T) {
	g := newGateway(t)
	p, other := g.register(t), g.register(t)
	from, to := endpoint(t, p), endpoint(t, other)
	now := time.Now()
	parcels := map[string]powebclient.Parcel{
		"no address":                   {To: to},
		"our address":                  {To: to, InternetAddress: servertest.InternetAddress},
		"our address, spelt otherwise": {To: to, InternetAddress: "GW.Example.COM."},
		"one hour ahead":               {To: to, CreatedAt: now.Add(time.Hour)},
		"a large payload":              {To: to, Payload: make([]byte, 8_300_000)},
		"another address":              {To: to, InternetAddress: "other.example.com", Payload: make([]byte, 8<<20-1)},
	}
	for name, parcel := range parcels {
		t.Run(name, func(t *testing.T) {
			octets := write(t, from, parcel)
			before := g.Stored()
			deliver(t, p, octets)
			after := g.Stored()
			stream := events.StreamGatewayParcels
			if parcel.InternetAddress == "other.example.com" {
				stream = events.StreamInternetParcels
			}
			if after.Events[stream] != before.Events[stream]+1 || len(after.Parcels) != len(before.Parcels)+1 {
				t.Errorf("stored: %s", cmp.Diff(before, after))
			}
			deliver(t, p, octets)
			deliver(t, other, octets) // whoever brings it
			again := g.Stored()
			if stream == events.StreamGatewayParcels {
				if diff := cmp.Diff(after, again); diff != "" {
					t.Errorf("duplicates were stored: %s", diff)
				}
			}
		})
	}
}

func TestParcelFaults(t *testing.T) {
	tests := map[string]struct {
		spoil           func(*gateway)
		want            int
		parcels, events int
	}{
		"storage full":              {func(g *gateway) { g.Blobs.PutFault.Before(1, blobs.ErrFull) }, 507, 0, 0},
		"storage failed":            {func(g *gateway) { g.Blobs.PutFault.Before(1, servertest.ErrInjected) }, 503, 0, 0},
		"storage failed but stored": {func(g *gateway) { g.Blobs.PutFault.After(1, servertest.ErrInjected) }, 503, 1, 0},
		"history failed":            {func(g *gateway) { g.Log.Fault.Before(1, servertest.ErrInjected) }, 503, 1, 0},
		"history failed but stored": {func(g *gateway) { g.Log.Fault.After(1, servertest.ErrInjected) }, 503, 1, 1},
	}
	g := newGateway(t)
	p := g.register(t)
	from, to := endpoint(t, p), endpoint(t, p)
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			parcel := write(t, from, powebclient.Parcel{To: to})
			before := g.Stored()
			tc.spoil(g)
			if got := g.postParcel(t, parcel, countersign(t, parcel, p.Key, p.Certificate())); got != tc.want {
				t.Errorf("status %d, want %d", got, tc.want)
			}
			after := g.Stored()
			if got := len(after.Parcels) - len(before.Parcels); got != tc.parcels {
				t.Errorf("%d parcels stored", got)
			}
			if got := int(after.Events[events.StreamGatewayParcels] - before.Events[events.StreamGatewayParcels]); got != tc.events {
				t.Errorf("%d events recorded", got)
			}
			deliver(t, p, parcel)
			final := g.Stored()
			if len(final.Parcels) != len(before.Parcels)+1 || final.Events[events.StreamGatewayParcels] != before.Events[events.StreamGatewayParcels]+1 {
				t.Errorf("after the second attempt: %s", cmp.Diff(before, final))
			}
		})
	}
}

func TestLogsTellWhatHappenedAndNoSecrets(t *testing.T) {
	g := newGateway(t)
	p := g.register(t)
	parcel := write(t, endpoint(t, p), powebclient.Parcel{To: endpoint(t, p), ID: "the-parcel"})
	signature := countersign(t, parcel, p.Key, p.Certificate())
	if status := g.postParcel(t, parcel, signature); status != http.StatusAccepted {
		t.Fatalf("status %d", status)
	}
	g.http.Close() // waits for the handlers
	record := g.logs.last(t, "Request answered")
	want := map[string]any{
		"route": "parcels", "status": 202.0, "parcel_id": "the-parcel", "private_gateway_id": p.ID(), "duplicate": false,
	}
	for key, value := range want {
		if record[key] != value {
			t.Errorf("%s is %v", key, record[key])
		}
	}
	if strings.Contains(g.logs.String(), base64.StdEncoding.EncodeToString(signature)[:40]) {
		t.Error("the countersignature is in the log")
	}
}
