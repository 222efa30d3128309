// Certificate rotation by courier, as the real JS library sees it. The private
// gateway's certificate is old (see TestRotation), so a new one is due.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import core from '@relaycorp/relaynet-core';

import { collect, CourierChannel, newCourier, toArrayBuffer } from '../couriers.mjs';
import { collectAll, gateway, privateGateway } from '../nodes.mjs';

const DAY_MS = 24 * 3600 * 1000;
const daysLeft = (certificate) => (certificate.expiryDate - Date.now()) / DAY_MS;
const given = (name) => toArrayBuffer(Buffer.from(process.env[name], 'base64'));

/** The private gateway that registered long ago. */
async function oldAcquaintance() {
  const privateKey = await core.derDeserializeRSAPrivateKey(Buffer.from(given('AWALA_PRIVATE_KEY')));
  const publicKey = await core.getRSAPublicKeyFromPrivate(privateKey);
  const params = await core.NodeConnectionParams.deserialize(
    await (await fetch(`${gateway.powebURL}/connection-params.der`)).arrayBuffer(),
  );
  return privateGateway({ privateKey, publicKey }, core.Certificate.deserialize(given('AWALA_CERTIFICATE')), {
    gatewayCertificate: core.Certificate.deserialize(given('AWALA_GATEWAY_CERTIFICATE')),
    sessionKey: params.sessionKey,
  });
}

test('a private gateway whose certificate is due gets a new one with its cargo', async () => {
  const peer = await oldAcquaintance();
  assert.ok(daysLeft(peer.certificate) < 90, `${daysLeft(peer.certificate)} days left`);
  const channel = await CourierChannel.open(peer);

  const courier = await newCourier();
  const cargoes = await collect(courier, await channel.collectionAuthorization());
  courier.close();
  assert.equal(cargoes.length, 1);
  const { items, unreadable } = await channel.open(cargoes[0]);
  const rotation = items.find((item) => item instanceof core.CertificateRotation);
  assert.ok(rotation, 'a rotation that the library reads');
  // The same rotation in awala-jvm's encoding, which the JS library skips.
  assert.equal(unreadable, 1);

  const { leafCertificate, certificateAuthorities } = rotation.certificationPath;
  assert.equal(await leafCertificate.calculateSubjectId(), peer.id);
  assert.equal(leafCertificate.getIssuerId(), channel.gatewayId);
  assert.ok(daysLeft(leafCertificate) > 90, `${daysLeft(leafCertificate)} days left`);
  const path = await leafCertificate.getCertificationPath([], certificateAuthorities);
  assert.equal(path.length, 2);

  // The new certificate works, and so does the old one.
  const handshakeSigner = new core.ParcelCollectionHandshakeSigner(leafCertificate, peer.keys.privateKey);
  assert.deepEqual(await collectAll({ ...peer, handshakeSigner }), []);
  assert.deepEqual(await collectAll(peer), []);
});
