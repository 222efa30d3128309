// The private gateways of former.mjs, unchanged, at the gateway that took over: they
// collect by PoWeb or by courier, and deliver cargo under their old session keys.
//
// Usage: node takenover.mjs FILE RESULT
//
// FILE is that of former.mjs. RESULT becomes JSON: what each private gateway got.

import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';

import core from '@relaycorp/relaynet-core';

import { CourierChannel, collect, deliver, newCourier, toArrayBuffer } from './couriers.mjs';
import { collectAll, parcelToInternet, privateGateway } from './nodes.mjs';

const octets = (base64) => toArrayBuffer(Buffer.from(base64, 'base64'));
const sha256 = (o) => createHash('sha256').update(Buffer.from(o)).digest('hex');

const former = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const gatewayCertificate = core.Certificate.deserialize(octets(former.certificate));

async function keyPair({ privateKey }) {
  const key = await core.derDeserializeRSAPrivateKey(Buffer.from(privateKey, 'base64'));
  return { privateKey: key, publicKey: await core.getRSAPublicKeyFromPrivate(key) };
}

async function restore(peer) {
  const keys = await keyPair(peer);
  const node = await privateGateway(keys, core.Certificate.deserialize(octets(peer.certificate)), {
    gatewayCertificate,
    sessionKey: {
      keyId: Buffer.from(peer.ourSessionKey.keyId, 'base64'),
      publicKey: await core.derDeserializeECDHPublicKey(Buffer.from(peer.ourSessionKey.publicKey, 'base64'), 'P-256'),
    },
  });
  const endpoint = {
    keys: await keyPair(peer.endpoint),
    certificate: core.Certificate.deserialize(octets(peer.endpoint.certificate)),
    privateGateway: node,
  };
  return { node, endpoint };
}

const isParcel = (item) => item instanceof core.Parcel;
const isAck = (item) => item instanceof core.ParcelCollectionAck;

/** Collects by courier; returns the parcels and the ids in the acknowledgements. */
async function collectByCourier(courier, channel) {
  const parcels = [];
  const acks = [];
  for (const cargo of await collect(courier, await channel.collectionAuthorization())) {
    const { items, messages } = await channel.open(cargo);
    items.filter(isAck).forEach((a) => acks.push(a.parcelId));
    for (const message of messages) {
      const item = await core.CargoMessageSet.deserializeItem(message).catch(() => null);
      if (item && isParcel(item)) parcels.push({ octets: Buffer.from(message), item });
    }
  }
  return { parcels, acks };
}

async function acknowledgement({ item }) {
  const from = await item.senderCertificate.calculateSubjectId();
  return Buffer.from(new core.ParcelCollectionAck(from, item.recipient.id, item.id).serialize());
}

/** Tells how the gateway refuses an authorisation that was answered before. */
async function refusal(courier, authorization) {
  try {
    await collect(courier, authorization);
    return 'collected';
  } catch (error) {
    return error.message + (error.cause ? `: ${error.cause}` : '');
  }
}

async function visit(peer, byCourier) {
  const { node, endpoint } = await restore(peer);
  const channel = await CourierChannel.open(node);
  const courier = await newCourier();
  const result = { id: peer.id, byCourier, collected: [], again: [], acks: [] };
  try {
    result.refusal = await refusal(courier, Buffer.from(peer.usedAuthorization.body, 'base64'));
    const fresh = await parcelToInternet('receiver.example', former.sender, endpoint);
    const items = [fresh.octets, Buffer.from(peer.deliveredBefore.body, 'base64')];
    if (byCourier) {
      const { parcels, acks } = await collectByCourier(courier, channel);
      result.acks = acks;
      result.collected = parcels.map((p) => sha256(p.octets));
      for (const parcel of parcels) items.push(await acknowledgement(parcel));
    } else {
      result.collected = (await collectAll(node)).map(sha256);
      result.again = (await collectAll(node)).map(sha256);
    }
    result.fresh = sha256(fresh.octets);
    result.delivered = (await deliver(courier, await channel.cargo(items))).length;
  } finally {
    courier.close();
  }
  return { result, finish: byCourier ? () => lookAgain(channel, result) : async () => {} };
}

/** What is still offered once the acknowledgements were unwrapped: nothing, soon. */
async function lookAgain(channel, result) {
  const courier = await newCourier();
  try {
    for (let tries = 0; tries < 50; tries++) {
      const { parcels, acks } = await collectByCourier(courier, channel);
      result.again = parcels.map((p) => sha256(p.octets));
      result.acksAgain = acks;
      if (parcels.length === 0) return;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  } finally {
    courier.close();
  }
}

const results = [];
for (const [i, peer] of former.gateways.entries()) {
  const { result, finish } = await visit(peer, i % 2 === 1);
  await finish();
  results.push(result);
}
writeFileSync(process.argv[3], JSON.stringify(results));
