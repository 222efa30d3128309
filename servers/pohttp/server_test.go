package pohttp_test

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"awala.network/gateway/awala/pki"
	"awala.network/gateway/awala/ramf"
	"awala.network/gateway/awala/registration"
	"awala.network/gateway/events"
	"awala.network/gateway/internal/blobs"
	"awala.network/gateway/internal/limits"
	"awala.network/gateway/internal/powebclient"
	"awala.network/gateway/servers/internal/httpscript"
	"awala.network/gateway/servers/internal/servertest"
	"awala.network/gateway/servers/pohttp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// gateway is a PoHTTP server on real parts, and two endpoints behind a private
// gateway that is registered there.
type gateway struct {
	*servertest.World
	server   *httptest.Server
	private  *powebclient.PrivateGateway
	from, to *powebclient.Endpoint
}

func newGateway(t *testing.T) *gateway {
	t.Helper()
	g := &gateway{World: servertest.New(t)}
	handler, err := pohttp.New(pohttp.Config{
		Acceptor: g.Accept, Logger: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(),
		Guard: servertest.NewGuard(t, limits.Options{}),
	})
	if err != nil {
		t.Fatal(err)
	}
	g.server = httptest.NewServer(handler)
	t.Cleanup(g.server.Close)
	key := servertest.NewKey(t)
	certificate, err := g.Identity.IssueFor(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	g.private = &powebclient.PrivateGateway{Key: key, Registration: &registration.Registration{NodeCertificate: certificate}}
	g.from, g.to = g.endpoint(t), g.endpoint(t)
	return g
}

func (g *gateway) endpoint(t *testing.T) *powebclient.Endpoint {
	t.Helper()
	e, err := g.private.NewEndpointWith(servertest.NewKey(t))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func (g *gateway) write(t *testing.T, p powebclient.Parcel) []byte {
	t.Helper()
	p.To = g.to
	parcel, err := g.from.Write(p)
	if err != nil {
		t.Fatal(err)
	}
	return parcel
}

// post sends a body and returns the status.
func (g *gateway) post(t *testing.T, body []byte) int {
	t.Helper()
	answer, err := g.server.Client().Post(g.server.URL, "application/vnd.awala.parcel", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode
}

// TestScript pins every answer octet for octet.
func TestScript(t *testing.T) {
	g := newGateway(t)
	httpscript.Run(t, "testdata/pohttp.http", g.server.Listener.Addr().String(), map[string][]byte{
		"parcel":    g.write(t, powebclient.Parcel{}),
		"expired":   g.write(t, powebclient.Parcel{CreatedAt: time.Date(2020, 2, 3, 4, 5, 6, 0, time.UTC), TTL: time.Second}),
		"too-large": make([]byte, 9<<20+1),
	})
}

func TestAccepted(t *testing.T) {
	g := newGateway(t)
	parcels := map[string]powebclient.Parcel{
		"no address":         {},
		"some other address": {InternetAddress: "other.example.com"},
		"a little ahead":     {CreatedAt: time.Now().Add(time.Minute)},
		"a large payload":    {Payload: make([]byte, 8_300_000)},
	}
	for name, p := range parcels {
		t.Run(name, func(t *testing.T) {
			parcel := g.write(t, p)
			before := g.Stored()
			if err := powebclient.DeliverByPoHTTP(t.Context(), g.server.Client(), g.server.URL, parcel); err != nil {
				t.Fatal(err)
			}
			after := g.Stored()
			if len(after.Parcels) != len(before.Parcels)+1 || after.Events[events.StreamGatewayParcels] != before.Events[events.StreamGatewayParcels]+1 {
				t.Errorf("stored: %s", cmp.Diff(before, after))
			}
			if got := g.post(t, parcel); got != http.StatusAccepted {
				t.Errorf("a duplicate: status %d", got)
			}
			if diff := cmp.Diff(after, g.Stored()); diff != "" {
				t.Errorf("the duplicate was stored: %s", diff)
			}
		})
	}
}

func TestAResentIDReplaces(t *testing.T) {
	g := newGateway(t)
	for _, payload := range []string{"old", "new"} {
		if got := g.post(t, g.write(t, powebclient.Parcel{ID: "same", Payload: []byte(payload)})); got != http.StatusAccepted {
			t.Fatalf("status %d", got)
		}
	}
	items, err := g.Reader.Pending(t.Context(), g.private.ID(), 0, 10)
	if err != nil || len(items) != 1 {
		t.Fatalf("%d parcels are queued: %v", len(items), err)
	}
	body, _, err := g.Blobs.Get(t.Context(), items[0].BlobKey)
	if err != nil {
		t.Fatal(err)
	}
	if m, err := ramf.Parse(body); err != nil || string(m.Payload) != "new" {
		t.Errorf("queued: %q %v", m.Payload, err)
	}
}

func TestRefusedParcelsLeaveNothing(t *testing.T) {
	g := newGateway(t)
	bystander := g.endpoint(t)
	with := func(certificate *pki.Certificate) []byte {
		t.Helper()
		parcel, err := g.from.WriteWith(powebclient.Parcel{To: g.to}, certificate)
		if err != nil {
			t.Fatal(err)
		}
		return parcel
	}
	foreign, err := bystander.Authorize(g.from)
	if err != nil {
		t.Fatal(err)
	}
	lapsed, err := pki.IssueDeliveryAuthorization(pki.IssueRequest{
		Subject: &g.from.Key().PublicKey, IssuerKey: g.to.Key(), Issuer: g.to.Certificate(),
		NotBefore: g.to.Certificate().NotBefore(), NotAfter: time.Now().Add(-time.Minute),
	})
	if err != nil {
		t.Fatal(err)
	}
	good := g.write(t, powebclient.Parcel{Payload: []byte("payload")})
	flipped := slices.Clone(good)
	flipped[strings.Index(string(flipped), "payload")] ^= 1
	// A parcel that a private gateway addresses to this very gateway has a path of
	// two certificates, and no endpoint.
	toUs, err := (&ramf.Message{
		Type: ramf.TypeParcel, Recipient: ramf.Recipient{ID: g.Identity.NodeID()}, ID: "to-us",
		CreatedAt: time.Now(), TTL: time.Hour, Sender: g.private.Certificate(),
	}).Sign(g.private.Key)
	if err != nil {
		t.Fatal(err)
	}
	cargo, err := (&ramf.Message{
		Type: ramf.TypeCargo, Recipient: ramf.Recipient{ID: g.Identity.NodeID()}, ID: "cargo",
		CreatedAt: time.Now(), TTL: time.Hour, Sender: g.private.Certificate(),
	}).Sign(g.private.Key)
	if err != nil {
		t.Fatal(err)
	}
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
		"a cargo":                            {cargo, 400},
		"too large":                          {make([]byte, 9<<20+1), 413},
		"too long for a private endpoint":    {g.write(t, powebclient.Parcel{Payload: make([]byte, 8<<20-1)}), 403},
		"expired":                            {g.write(t, powebclient.Parcel{CreatedAt: now.Add(-time.Hour), TTL: time.Minute}), 403},
		"from the future":                    {g.write(t, powebclient.Parcel{CreatedAt: now.Add(time.Hour)}), 403},
		"authorised by someone else":         {with(foreign), 403},
		"authorised until a minute ago":      {with(lapsed), 403},
		"under the sender's own certificate": {with(g.from.Certificate()), 403},
		"to the gateway itself":              {toUs, 403},
	}
	before := g.Stored()
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := g.post(t, tc.body); got != tc.want {
				t.Errorf("status %d, want %d", got, tc.want)
			}
			if diff := cmp.Diff(before, g.Stored()); diff != "" {
				t.Errorf("left behind: %s", diff)
			}
		})
	}
}

func TestFaults(t *testing.T) {
	tests := map[string]struct {
		spoil func(*gateway)
		want  int
	}{
		"storage full":              {func(g *gateway) { g.Blobs.PutFault.Before(1, blobs.ErrFull) }, 507},
		"storage failed":            {func(g *gateway) { g.Blobs.PutFault.Before(1, servertest.ErrInjected) }, 503},
		"storage failed but stored": {func(g *gateway) { g.Blobs.PutFault.After(1, servertest.ErrInjected) }, 503},
		"history failed":            {func(g *gateway) { g.Log.Fault.Before(1, servertest.ErrInjected) }, 503},
		"history failed but stored": {func(g *gateway) { g.Log.Fault.After(1, servertest.ErrInjected) }, 503},
	}
	g := newGateway(t)
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			parcel := g.write(t, powebclient.Parcel{})
			before := g.Stored()
			tc.spoil(g)
			if got := g.post(t, parcel); got != tc.want {
				t.Errorf("status %d, want %d", got, tc.want)
			}
			if got := g.post(t, parcel); got != http.StatusAccepted {
				t.Errorf("the second attempt: status %d", got)
			}
			after := g.Stored()
			if len(after.Parcels) != len(before.Parcels)+1 || after.Events[events.StreamGatewayParcels] != before.Events[events.StreamGatewayParcels]+1 {
				t.Errorf("stored: %s", cmp.Diff(before, after))
			}
		})
	}
}
