package corejs

import (
	"bytes"
	"context"
	"encoding/hex"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"awala.network/gateway/awala/cargo"
	"awala.network/gateway/awala/channel"
	"awala.network/gateway/awala/cms"
	"awala.network/gateway/awala/pki"
	"awala.network/gateway/awala/poweb"
	"awala.network/gateway/awala/ramf"
	"awala.network/gateway/awala/registration"
)

// TestLibraryReadsWhatWeWrite writes a message of every kind.
func TestLibraryReadsWhatWeWrite(t *testing.T) {
	install(t)
	f, n := newFolder(t), newNetwork(t)
	n.putShared(f)
	n.addCertificates(f)
	n.addParcels(f)
	n.addCargoes(f)
	n.addEnvelopes(f)
	n.addCargoItems(f)
	n.addRegistration(f)
	n.addPoWeb(f)
	n.addRefused(f)
	verdicts := f.read()
	for _, e := range f.entries {
		t.Run(e.File, func(t *testing.T) {
			got, want := verdicts[e.File], f.want[e.File]
			if want == nil {
				if got.OK {
					t.Errorf("the library accepts it: %v", got.Fields)
				}
				return
			}
			if !got.OK {
				t.Fatalf("the library refuses it: %s", got.Error)
			}
			if diff := cmp.Diff(want, got.Fields); diff != "" {
				t.Errorf("(-written +read)\n%s", diff)
			}
		})
	}
}

// Names of the files that entries refer to.
const (
	fileGateway     = "gateway.crt"
	filePrivate     = "private.crt"
	filePrivateRoot = "private-root.crt"
	fileEndpoint    = "endpoint.crt"
	fileSession     = "session.pkcs8"
	fileGatewayKey  = "gateway.spki"
	fileNonce       = "nonce"
	fileParcel      = "parcel.ramf"
)

var nonce = []byte("16 octets it has")

func (n *network) putShared(f *folder) {
	f.put(fileGateway, n.gatewayCertificate.DER())
	f.put(filePrivate, n.privateCertificate.DER())
	f.put(filePrivateRoot, n.privateRoot.DER())
	f.put(fileEndpoint, n.endpointCertificate.DER())
	f.put(fileSession, must(n.session.Marshal())(f.t))
	f.put(fileGatewayKey, must(pki.MarshalPublicKey(&n.gateway.PublicKey))(f.t))
	f.put(fileNonce, nonce)
}

func (n *network) addCertificates(f *folder) {
	add := func(name string, c *pki.Certificate, intermediates, trusted []string, path ...*pki.Certificate) {
		f.add(entry{File: name, Kind: "certificate", Intermediates: intermediates, Trusted: trusted}, c.DER(), fields{
			"commonName": c.SubjectID(), "subjectId": c.SubjectID(), "issuerId": c.IssuerID(),
			"startDate": isoDate(c.NotBefore()), "expiryDate": isoDate(c.NotAfter()), "pathIds": ids(path...),
		})
	}
	root := []string{fileGateway}
	add("certificate-gateway", n.gatewayCertificate, nil, nil)
	add("certificate-private-gateway", n.privateCertificate, nil, root, n.privateCertificate, n.gatewayCertificate)
	add("certificate-endpoint", n.endpointCertificate, []string{filePrivate}, root,
		n.endpointCertificate, n.privateCertificate, n.gatewayCertificate)
	add("certificate-pda", n.pda, []string{fileEndpoint, filePrivate}, root,
		n.pda, n.endpointCertificate, n.privateCertificate, n.gatewayCertificate)
	add("certificate-cda", n.cda, nil, []string{filePrivateRoot}, n.cda, n.privateRoot)
}

// describe is what the library should say of a message.
func describe(m *ramf.Message, path []any) fields {
	return fields{
		"recipientId": m.Recipient.ID, "internetAddress": m.Recipient.InternetAddress, "id": m.ID,
		"creationDate": isoDate(m.CreatedAt), "ttl": m.TTL.Seconds(), "senderId": m.SenderID(),
		"attachedIds": ids(m.Attached...), "pathIds": path,
		"payloadLength": float64(len(m.Payload)), "payloadDigest": digest(m.Payload),
	}
}

// withPlaintext adds what the library should find in the payload.
func (f fields) withPlaintext(plaintext []byte) fields {
	f["plaintextDigest"] = digest(plaintext)
	return f
}

// parcel is from endpoint B to A.
func (n *network) parcel(payload []byte) *ramf.Message {
	return &ramf.Message{
		Type: ramf.TypeParcel, Recipient: ramf.Recipient{ID: n.endpointCertificate.SubjectID()}, ID: "the-parcel",
		CreatedAt: now.Add(-time.Minute), TTL: 14 * 24 * time.Hour, Payload: payload,
		Sender: n.pda, Attached: []*pki.Certificate{n.endpointCertificate, n.privateCertificate},
	}
}

func (n *network) addParcels(f *folder) {
	t, root := f.t, []string{fileGateway}
	path := ids(n.pda, n.endpointCertificate, n.privateCertificate, n.gatewayCertificate)

	// A service message: a type and content.
	service := append([]byte("\x30\x10\x80\x04type\x81\x08"), "contents"...)
	parcel := n.parcel(n.seal(t, service))
	f.add(entry{File: fileParcel, Kind: "parcel", Trusted: root, SessionKey: fileSession},
		must(parcel.Sign(n.endpointB))(t), describe(parcel, path).withPlaintext(service))

	// Parcels are refused by the library when they are longer than a cargo item.
	large := n.parcel(bytes.Repeat([]byte("x"), cargo.MaxWrittenItemLen-5000))
	f.add(entry{File: "parcel-large.ramf", Kind: "parcel", Trusted: root},
		must(large.Sign(n.endpointB))(t), describe(large, path))

	addressed := n.parcel([]byte("payload"))
	addressed.Recipient.InternetAddress = "ping.awala.services"
	addressed.ID, addressed.TTL, addressed.Attached = ` !"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\]^_`, ramf.MaxTTL, nil
	f.add(entry{File: "parcel-to-internet.ramf", Kind: "parcel"},
		must(addressed.Sign(n.endpointB))(t), describe(addressed, []any{}))
}

func (n *network) addCargoes(f *folder) {
	t := f.t
	// As the Internet gateway sends it: under the CDA, with the private
	// gateway's certificate attached for the courier, backdated.
	set := must(cargo.MarshalMessageSet([][]byte{must(n.parcel([]byte("payload")).Sign(n.endpointB))(t)}))(t)
	collected := &ramf.Message{
		Type: ramf.TypeCargo, Recipient: ramf.Recipient{ID: n.privateCertificate.SubjectID()}, ID: "the-cargo",
		CreatedAt: now.Add(-3 * time.Hour), TTL: 24 * time.Hour, Payload: n.seal(t, set),
		Sender: n.cda, Attached: []*pki.Certificate{n.privateCertificate},
	}
	f.add(entry{File: "cargo.ramf", Kind: "cargo", Trusted: []string{filePrivateRoot}, SessionKey: fileSession},
		must(collected.Sign(n.gateway))(t), describe(collected, ids(n.cda, n.privateRoot)).withPlaintext(set))

	largest := &ramf.Message{
		Type: ramf.TypeCargo, Recipient: collected.Recipient, ID: "the-largest", CreatedAt: now, TTL: time.Hour,
		Payload: bytes.Repeat([]byte("x"), ramf.MaxWrittenPayloadLen), Sender: n.cda,
	}
	f.add(entry{File: "cargo-largest.ramf", Kind: "cargo", Trusted: []string{filePrivateRoot}},
		must(largest.Sign(n.gateway))(t), describe(largest, ids(n.cda, n.privateRoot)))

	request := must(cargo.CollectionRequest{DeliveryAuthorization: n.cda}.Marshal())(t)
	cca := &ramf.Message{
		Type: ramf.TypeCCA, ID: "the-cca", CreatedAt: now.Add(-90 * time.Minute), TTL: 1_215_000 * time.Second,
		Recipient: ramf.Recipient{ID: n.gatewayCertificate.SubjectID(), InternetAddress: "gw.example.com"},
		Payload:   n.seal(t, request), Sender: n.privateCertificate,
	}
	f.add(entry{File: "cca.ramf", Kind: "cca", Trusted: []string{fileGateway}, SessionKey: fileSession},
		must(cca.Sign(n.private))(t), describe(cca, ids(n.privateCertificate, n.gatewayCertificate)).withPlaintext(request))
}

// seal encrypts for the network's session key as a gateway does.
func (n *network) seal(t *testing.T, plaintext []byte) []byte {
	t.Helper()
	return must(channel.Seal(t.Context(), plaintext, "0aa", "0bb", forgetful{}, peer{n.session.Public()}))(t)
}

// forgetful stores no private key: nobody answers.
type forgetful struct{}

func (forgetful) SessionKey(context.Context, string, []byte, string) (pki.SessionKey, error) {
	return pki.SessionKey{}, channel.ErrKeyNotFound
}

func (forgetful) SaveSessionKey(context.Context, string, string, pki.SessionKey) error { return nil }

// peer has one key for ever.
type peer struct{ key pki.SessionPublicKey }

func (p peer) PeerKey(context.Context, string, string) (channel.PeerKey, error) {
	return channel.PeerKey{SessionPublicKey: p.key, CreatedAt: now}, nil
}

func (peer) SavePeerKey(context.Context, string, string, channel.PeerKey) error { return nil }

func (n *network) addEnvelopes(f *folder) {
	for name, plaintext := range map[string][]byte{
		"enveloped-empty":   {},
		"enveloped-15":      bytes.Repeat([]byte("x"), 15),
		"enveloped-16":      bytes.Repeat([]byte("x"), 16),
		"enveloped-largest": bytes.Repeat([]byte("x"), ramf.MaxPlaintextLen),
	} {
		originator := must(pki.GenerateSessionKey())(f.t)
		envelope := must(cms.Encrypt(plaintext, n.session.Public(), originator))(f.t)
		f.add(entry{File: name, Kind: "enveloped", SessionKey: fileSession}, envelope, fields{
			"plaintextLength": float64(len(plaintext)), "plaintextDigest": digest(plaintext),
			"recipientKeyId": hex.EncodeToString(n.session.ID),
			"originatorKey":  describeSessionKey(f.t, originator.Public()),
		})
	}
}

func (n *network) addCargoItems(f *folder) {
	t := f.t
	ack := cargo.ParcelCollectionAck{SenderID: n.pda.SubjectID(), RecipientID: n.endpointCertificate.SubjectID(), ParcelID: "the-parcel"}
	pca := must(ack.Marshal())(t)
	f.add(entry{File: "ack.ramf", Kind: "pca"}, pca, fields{
		"senderEndpointId": ack.SenderID, "recipientEndpointId": ack.RecipientID, "parcelId": ack.ParcelID,
	})

	path := pki.CertificationPath{Leaf: n.privateCertificate, CAs: []*pki.Certificate{n.gatewayCertificate}}
	described := fields{"leafId": n.privateCertificate.SubjectID(), "caIds": ids(n.gatewayCertificate)}
	rotation := must(cargo.CertificateRotation{Path: path}.Marshal())(t)
	f.add(entry{File: "rotation.ramf", Kind: "rotation"}, rotation, described)
	f.add(entry{File: "path.der", Kind: "certificationPath"}, must(path.Marshal())(t), described)

	parcel := must(n.parcel([]byte("payload")).Sign(n.endpointB))(t)
	item := func(kind string, octets []byte) map[string]any {
		return map[string]any{"kind": kind, "digest": digest(octets)}
	}
	f.add(entry{File: "set.der", Kind: "cargoMessageSet"}, must(cargo.MarshalMessageSet([][]byte{pca, parcel, rotation}))(t),
		fields{"items": []any{item("ParcelCollectionAck", pca), item("Parcel", parcel), item("CertificateRotation", rotation)}})
	f.add(entry{File: "set-empty.der", Kind: "cargoMessageSet"}, must(cargo.MarshalMessageSet(nil))(t), fields{"items": []any{}})

	f.add(entry{File: "ccr.der", Kind: "collectionRequest"}, must(cargo.CollectionRequest{DeliveryAuthorization: n.cda}.Marshal())(t),
		fields{"cdaDigest": digest(n.cda.DER()), "subjectId": n.cda.SubjectID(), "issuerId": n.cda.IssuerID()})
}

func (n *network) addRegistration(f *folder) {
	t := f.t
	authorization := registration.Authorization{ExpiresAt: now.Add(time.Hour), GatewayData: bytes.Repeat([]byte{0xff}, 48)}
	pnra := must(authorization.Sign(n.gateway))(t)
	f.add(entry{File: "pnra.der", Kind: "authorization", GatewayKey: fileGatewayKey}, pnra, fields{
		"expiryDate": isoDate(authorization.ExpiresAt), "gatewayData": hex.EncodeToString(authorization.GatewayData),
	})

	request := registration.Request{Key: &n.private.PublicKey, Authorization: pnra}
	f.add(entry{File: "pnrr.der", Kind: "registrationRequest"}, must(request.Sign(n.private))(t),
		fields{"nodeId": n.privateCertificate.SubjectID(), "pnraDigest": digest(pnra)})

	session := n.session.Public()
	answer := registration.Registration{
		NodeCertificate: n.privateCertificate, GatewayCertificate: n.gatewayCertificate,
		InternetAddress: "gw.example.com", SessionKey: &session,
	}
	described := fields{
		"nodeId": n.privateCertificate.SubjectID(), "gatewayId": n.gatewayCertificate.SubjectID(),
		"internetAddress": "gw.example.com", "sessionKey": describeSessionKey(t, session),
		"pathIds": ids(n.privateCertificate, n.gatewayCertificate),
	}
	f.add(entry{File: "pnr.der", Kind: "registration"}, must(answer.Marshal())(t), described)
	answer.SessionKey = nil
	without := fields{}
	for name, value := range described {
		without[name] = value
	}
	without["sessionKey"] = nil
	f.add(entry{File: "pnr-nosession.der", Kind: "registration"}, must(answer.Marshal())(t), without)

	params := registration.ConnectionParams{InternetAddress: "gw.example.com", IdentityKey: &n.gateway.PublicKey, SessionKey: session}
	f.add(entry{File: "params.der", Kind: "connectionParams"}, must(params.Marshal())(t), fields{
		"internetAddress": "gw.example.com", "nodeId": n.gatewayCertificate.SubjectID(), "sessionKey": describeSessionKey(t, session),
	})
}

func (n *network) addPoWeb(f *folder) {
	t, root := f.t, []string{fileGateway}
	f.add(entry{File: "challenge.der", Kind: "challenge"}, must(poweb.Challenge{Nonce: nonce}.Marshal())(t),
		fields{"nonce": hex.EncodeToString(nonce)})

	signature := must(poweb.SignNonce(nonce, n.private, n.privateCertificate))(t)
	f.add(entry{File: "nonce.sig", Kind: "nonceSignature", Signed: fileNonce, Trusted: root}, signature,
		fields{"signerId": n.privateCertificate.SubjectID()})
	f.add(entry{File: "response.der", Kind: "response"},
		must(poweb.Response{NonceSignatures: [][]byte{signature, []byte("another")}}.Marshal())(t),
		fields{"signatureDigests": []any{digest(signature), digest([]byte("another"))}})

	parcel := must(n.parcel([]byte("payload")).Sign(n.endpointB))(t)
	f.add(entry{File: "delivery.der", Kind: "delivery"}, must(poweb.ParcelDelivery{ID: "the-delivery", Parcel: parcel}.Marshal())(t),
		fields{"deliveryId": "the-delivery", "parcelDigest": digest(parcel)})
	f.add(entry{File: "parcel.sig", Kind: "parcelSignature", Trusted: root, Signed: f.put("countersigned.ramf", parcel)},
		must(poweb.CountersignParcel(parcel, n.private, n.privateCertificate))(t),
		fields{"signerId": n.privateCertificate.SubjectID()})
}

// addRefused shows that the library does verify: each of these is wrong in one
// way.
func (n *network) addRefused(f *folder) {
	t, root := f.t, []string{fileGateway}
	spoilt := must(n.parcel([]byte("payload")).Sign(n.endpointB))(t)
	spoilt[len(spoilt)-1] ^= 1
	f.add(entry{File: "refused-signature.ramf", Kind: "parcel", Trusted: root}, spoilt, nil)

	elsewhere := n.parcel([]byte("payload"))
	elsewhere.Recipient.ID = n.privateCertificate.SubjectID()
	f.add(entry{File: "refused-recipient.ramf", Kind: "parcel", Trusted: root}, must(elsewhere.Sign(n.endpointB))(t), nil)

	pathless := n.parcel([]byte("payload"))
	pathless.Attached = nil
	f.add(entry{File: "refused-path.ramf", Kind: "parcel", Trusted: root}, must(pathless.Sign(n.endpointB))(t), nil)

	expired := n.parcel([]byte("payload"))
	expired.TTL = time.Second
	f.add(entry{File: "refused-expired.ramf", Kind: "parcel", Trusted: root}, must(expired.Sign(n.endpointB))(t), nil)

	endpoint := must(poweb.SignNonce(nonce, n.endpointA, n.endpointCertificate))(t)
	f.add(entry{File: "refused-nonce.sig", Kind: "nonceSignature", Signed: fileNonce, Trusted: root}, endpoint, nil)

	authorization := registration.Authorization{ExpiresAt: now.Add(time.Hour)}
	f.add(entry{File: "refused-pnra.der", Kind: "authorization", GatewayKey: fileGatewayKey}, must(authorization.Sign(n.private))(t), nil)
}
