package interop

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"awala.network/gateway/events"
	"awala.network/gateway/handlers"
	"awala.network/gateway/interop/former"
)

// formerWorld is what clients/former.mjs makes.
type formerWorld struct {
	ID, PrivateKey    string
	Paths             map[string]string
	UnboundSessionKey formerSessionKey
	Sender            string
	Gateways          []formerPeer
}

type formerSessionKey struct{ KeyID, PublicKey, PrivateKey string }

type formerPeer struct {
	ID, PublicKey     string
	OurSessionKey     formerSessionKey
	TheirSessionKey   formerSessionKey
	Inbound, Outbound []formerParcel
	Cargoes           []formerCargo
	DeliveredBefore   formerParcel
	UsedAuthorization struct {
		ID     string
		Expiry int64
	}
}

type formerParcel struct {
	ID, Recipient, Sender, Body, SHA256 string
	Expiry                              int64
	Expired                             bool
}

type formerCargo struct {
	ID, Body, Acknowledges string
	Out, Across            []formerParcel
}

func (p formerParcel) key() events.ParcelKey {
	return events.ParcelKey{SenderID: p.Sender, RecipientID: p.Recipient, ParcelID: p.ID}
}

// makeFormerWorld runs the script, and returns the world and the file that has it.
func makeFormerWorld(t *testing.T) (*formerWorld, string) {
	t.Helper()
	if err := installClients(); err != nil {
		t.Fatalf("npm ci: %v", err)
	}
	file := filepath.Join(t.TempDir(), "former.json")
	script := exec.Command("node", "former.mjs", file)
	script.Dir = "clients"
	if out, err := script.CombinedOutput(); err != nil {
		t.Fatalf("former.mjs: %v\n%s", err, out)
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	w := new(formerWorld)
	if err := json.Unmarshal(raw, w); err != nil {
		t.Fatal(err)
	}
	return w, file
}

func octets(encoded string) []byte {
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		panic(err) // the script writes no other
	}
	return raw
}

// How many of a private gateway's inbound parcels are in which state, in the order of
// their numbers. The first cargoes acknowledge the first ones.
const (
	inQueued       = 80
	inOrphan       = inQueued + 15
	inAcknowledged = inOrphan + 5 // acknowledged, and about to be deleted
	inUndated      = inAcknowledged + 5
	inLate         = inUndated + 7 // come while the takeover follows
	inMeanwhile    = inLate + 6    // collected while it follows
	// The rest has expired.

	outQueued    = 30
	outOrphan    = outQueued + 5
	outGone      = outOrphan + 3 // queued, and their objects are gone
	outLate      = outGone + 3
	outMeanwhile = outLate + 2 // delivered while the takeover follows
	// The rest has expired.

	lateCargo, doneCargo = 4, 5 // come, and are unwrapped, while it follows
)

func (p formerParcel) objectKey(gatewayID string) string {
	return handlers.FormerKey(gatewayID, p.key())
}

func (p formerParcel) queueKey(gatewayID string) string {
	return handlers.FormerInternetKey(gatewayID, p.key())
}

// populate fills the stores with what was there before the takeover.
func (w *formerWorld) populate(d *former.Deployment) {
	w.putIdentity(d)
	for _, peer := range w.Gateways {
		w.putPeer(d, peer)
		for n, p := range peer.Inbound {
			if n < inUndated || n >= inLate {
				w.putInbound(d, peer, p, n >= inAcknowledged && n < inUndated)
			}
		}
		w.announce(d, peer)
		w.putOutbound(d, peer)
	}
	w.queueCargo(d)
	w.putGarbage(d)
}

func (w *formerWorld) putIdentity(d *former.Deployment) {
	d.Insert("configitems", bson.M{"key": "current_id", "value": w.ID}, bson.M{"key": "other", "value": "x"})
	d.PutIdentityKey(w.ID, w.PrivateKey)
	d.PutInitialSessionKey(w.ID, w.UnboundSessionKey.KeyID, w.UnboundSessionKey.PrivateKey)
	expiries := map[string]time.Duration{"current": 260, "earlier": 160, "expired": -40}
	for name, path := range w.Paths {
		d.Insert("certificationpaths", bson.M{
			"subjectId": w.ID, "issuerId": w.ID, "pathSerialized": octets(path), "expiryDate": time.Now().Add(expiries[name] * 24 * time.Hour),
		})
	}
}

func (w *formerWorld) putPeer(d *former.Deployment, p formerPeer) {
	d.PutSessionKey(w.ID, p.ID, p.OurSessionKey.KeyID, p.OurSessionKey.PrivateKey)
	d.Insert("peerpublickeydatas", bson.M{
		"peerId": p.ID, "keyId": octets(p.TheirSessionKey.KeyID), "keyDer": octets(p.TheirSessionKey.PublicKey),
		"creationDate": time.Now().Add(-24 * time.Hour),
	})
	d.Insert("identitypublickeydatas", bson.M{"peerId": p.ID, "keyDer": octets(p.PublicKey)})
	d.Insert("ccafulfillments", bson.M{
		"peerId": p.ID, "ccaId": p.UsedAuthorization.ID, "ccaExpiryDate": time.Unix(p.UsedAuthorization.Expiry, 0),
	})
	w.collected(d, p, p.DeliveredBefore)
}

// collected stores the record that a parcel for the Internet was accepted.
func (*formerWorld) collected(d *former.Deployment, peer formerPeer, parcels ...formerParcel) {
	for _, p := range parcels {
		d.Insert("parcelcollections", bson.M{
			"privatePeerId": peer.ID, "senderEndpointId": p.Sender, "recipientEndpointId": p.Recipient,
			"parcelId": p.ID, "parcelExpiryDate": time.Unix(p.Expiry, 0),
		})
	}
}

func (*formerWorld) putInbound(d *former.Deployment, peer formerPeer, p formerParcel, undated bool) {
	expiry := p.Expiry
	if undated {
		expiry = 0
	}
	d.PutObject(p.objectKey(peer.ID), octets(p.Body), expiry)
}

// announce queues what waits for a private gateway; first what it acknowledged
// already, of which some objects are still there.
func (*formerWorld) announce(d *former.Deployment, peer formerPeer) {
	channel := "pdc-parcel." + peer.ID
	acknowledged := [][]byte{[]byte("parcels/gateway-bound/" + peer.ID + "/long/ago/0")}
	var waiting [][]byte
	for n, p := range peer.Inbound {
		key := []byte(p.objectKey(peer.ID))
		switch {
		case n >= inOrphan && n < inAcknowledged:
			acknowledged = append(acknowledged, key)
		case n >= inQueued && n < inOrphan, n >= inUndated && n < inLate:
		default:
			waiting = append(waiting, key)
		}
	}
	d.Publish(channel, append(acknowledged, waiting...)...)
	d.Work(channel, "active-parcels", peer.ID, len(acknowledged), true)
}

func (p formerParcel) job(gatewayID string) []byte {
	job, err := json.Marshal(map[string]any{
		"parcelId": p.ID, "parcelObjectKey": p.queueKey(gatewayID), "parcelRecipientAddress": "receiver.example",
		"parcelExpiryDate": time.Unix(p.Expiry, 0).UTC().Format(time.RFC3339), "deliveryAttempts": 0,
	})
	if err != nil {
		panic(err) // it is text and a number
	}
	return job
}

// queueOutbound stores, queues and records parcels for the Internet.
func (w *formerWorld) queueOutbound(d *former.Deployment, peer formerPeer, parcels ...formerParcel) {
	var jobs [][]byte
	for _, p := range parcels {
		d.PutObject("parcels/endpoint-bound/"+p.queueKey(peer.ID), octets(p.Body), 0)
		jobs = append(jobs, p.job(peer.ID))
	}
	d.Publish("internet-parcels", jobs...)
	w.collected(d, peer, parcels...)
}

func (w *formerWorld) putOutbound(d *former.Deployment, peer formerPeer) {
	w.queueOutbound(d, peer, peer.Outbound[:outQueued]...)
	for _, p := range peer.Outbound[outQueued:outOrphan] {
		d.PutObject("parcels/endpoint-bound/"+p.queueKey(peer.ID), octets(p.Body), 0)
	}
	for _, p := range peer.Outbound[outOrphan:outGone] {
		d.Publish("internet-parcels", p.job(peer.ID))
		w.collected(d, peer, p)
	}
	w.queueOutbound(d, peer, peer.Outbound[outLate:]...)
}

// queueCargo queues cargo: first what was unwrapped long ago, then what will be while
// the takeover follows, then what waits.
func (w *formerWorld) queueCargo(d *former.Deployment) {
	d.Publish("crc-cargo", []byte("long ago"), []byte("long ago, too"))
	d.Work("crc-cargo", "worker", "worker", 2, false)
	var cargoes [][]byte
	for _, peer := range w.Gateways {
		cargoes = append(cargoes, octets(peer.Cargoes[doneCargo].Body))
	}
	for _, peer := range w.Gateways {
		for _, c := range peer.Cargoes[:lateCargo] {
			cargoes = append(cargoes, octets(c.Body))
		}
	}
	d.Publish("crc-cargo", cargoes...)
}

// putGarbage stores what nobody can read.
func (w *formerWorld) putGarbage(d *former.Deployment) {
	some, other := w.Gateways[0], w.Gateways[1]
	d.PutObject("parcels/gateway-bound/readme.txt", []byte("not a parcel"), 0)
	d.PutObject("parcels/gateway-bound/"+some.ID+"/a/b/c", []byte("not a parcel"), 4102444800)
	d.PutObject(some.Inbound[0].objectKey(other.ID), octets(other.Inbound[0].Body), some.Inbound[0].Expiry)
	d.PutObject("parcels/endpoint-bound/"+some.ID+"/a/b/c", nil, 0)
	d.Publish("crc-cargo", []byte("not a cargo"), octets(some.Inbound[0].Body))
	d.Publish("internet-parcels", []byte("{"), []byte(`{"parcelId":"x"}`))
	d.PutSecret("i-00000", map[string]any{"privateKey": "bm90IGEga2V5"})
	d.PutSecret("s-abcd", map[string]any{"privateKey": "bm90IGEga2V5", "nodeId": w.ID})
	d.Insert("peerpublickeydatas", bson.M{"peerId": "0", "keyId": "text", "keyDer": 7, "creationDate": "yesterday"})
	d.Insert("parcelcollections", bson.M{"privatePeerId": some.ID, "parcelId": "x"})
	d.Insert("certificationpaths", bson.M{"subjectId": w.ID, "issuerId": w.ID, "pathSerialized": []byte("none"), "expiryDate": time.Now()})
}

// The kinds of things of which the garbage is.
var garbage = map[string]int{
	"own certificates": 1, "identity keys": 1, "session keys of peers": 1, "peers' session keys": 1, "parcel collections": 1,
	"parcels for private gateways": 3, "parcels for the Internet": 1, "queued deliveries": 2, "cargoes": 2,
}

// goOn is what happens in the deployment while the takeover follows it, step by step.
func (w *formerWorld) goOn(d *former.Deployment) []func() {
	steps := []func(){
		func() { d.Work("crc-cargo", "worker", "worker", len(w.Gateways), true) }, // unwraps, and dies
	}
	for _, peer := range w.Gateways {
		steps = append(steps, func() {
			for _, p := range peer.Inbound[inUndated:inLate] {
				w.putInbound(d, peer, p, false)
				d.Publish("pdc-parcel."+peer.ID, []byte(p.objectKey(peer.ID)))
			}
			w.queueOutbound(d, peer, peer.Outbound[outGone:outLate]...)
			d.Publish("crc-cargo", octets(peer.Cargoes[lateCargo].Body))
			w.meanwhile(d, peer)
		})
	}
	return steps
}

// meanwhile does what the deployment's workers and servers did for a private gateway:
// parcels were collected and delivered, and a cargo was unwrapped.
func (w *formerWorld) meanwhile(d *former.Deployment, peer formerPeer) {
	for _, p := range peer.Inbound[inLate:inMeanwhile] {
		d.DeleteObject(p.objectKey(peer.ID))
	}
	for _, p := range peer.Outbound[outLate:outMeanwhile] {
		d.DeleteObject("parcels/endpoint-bound/" + p.queueKey(peer.ID))
	}
	unwrapped := peer.Cargoes[doneCargo]
	w.collected(d, peer, unwrapped.Out...)
	for _, p := range peer.Inbound {
		if p.SHA256 == unwrapped.Acknowledges {
			d.DeleteObject(p.objectKey(peer.ID))
		}
	}
}

// toCollect are the digests of what a private gateway has to get after the takeover.
func (w *formerWorld) toCollect(i int) map[string]bool {
	peer := w.Gateways[i]
	want := map[string]bool{}
	for n, p := range peer.Inbound {
		acknowledged := n < len(peer.Cargoes) || n >= inOrphan && n < inAcknowledged
		want[p.SHA256] = !acknowledged && n < inLate
	}
	neighbour := w.Gateways[(i+len(w.Gateways)-1)%len(w.Gateways)]
	for _, c := range neighbour.Cargoes[:doneCargo] {
		for _, p := range c.Across {
			want[p.SHA256] = true
		}
	}
	return onlyTrue(want)
}

// toDeliver are the ids of the parcels that have to go to the Internet.
func (w *formerWorld) toDeliver() map[string]bool {
	want := map[string]bool{}
	for _, peer := range w.Gateways {
		for n, p := range peer.Outbound {
			want[p.ID] = n < outOrphan || n >= outGone && n < outLate
		}
		for _, c := range peer.Cargoes[:doneCargo] {
			for _, p := range c.Out {
				want[p.ID] = true
			}
		}
	}
	return onlyTrue(want)
}

// toAcknowledge are the ids of the parcels that a private gateway is to be told of.
func (w *formerWorld) toAcknowledge(peer formerPeer) map[string]bool {
	want := map[string]bool{peer.DeliveredBefore.ID: true}
	for n, p := range peer.Outbound {
		want[p.ID] = (n < outQueued || n >= outOrphan) && !p.Expired
	}
	for n, c := range peer.Cargoes {
		for _, p := range c.Out {
			want[p.ID] = true
		}
		for _, p := range c.Across {
			want[p.ID] = n != doneCargo
		}
	}
	return onlyTrue(want)
}

func onlyTrue(set map[string]bool) map[string]bool {
	for key, in := range set {
		if !in {
			delete(set, key)
		}
	}
	return set
}

// differences compares what there is with what there should be, once each.
func differences(have []string, want map[string]bool) (wrong []string) {
	count := map[string]int{}
	for _, key := range have {
		count[key]++
	}
	for key, n := range count {
		if !want[key] || n != 1 {
			wrong = append(wrong, fmt.Sprintf("%.12s is there %d times, wanted: %t", key, n, want[key]))
		}
	}
	for key := range want {
		if count[key] == 0 {
			wrong = append(wrong, fmt.Sprintf("%.12s is missing", key))
		}
	}
	return wrong
}
