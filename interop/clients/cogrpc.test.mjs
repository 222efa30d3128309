// The real CogRPC client (@relaycorp/cogrpc) and the JS library of private
// gateways, against the gateway.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';

import core from '@relaycorp/relaynet-core';

import { collectAll, newEndpoint, parcelTo, registerPrivateGateway, sameOctets, selfMadePrivateGateway } from './nodes.mjs';
import { collect, CourierChannel, courierKeeps, deliver, newCourier } from './couriers.mjs';

// gRPC status codes.
const INVALID_ARGUMENT = 3;
const PERMISSION_DENIED = 7;
const UNAUTHENTICATED = 16;

async function withCourier(use) {
  const courier = await newCourier();
  try {
    return await use(courier);
  } finally {
    courier.close();
  }
}

/** Two registered private gateways with an endpoint each, and their channels. */
async function pair() {
  const [alice, bob] = [await registerPrivateGateway(), await registerPrivateGateway()];
  return {
    alice,
    bob,
    aliceEndpoint: await newEndpoint(alice),
    bobEndpoint: await newEndpoint(bob),
    aliceChannel: await CourierChannel.open(alice),
    bobChannel: await CourierChannel.open(bob),
  };
}

/** Collects over PoWeb until n parcels came, for at most ten seconds. */
async function collectWithin10s(privateGateway, n) {
  const parcels = [];
  const deadline = Date.now() + 10_000;
  while (parcels.length < n && Date.now() < deadline) parcels.push(...(await collectAll(privateGateway)));
  return parcels;
}

async function rejectsWith(promise, ...codes) {
  await assert.rejects(promise, (error) => {
    const code = error.cause?.()?.code ?? error.cause?.code ?? Number(/: (\d+) [A-Z_]+:/.exec(error.message)?.[1]);
    assert.ok(codes.includes(code), `${error.message} (code ${code}), want ${codes}`);
    return true;
  });
}

describe('delivery of cargo', () => {
  let peers;
  before(async () => {
    peers = await pair();
  });

  test('one cargo becomes a parcel for another private gateway', async () => {
    const { aliceEndpoint, bobEndpoint, aliceChannel, bob } = peers;
    const parcel = await parcelTo(bobEndpoint, aliceEndpoint);
    const cargo = await aliceChannel.cargo([parcel.octets]);
    assert.deepEqual(await withCourier((c) => deliver(c, cargo)), ['cargo 0']);
    const [collected] = await collectWithin10s(bob, 1);
    assert.ok(sameOctets(collected, parcel.octets));
  });

  test('fifty cargoes in one call', async () => {
    const { aliceEndpoint, bobEndpoint, aliceChannel, bob } = peers;
    const cargoes = [];
    for (let i = 0; i < 50; i++) {
      cargoes.push(await aliceChannel.cargo([(await parcelTo(bobEndpoint, aliceEndpoint)).octets]));
    }
    assert.equal((await withCourier((c) => deliver(c, ...cargoes))).length, 50);
    assert.equal((await collectWithin10s(bob, 50)).length, 50);
  });

  test('malformed and foreign cargo is acknowledged, and spoils nothing', async () => {
    const { aliceEndpoint, bobEndpoint, aliceChannel, bob } = peers;
    const stranger = await selfMadePrivateGateway();
    const foreign = new core.Cargo(aliceChannel.recipient(), stranger.certificate, await aliceChannel.seal(Buffer.alloc(0)));
    const parcel = await parcelTo(bobEndpoint, aliceEndpoint);
    const acknowledged = await withCourier(async (c) =>
      deliver(
        c,
        Buffer.from('not a cargo'),
        Buffer.from(await foreign.serialize(stranger.keys.privateKey)),
        await aliceChannel.cargo([], { payload: Buffer.from('not encrypted') }),
        await aliceChannel.cargo([Buffer.from('not a parcel'), parcel.octets]),
      ),
    );
    assert.equal(acknowledged.length, 4);
    const collected = await collectWithin10s(bob, 1);
    assert.equal(collected.length, 1);
    assert.ok(sameOctets(collected[0], parcel.octets));
  });

  test('the same cargo twice is one parcel', async () => {
    const { aliceEndpoint, bobEndpoint, aliceChannel, bob } = peers;
    const cargo = await aliceChannel.cargo([(await parcelTo(bobEndpoint, aliceEndpoint)).octets]);
    await withCourier((c) => deliver(c, cargo));
    await withCourier((c) => deliver(c, cargo));
    assert.equal((await collectWithin10s(bob, 1)).length, 1);
    assert.deepEqual(await collectAll(bob), []);
  });
});

describe('collection of cargo', () => {
  test('nothing waits: the call completes', async () => {
    const { bobChannel } = await pair();
    const authorization = await bobChannel.collectionAuthorization();
    assert.deepEqual(await withCourier((c) => collect(c, authorization)), []);
  });

  test('parcels come in a cargo that the courier keeps and the library decrypts', async () => {
    const { alice, bobChannel, aliceEndpoint, bobEndpoint } = await pair();
    const parcels = [];
    for (let i = 0; i < 3; i++) {
      const parcel = await parcelTo(bobEndpoint, aliceEndpoint);
      parcels.push(parcel.octets);
      await alice.client.deliverParcel(parcel.octets, alice.deliverySigner);
    }
    const authorization = await bobChannel.collectionAuthorization();
    const cargoes = await withCourier((c) => collect(c, authorization));
    assert.equal(cargoes.length, 1);
    assert.ok(await courierKeeps(cargoes[0]), 'the rule of released couriers');
    const { messages, cargo } = await bobChannel.open(cargoes[0]);
    assert.equal(cargo.recipient.internetAddress, undefined);
    assert.equal(messages.length, 3);
    parcels.forEach((octets, i) => assert.ok(sameOctets(messages[i], octets), `parcel ${i}, oldest first`));
  });

  test('parcels that came by cargo are acknowledged by cargo', async () => {
    const { aliceChannel, bob, aliceEndpoint, bobEndpoint } = await pair();
    const parcel = await parcelTo(bobEndpoint, aliceEndpoint);
    await withCourier(async (c) => deliver(c, await aliceChannel.cargo([parcel.octets])));
    await collectWithin10s(bob, 1);

    const authorization = await aliceChannel.collectionAuthorization();
    const cargoes = await withCourier((c) => collect(c, authorization));
    assert.equal(cargoes.length, 1);
    const { items } = await aliceChannel.open(cargoes[0]);
    const acknowledgement = items.find((item) => item instanceof core.ParcelCollectionAck);
    assert.ok(acknowledgement, 'a PCA');
    assert.equal(acknowledgement.parcelId, parcel.id);
    assert.equal(acknowledgement.recipientEndpointId, bobEndpoint.id);
    assert.equal(acknowledgement.senderEndpointId, aliceEndpoint.id);
  });

  test('a PCA in a cargo removes the parcel', async () => {
    const { alice, bob, bobChannel, aliceEndpoint, bobEndpoint } = await pair();
    const parcel = await parcelTo(bobEndpoint, aliceEndpoint);
    await alice.client.deliverParcel(parcel.octets, alice.deliverySigner);
    const authorization = await bobChannel.collectionAuthorization();
    const [cargo] = await withCourier((c) => collect(c, authorization));
    await bobChannel.open(cargo);

    const acknowledgement = new core.ParcelCollectionAck(aliceEndpoint.id, bobEndpoint.id, parcel.id);
    // A second parcel in the same cargo tells when the first item was handled.
    const marker = await parcelTo(aliceEndpoint, bobEndpoint);
    await withCourier(async (c) => deliver(c, await bobChannel.cargo([Buffer.from(acknowledgement.serialize()), marker.octets])));
    assert.equal((await collectWithin10s(alice, 1)).length, 1);
    const deadline = Date.now() + 5000;
    let left;
    do left = await collectAll(bob, { ack: false });
    while (left.length > 0 && Date.now() < deadline);
    assert.deepEqual(left, []);
  });

  test('two hundred parcels come within the deadline of the client', async () => {
    const { alice, bobChannel, aliceEndpoint, bobEndpoint } = await pair();
    for (let i = 0; i < 20; i++) {
      await Promise.all(
        Array.from({ length: 10 }, async () => {
          const parcel = await parcelTo(bobEndpoint, aliceEndpoint);
          await alice.client.deliverParcel(parcel.octets, alice.deliverySigner);
        }),
      );
    }
    const authorization = await bobChannel.collectionAuthorization();
    const startedAt = performance.now();
    const cargoes = await withCourier((c) => collect(c, authorization));
    console.log(`# 200 parcels in ${cargoes.length} cargoes, collected in ${(performance.now() - startedAt).toFixed(0)} ms`);
    let parcels = 0;
    for (const cargo of cargoes) parcels += (await bobChannel.open(cargo)).messages.length;
    assert.equal(parcels, 200);
  });

  test('a courier that disappears comes back with the same authorisation', async () => {
    const { alice, bobChannel, aliceEndpoint, bobEndpoint } = await pair();
    const payload = Buffer.alloc(3 * 1024 * 1024, 1);
    for (let i = 0; i < 4; i++) {
      const parcel = await parcelTo(bobEndpoint, aliceEndpoint, { payload });
      await alice.client.deliverParcel(parcel.octets, alice.deliverySigner);
    }
    const authorization = await bobChannel.collectionAuthorization();
    const lost = await newCourier();
    for await (const cargo of lost.collectCargo(authorization)) {
      assert.ok(cargo.length > 0);
      break;
    }
    lost.close();

    const messages = [];
    const deadline = Date.now() + 8000;
    while (messages.length === 0 && Date.now() < deadline) {
      try {
        for (const cargo of await withCourier((c) => collect(c, authorization))) {
          messages.push(...(await bobChannel.open(cargo)).messages);
        }
      } catch (error) {
        assert.ok(!/PERMISSION_DENIED/.test(error.message), `the authorisation was burnt: ${error.message}`);
      }
    }
    assert.equal(messages.length, 4);
  });
});

describe('refused authorisations', () => {
  let peers;
  before(async () => {
    peers = await pair();
  });

  const attempt = (authorization) => withCourier((c) => collect(c, authorization));

  test('one that was used', async () => {
    const authorization = await peers.bobChannel.collectionAuthorization();
    await attempt(authorization);
    await rejectsWith(attempt(authorization), PERMISSION_DENIED);
  });

  test('a malformed one', async () => {
    await rejectsWith(attempt(Buffer.from('not an authorisation')), UNAUTHENTICATED);
  });

  test('an expired one', async () => {
    const authorization = await peers.bobChannel.collectionAuthorization({
      creationDate: new Date(Date.now() - 60_000),
      ttl: 30,
    });
    await rejectsWith(attempt(authorization), UNAUTHENTICATED);
  });

  test('one from a stranger', async () => {
    const stranger = await selfMadePrivateGateway();
    const authorization = await peers.bobChannel.collectionAuthorization({ senderCertificate: stranger.certificate });
    await rejectsWith(attempt(authorization), UNAUTHENTICATED);
  });

  test('one for another gateway', async () => {
    const authorization = await peers.bobChannel.collectionAuthorization({ recipient: { id: peers.alice.id } });
    await rejectsWith(attempt(authorization), UNAUTHENTICATED, INVALID_ARGUMENT);
  });

  test('one that authorises another key than ours', async () => {
    const authorization = await peers.bobChannel.collectionAuthorization({ authorizedKey: peers.alice.keys.publicKey });
    await rejectsWith(attempt(authorization), UNAUTHENTICATED, INVALID_ARGUMENT);
  });
});
