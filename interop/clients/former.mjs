// Makes what a deployment of the Node.js gateway holds, with the library that the
// gateway itself is built on: an identity with its certificates and session keys, ten
// private gateways that registered with it, and parcels and cargoes of every kind.
//
// Usage: node former.mjs FILE
//
// FILE becomes JSON; octets are in base64. What is stored where, and which of the
// parcels still wait, is the caller's to decide.

import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';

import core from '@relaycorp/relaynet-core';

const GATEWAYS = 10;
const INBOUND = 124; // parcels for each private gateway
const OUTBOUND = 45; // parcels from each for the Internet
const CARGOES = 6; // of each, with five parcels
const ADDRESS = 'gateway.example.org';
const RECEIVER = 'receiver.example';

const DAY = 24 * 3600_000;
const fromNow = (ms) => new Date(Date.now() + ms);
const b64 = (octets) => Buffer.from(octets).toString('base64');
const sha256 = (octets) => createHash('sha256').update(Buffer.from(octets)).digest('hex');
const exact = (b) => b.buffer.slice(b.byteOffset, b.byteOffset + b.byteLength);

async function node() {
  const keys = await core.generateRSAKeyPair();
  return { keys, id: await core.getIdFromIdentityKey(keys.publicKey) };
}

async function exportNode({ keys, id }) {
  return { id, privateKey: b64(await core.derSerializePrivateKey(keys.privateKey)) };
}

async function sessionKey() {
  const pair = await core.SessionKeyPair.generate();
  return {
    pair,
    exported: {
      keyId: b64(pair.sessionKey.keyId),
      publicKey: b64(await core.derSerializePublicKey(pair.sessionKey.publicKey)),
      privateKey: b64(await core.derSerializePrivateKey(pair.privateKey)),
    },
  };
}

function issueOwn({ keys }, start, end) {
  return core.issueGatewayCertificate({
    issuerPrivateKey: keys.privateKey,
    subjectPublicKey: keys.publicKey,
    validityStartDate: fromNow(start),
    validityEndDate: fromNow(end),
  });
}

/** A private gateway that registered some time ago, with an endpoint behind it. */
async function privateGateway(gateway, issuer) {
  const self = await node();
  const certificate = await core.issueGatewayCertificate({
    issuerCertificate: issuer,
    issuerPrivateKey: gateway.keys.privateKey,
    subjectPublicKey: self.keys.publicKey,
    validityStartDate: fromNow(-60 * DAY),
    validityEndDate: fromNow(120 * DAY),
  });
  const endpoint = await node();
  endpoint.certificate = await core.issueEndpointCertificate({
    issuerCertificate: certificate,
    issuerPrivateKey: self.keys.privateKey,
    subjectPublicKey: endpoint.keys.publicKey,
    validityEndDate: fromNow(30 * DAY),
  });
  return { ...self, certificate, endpoint, ours: await sessionKey(), theirs: await sessionKey() };
}

const sender = await node(); // an endpoint somewhere on the Internet

/** The authorisation of the recipient for a sender, and what goes with it. */
async function authorization(recipient, from = sender) {
  const certificate = await core.issueDeliveryAuthorization({
    issuerCertificate: recipient.endpoint.certificate,
    issuerPrivateKey: recipient.endpoint.keys.privateKey,
    subjectPublicKey: from.keys.publicKey,
    validityEndDate: fromNow(20 * DAY),
  });
  return { certificate, from, recipient, chain: [recipient.endpoint.certificate, recipient.certificate] };
}

async function serialize(recipient, certificate, keys, chain, { expired = false } = {}) {
  const ttl = expired ? 600 : 10 * 24 * 3600;
  const parcel = new core.Parcel(recipient, certificate, randomBytes(600), {
    id: randomUUID(),
    creationDate: fromNow(-3600_000),
    ttl,
    senderCaCertificateChain: chain,
  });
  const body = await parcel.serialize(keys.privateKey);
  return {
    id: parcel.id,
    recipient: recipient.id,
    sender: await certificate.calculateSubjectId(),
    expiry: Math.floor(parcel.expiryDate.getTime() / 1000),
    expired,
    body: b64(body),
    sha256: sha256(body),
  };
}

const parcelTo = ({ certificate, from, recipient, chain }, options) =>
  serialize({ id: recipient.endpoint.id }, certificate, from.keys, chain, options);

const parcelFrom = ({ endpoint, certificate }, options) =>
  serialize({ id: sender.id, internetAddress: RECEIVER }, endpoint.certificate, endpoint.keys, [certificate], options);

/** A cargo of the private gateway under the session key that it got when it registered. */
async function cargo(gateway, { keys, certificate, ours }, items) {
  const set = new core.CargoMessageSet(items.map((i) => exact(Buffer.from(i))));
  const { envelopedData } = await core.SessionEnvelopedData.encrypt(set.serialize(), ours.pair.sessionKey);
  const message = new core.Cargo(
    { id: gateway.id, internetAddress: ADDRESS },
    certificate,
    Buffer.from(envelopedData.serialize()),
    { creationDate: fromNow(-3 * 3600_000), ttl: 14 * 24 * 3600 },
  );
  const body = await message.serialize(keys.privateKey);
  return { id: message.id, body: b64(body) };
}

/** An authorisation to collect cargo, which the other gateway has answered. */
async function usedAuthorization(gateway, gatewayCertificate, { keys, certificate, ours }) {
  const issuer = await issueOwn({ keys }, -90 * 60_000, 180 * DAY);
  const cda = await core.issueGatewayCertificate({
    issuerCertificate: issuer,
    issuerPrivateKey: keys.privateKey,
    subjectPublicKey: await gatewayCertificate.getPublicKey(),
    validityEndDate: fromNow(14 * DAY),
  });
  const request = new core.CargoCollectionRequest(cda);
  const { envelopedData } = await core.SessionEnvelopedData.encrypt(request.serialize(), ours.pair.sessionKey);
  const cca = new core.CargoCollectionAuthorization(
    { id: gateway.id, internetAddress: ADDRESS },
    certificate,
    Buffer.from(envelopedData.serialize()),
    { creationDate: fromNow(-90 * 60_000), ttl: 14 * 24 * 3600 },
  );
  return { id: cca.id, expiry: Math.floor(cca.expiryDate.getTime() / 1000), body: b64(await cca.serialize(keys.privateKey)) };
}

const gateway = await node();
const certificates = {
  current: await issueOwn(gateway, -100 * DAY, 260 * DAY),
  earlier: await issueOwn(gateway, -200 * DAY, 160 * DAY),
  expired: await issueOwn(gateway, -400 * DAY, -40 * DAY),
};
const unbound = await sessionKey();

const peers = [];
for (let i = 0; i < GATEWAYS; i++) {
  peers.push(await privateGateway(gateway, i % 2 ? certificates.current : certificates.earlier));
}

const made = [];
for (const [i, peer] of peers.entries()) {
  const inbound = [];
  const pda = await authorization(peer);
  for (let n = 0; n < INBOUND; n++) inbound.push(await parcelTo(pda, { expired: n >= INBOUND - 6 }));
  const outbound = [];
  for (let n = 0; n < OUTBOUND; n++) outbound.push(await parcelFrom(peer, { expired: n >= OUTBOUND - 2 }));

  // In each cargo: three parcels for the Internet, two for the next private gateway, and
  // the acknowledgement of one that waits for this one.
  const neighbour = await authorization(peers[(i + 1) % GATEWAYS], peer.endpoint);
  const cargoes = [];
  for (let n = 0; n < CARGOES; n++) {
    const out = [await parcelFrom(peer), await parcelFrom(peer), await parcelFrom(peer)];
    const across = [await parcelTo(neighbour), await parcelTo(neighbour)];
    const { sender: from, recipient, id } = inbound[n];
    const ack = new core.ParcelCollectionAck(from, recipient, id);
    const items = [...out, ...across].map((p) => Buffer.from(p.body, 'base64'));
    cargoes.push({
      ...(await cargo(gateway, peer, [...items, Buffer.from(ack.serialize())])),
      out, across, acknowledges: inbound[n].sha256,
    });
  }
  const certificate = b64(peer.certificate.serialize());
  made.push({
    ...(await exportNode(peer)),
    certificate,
    endpoint: { ...(await exportNode(peer.endpoint)), certificate: b64(peer.endpoint.certificate.serialize()) },
    publicKey: b64(await core.derSerializePublicKey(peer.keys.publicKey)),
    ourSessionKey: peer.ours.exported,
    theirSessionKey: peer.theirs.exported,
    inbound, outbound, cargoes,
    deliveredBefore: await parcelFrom(peer),
    usedAuthorization: await usedAuthorization(gateway, certificates.current, peer),
  });
}

const paths = {};
for (const [name, certificate] of Object.entries(certificates)) {
  paths[name] = b64(new core.CertificationPath(certificate, []).serialize());
}
writeFileSync(
  process.argv[2],
  JSON.stringify({
    ...(await exportNode(gateway)),
    certificate: b64(certificates.current.serialize()),
    paths, unboundSessionKey: unbound.exported, sender: sender.id, gateways: made,
  }),
);
