package gateway_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"go.mongodb.org/mongo-driver/v2/bson"

	"awala.network/gateway/awala/pki"
	"awala.network/gateway/awala/ramf"
	"awala.network/gateway/events"
	"awala.network/gateway/handlers"
	"awala.network/gateway/internal/config"
	"awala.network/gateway/internal/gateway"
	"awala.network/gateway/internal/takeover"
	"awala.network/gateway/interop/former"
)

// TestTakeoverIntoServices takes over into a NATS cluster, S3, MongoDB and Vault. No role
// starts before that is complete.
func TestTakeoverIntoServices(t *testing.T) {
	old := former.Start(t)
	c := remoteSettings(t)
	c.Takeover = takeoverSettings(t, old)
	nodeID := fillFormer(t, old)
	call := func(do gateway.TakeoverCall) (takeover.Account, error) {
		return gateway.Takeover(t.Context(), remoteOptions(t, gateway.Services(true), c), false, func(takeover.Progress) {}, do)
	}
	once, err := call(func(ctx context.Context, o *takeover.Takeover) (takeover.Account, error) { return o.Once(ctx) })
	if err != nil || once.NodeID != nodeID {
		t.Fatalf("took over %s: %v", once.NodeID, err)
	}
	if g, err := gateway.Start(t.Context(), remoteOptions(t, gateway.PoHTTP(), c)); !errors.Is(err, takeover.ErrUnderWay) {
		if err == nil {
			stop(t, g)
		}
		t.Fatalf("a role during the takeover: %v", err)
	}
	completed, err := call(func(ctx context.Context, o *takeover.Takeover) (takeover.Account, error) { return o.Cutover(ctx) })
	if err != nil || !completed.Completed {
		t.Fatalf("the takeover is not complete: %v, %+v", err, completed.Remarks)
	}
	for _, l := range completed.Lines {
		if l.Kind == takeover.GatewayParcels && l.Already != parcelsThere {
			t.Errorf("%+v", l)
		}
	}
	g, err := gateway.Start(t.Context(), remoteOptions(t, gateway.PoHTTP(), c))
	if err != nil {
		t.Fatal(err)
	}
	defer stop(t, g)
	if id := g.Info().NodeID; id != nodeID {
		t.Errorf("the gateway is node %s, not %s", id, nodeID)
	}
}

// takeoverSettings are those of the flags that name a deployment's stores.
func takeoverSettings(t *testing.T, d *former.Deployment) config.Takeover {
	t.Helper()
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	config.RegisterFlags(flags, new(config.Takeover))
	if err := flags.Parse(d.Flags()); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(config.Sources{Flags: flags})
	if err != nil {
		t.Fatal(err)
	}
	return c.Takeover
}

// parcelsThere is how many parcels wait in the deployment.
const parcelsThere = 20

// fillFormer gives the deployment an identity and parcels, and returns its id.
func fillFormer(t *testing.T, d *former.Deployment) string {
	t.Helper()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	key, err := pki.GenerateIdentityKey()
	check(err)
	now := time.Now()
	certificate, err := pki.IssueInternetGateway(pki.IssueRequest{
		Subject: &key.PublicKey, IssuerKey: key, NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(0, 0, 360),
	})
	check(err)
	pkcs8, err := pki.MarshalPrivateKey(key)
	check(err)
	path, err := pki.CertificationPath{Leaf: certificate}.Marshal()
	check(err)
	nodeID := certificate.SubjectID()
	d.Insert("configitems", bson.M{"key": "current_id", "value": nodeID})
	d.Insert("certificationpaths", bson.M{
		"subjectId": nodeID, "issuerId": nodeID, "pathSerialized": path, "expiryDate": certificate.NotAfter(),
	})
	d.PutIdentityKey(nodeID, base64.StdEncoding.EncodeToString(pkcs8))
	for n := range parcelsThere {
		m := &ramf.Message{
			Type: ramf.TypeParcel, Recipient: ramf.Recipient{ID: nodeID}, ID: fmt.Sprint(n), CreatedAt: now.Add(-time.Minute),
			TTL: time.Hour, Payload: []byte("payload"), Sender: certificate,
		}
		raw, err := m.Sign(key)
		check(err)
		d.PutObject(handlers.FormerKey(nodeID, events.ParcelKey{SenderID: nodeID, RecipientID: nodeID, ParcelID: m.ID}), raw, m.ExpiresAt().Unix())
	}
	return nodeID
}
