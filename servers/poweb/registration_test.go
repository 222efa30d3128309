package poweb_test

import (
	"bytes"
	"context"
	"crypto/rsa"
	"encoding/hex"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"awala.network/gateway/awala/pki"
	"awala.network/gateway/awala/registration"
	"awala.network/gateway/events"
	"awala.network/gateway/internal/fault"
	"awala.network/gateway/internal/powebclient"
	"awala.network/gateway/servers/internal/servertest"
)

func (g *gateway) preRegister(t testing.TB, key *rsa.PrivateKey) []byte {
	t.Helper()
	authorization, err := g.PreRegister(t.Context(), &key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return authorization
}

// post sends octets and returns the status.
func (g *gateway) post(t testing.TB, path, contentType string, header http.Header, body []byte) (int, http.Header) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, g.http.URL+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range header {
		r.Header[name] = values
	}
	r.Header.Set("Content-Type", contentType)
	answer, err := g.http.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, answer.Header
}

func TestRegistration(t *testing.T) {
	g := newGateway(t)
	before := time.Now()
	p := g.register(t)

	r := p.Registration
	if !r.GatewayCertificate.Equal(g.Identity.Certificate()) {
		t.Error("another gateway certificate")
	}
	if r.InternetAddress != servertest.InternetAddress {
		t.Errorf("Internet address %q", r.InternetAddress)
	}
	path, err := pki.NewValidator([]*pki.Certificate{r.GatewayCertificate}, nil).Path(r.NodeCertificate, nil, time.Now())
	if err != nil || len(path) != 2 {
		t.Errorf("path of %d: %v", len(path), err)
	}
	id, err := pki.NodeID(&p.Key.PublicKey)
	if err != nil || r.NodeCertificate.SubjectID() != id {
		t.Errorf("the certificate is for %s: %v", r.NodeCertificate.SubjectID(), err)
	}
	if life := r.NodeCertificate.NotAfter().Sub(r.NodeCertificate.NotBefore()); life > 180*24*time.Hour {
		t.Errorf("the certificate is valid for %v", life)
	}
	bound, err := g.Keys.SessionKey(t.Context(), g.Identity.NodeID(), r.SessionKey.ID, id)
	if err != nil || !bound.Public().Equal(*r.SessionKey) {
		t.Errorf("the session key is not kept for the private gateway: %v", err)
	}
	if _, err := g.Keys.SessionKey(t.Context(), g.Identity.NodeID(), r.SessionKey.ID, "0"+strings.Repeat("a", 64)); err == nil {
		t.Error("the session key is not bound")
	}
	record, err := g.Log.Next(t.Context(), events.StreamGateway, events.PeerChannel(id), 1)
	if err != nil {
		t.Fatal(err)
	}
	registered, ok := record.Data.(events.PrivateGatewayRegistered)
	if !ok || registered.PrivateGatewayID != id || registered.SessionKeyID != hex.EncodeToString(r.SessionKey.ID) ||
		!registered.CertificateExpiresAt.Equal(r.NodeCertificate.NotAfter()) {
		t.Errorf("recorded: %+v", record.Data)
	}
	if record.Source != "poweb" || record.Time.Before(before.Add(-time.Second)) {
		t.Errorf("recorded by %s at %s", record.Source, record.Time)
	}
	if again, err := g.Register(t.Context(), p.Key); err != nil || again.ID() != id {
		t.Errorf("a second registration: %v", err)
	}
}

func TestAuthorizationIsForTheDigestAndShort(t *testing.T) {
	g := newGateway(t)
	key := servertest.NewKey(t)
	one, other := g.preRegister(t, key), g.preRegister(t, key)
	a, err := registration.ParseAuthorization(one)
	if err != nil {
		t.Fatal(err)
	}
	digest, err := registration.DigestKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(a.GatewayData, digest[:]) || len(a.GatewayData) < len(digest)+16 {
		t.Errorf("gateway data %x", a.GatewayData)
	}
	if bytes.Equal(one, other) {
		t.Error("two authorizations are the same")
	}
	if left := time.Until(a.ExpiresAt); left > 10*time.Second || left < 8*time.Second {
		t.Errorf("valid for %v", left)
	}
	if err := a.Verify(g.Identity.Certificate().PublicKey(), time.Now()); err != nil {
		t.Error(err)
	}
}

func TestRefusedRegistrationsLeaveNothing(t *testing.T) {
	g := newGateway(t)
	key, other := servertest.NewKey(t), servertest.NewKey(t)
	request := func(key, signer *rsa.PrivateKey, authorization []byte) []byte {
		t.Helper()
		r, err := (&registration.Request{Key: &key.PublicKey, Authorization: authorization}).Sign(signer)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	sign := func(a registration.Authorization, signer *rsa.PrivateKey) []byte {
		t.Helper()
		der, err := a.Sign(signer)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	genuine := g.preRegister(t, key)
	data := make([]byte, 48)
	digest, err := registration.DigestKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	copy(data, digest[:])
	soon := time.Now().Add(5 * time.Second)
	ours, ok := g.Identity.Key().(*rsa.PrivateKey)
	if !ok {
		t.Fatal("the identity key is not in memory")
	}
	good := request(key, key, genuine)
	tests := map[string]struct {
		body []byte
		want int
	}{
		"empty":                    {nil, 400},
		"noise":                    {[]byte("noise"), 400},
		"truncated":                {good[:len(good)-1], 400},
		"trailing octet":           {append(slices.Clone(good), 0), 400},
		"too large":                {make([]byte, 1<<20+1), 413},
		"countersigned by another": {request(key, other, genuine), 400},
		"another's authorization":  {request(other, other, genuine), 403},
		"authorization by another": {request(key, key, sign(registration.Authorization{ExpiresAt: soon, GatewayData: data}, other)), 400},
		"malformed authorization":  {request(key, key, []byte("noise")), 400},
		"stale authorization": {request(key, key, sign(registration.Authorization{
			ExpiresAt: time.Now().Add(-6 * time.Second), GatewayData: data,
		}, ours)), 400},
		"authorization without nonce": {request(key, key, sign(registration.Authorization{ExpiresAt: soon, GatewayData: data[:32]}, ours)), 400},
	}
	before := g.Stored()
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got, _ := g.post(t, "/v1/nodes", "application/vnd.awala.node-registration.request", nil, tc.body)
			if got != tc.want {
				t.Errorf("status %d, want %d", got, tc.want)
			}
			if diff := cmp.Diff(before, g.Stored()); diff != "" {
				t.Errorf("left behind: %s", diff)
			}
		})
	}
	if _, err := g.RegisterWith(t.Context(), key, genuine); err != nil {
		t.Errorf("the genuine authorization was used up: %v", err)
	}
}

func TestAuthorizationRegistersOnce(t *testing.T) {
	world := servertest.New(t)
	replicas := []*gateway{serve(t, world), serve(t, world)}
	key := servertest.NewKey(t)
	authorization := replicas[0].preRegister(t, key)
	before := world.Stored()
	var succeeded atomic.Int32
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			_, err := replicas[i%2].RegisterWith(t.Context(), key, authorization)
			switch {
			case err == nil:
				succeeded.Add(1)
			case powebclient.Status(err) != http.StatusBadRequest:
				t.Errorf("replay: %v", err)
			}
		})
	}
	wg.Wait()
	if succeeded.Load() != 1 {
		t.Errorf("%d of 8 registrations succeeded", succeeded.Load())
	}
	after := world.Stored()
	if after.Secrets != before.Secrets+1 {
		t.Errorf("%d session keys were left", after.Secrets-before.Secrets)
	}
	before.Secrets, before.Events[events.StreamGateway] = after.Secrets, before.Events[events.StreamGateway]+1
	if diff := cmp.Diff(before, after); diff != "" {
		t.Error(diff)
	}
}

func TestSkewedReplicasRegister(t *testing.T) {
	world := servertest.New(t)
	g := serve(t, world)
	key := servertest.NewKey(t)
	authorization := g.preRegister(t, key)
	world.Clock.Advance(13 * time.Second) // a replica whose clock is 3 seconds ahead, at the last moment
	if _, err := g.RegisterWith(t.Context(), key, authorization); err != nil {
		t.Error(err)
	}
	authorization = g.preRegister(t, key)
	world.Clock.Advance(16 * time.Second)
	if _, err := g.RegisterWith(t.Context(), key, authorization); powebclient.Status(err) != http.StatusBadRequest {
		t.Errorf("an expired authorization: %v", err)
	}
}

func TestRegistrationFaults(t *testing.T) {
	tests := map[string]struct {
		spoil func(*gateway)
		want  int
		// events and secrets are what may be left behind.
		events  uint64
		secrets int
	}{
		"key store failed":                 {func(g *gateway) { g.Secrets.Fault.Before(1, servertest.ErrInjected) }, 503, 0, 0},
		"key store failed but stored":      {func(g *gateway) { g.Secrets.Fault.After(1, servertest.ErrInjected) }, 503, 0, 1},
		"history failed":                   {func(g *gateway) { g.Log.Fault.Before(1, servertest.ErrInjected) }, 503, 0, 1},
		"history failed but recorded":      {func(g *gateway) { g.Log.Fault.After(1, servertest.ErrInjected) }, 503, 1, 1},
		"history refuses what we recorded": {func(g *gateway) { g.Log.Fault.Before(1, fault.Permanent(servertest.ErrInjected)) }, 500, 0, 1},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			g := newGateway(t)
			key := servertest.NewKey(t)
			before := g.Stored()
			authorization := g.preRegister(t, key)
			tc.spoil(g)
			if _, err := g.RegisterWith(t.Context(), key, authorization); powebclient.Status(err) != tc.want {
				t.Errorf("%v, want status %d", err, tc.want)
			}
			after := g.Stored()
			if got := after.Events[events.StreamGateway] - before.Events[events.StreamGateway]; got != tc.events {
				t.Errorf("%d events", got)
			}
			if got := after.Secrets - before.Secrets; got != tc.secrets {
				t.Errorf("%d secrets", got)
			}
			if _, err := g.Register(t.Context(), key); err != nil {
				t.Errorf("the next attempt: %v", err)
			}
		})
	}
}

func TestConnectionParams(t *testing.T) {
	g := newGateway(t)
	get := func() (*registration.ConnectionParams, error) {
		answer, err := g.http.Client().Get(g.http.URL + "/connection-params.der")
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		der, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return registration.ParseConnectionParams(der)
	}
	params, err := get()
	if err != nil {
		t.Fatal(err)
	}
	if params.InternetAddress != servertest.InternetAddress || !params.IdentityKey.Equal(g.Identity.Certificate().PublicKey()) {
		t.Errorf("%+v", params)
	}
	session, err := g.Keys.InitialSessionKey(context.Background(), g.Identity.NodeID())
	if err != nil || !session.Public().Equal(params.SessionKey) {
		t.Errorf("another session key: %v", err)
	}
	g.Clock.Advance(time.Hour)
	if again, err := get(); err != nil || !again.SessionKey.Equal(params.SessionKey) {
		t.Errorf("after an hour: %v", err)
	}
}
