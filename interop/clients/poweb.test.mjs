// The real PoWeb client (@relaycorp/relaynet-poweb) against the gateway.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';

import core from '@relaycorp/relaynet-core';
import poweb from '@relaycorp/relaynet-poweb';

import {
  collectAll,
  gateway,
  newEndpoint,
  parcelTo,
  parcelToInternet,
  powebClient,
  registerPrivateGateway,
  sameOctets,
  selfMadePrivateGateway,
} from './nodes.mjs';

const { PoWebClient, RefusedParcelError, ParcelDeliveryError, ServerError } = poweb;

describe('registration', () => {
  test('yields a certificate issued by the gateway, its address and a session key', async () => {
    const { registration, id, keys } = await registerPrivateGateway();

    assert.equal(registration.internetGatewayInternetAddress, gateway.internetAddress);
    assert.equal(id, await core.getIdFromIdentityKey(keys.publicKey));
    assert.ok(registration.sessionKey, 'a session key');
    const path = await registration.privateNodeCertificate.getCertificationPath(
      [],
      [registration.gatewayCertificate],
    );
    assert.equal(path.length, 2);
    const lifeDays =
      (registration.privateNodeCertificate.expiryDate - registration.privateNodeCertificate.startDate) / 86_400_000;
    assert.ok(lifeDays <= 180.2, `certificate lives ${lifeDays} days`);
  });

  test('can be repeated for the same key', async () => {
    const first = await registerPrivateGateway();
    const authorization = await first.client.preRegisterNode(first.keys.publicKey);
    const request = new core.PrivateNodeRegistrationRequest(first.keys.publicKey, authorization);
    const second = await first.client.registerNode(await request.serialize(first.keys.privateKey));
    assert.equal(await second.privateNodeCertificate.calculateSubjectId(), first.id);
  });

  test('takes an authorisation only once', async () => {
    const keys = await core.generateRSAKeyPair();
    const client = powebClient();
    const authorization = await client.preRegisterNode(keys.publicKey);
    const request = await new core.PrivateNodeRegistrationRequest(keys.publicKey, authorization).serialize(keys.privateKey);
    await client.registerNode(request);
    await assert.rejects(client.registerNode(request), ServerError);
  });

  test("refuses another key than the authorisation's", async () => {
    const [authorised, other] = [await core.generateRSAKeyPair(), await core.generateRSAKeyPair()];
    const client = powebClient();
    const authorization = await client.preRegisterNode(authorised.publicKey);
    const request = new core.PrivateNodeRegistrationRequest(other.publicKey, authorization);
    await assert.rejects(client.registerNode(await request.serialize(other.privateKey)), ServerError);
  });
});

describe('parcels between two private gateways', () => {
  let alice, bob, aliceEndpoint, bobEndpoint;

  before(async () => {
    [alice, bob] = [await registerPrivateGateway(), await registerPrivateGateway()];
    [aliceEndpoint, bobEndpoint] = [await newEndpoint(alice), await newEndpoint(bob)];
  });

  test('an empty mailbox completes at once', async () => {
    assert.deepEqual(await collectAll(bob), []);
  });

  test('a parcel is delivered, collected once and gone', async () => {
    const parcel = await parcelTo(bobEndpoint, aliceEndpoint);
    await alice.client.deliverParcel(parcel.octets, alice.deliverySigner);

    const collected = await collectAll(bob);
    assert.equal(collected.length, 1);
    assert.ok(sameOctets(collected[0], parcel.octets), 'the very octets that were sent');
    assert.deepEqual(await collectAll(bob), []);
  });

  test('the library validates what it collects', async () => {
    const parcel = await parcelTo(bobEndpoint, aliceEndpoint);
    await alice.client.deliverParcel(parcel.octets, alice.deliverySigner);
    for await (const collection of bob.client.collectParcels(
      [bob.handshakeSigner],
      core.StreamingMode.CLOSE_UPON_COMPLETION,
    )) {
      const read = await core.Parcel.deserialize(collection.parcelSerialized);
      assert.equal(read.id, parcel.id);
      await read.validate([bob.certificate]);
      await collection.ack();
    }
  });

  test('our own address in the recipient, in any case, stays in the house', async () => {
    for (const internetAddress of [gateway.internetAddress, gateway.internetAddress.toUpperCase()]) {
      const parcel = await parcelTo(bobEndpoint, aliceEndpoint, {
        recipient: { id: bobEndpoint.id, internetAddress },
      });
      await alice.client.deliverParcel(parcel.octets, alice.deliverySigner);
      assert.equal((await collectAll(bob)).length, 1);
    }
  });

  test('many queued parcels arrive in the order in which they were accepted', async () => {
    const parcels = [];
    for (let i = 0; i < 12; i++) {
      const parcel = await parcelTo(bobEndpoint, aliceEndpoint);
      parcels.push(parcel);
      await alice.client.deliverParcel(parcel.octets, alice.deliverySigner);
    }
    const collected = await collectAll(bob);
    assert.equal(collected.length, parcels.length);
    parcels.forEach((parcel, i) => assert.ok(sameOctets(collected[i], parcel.octets), `parcel ${i}`));
  });

  test('a parcel of two mebibytes passes', async () => {
    const parcel = await parcelTo(bobEndpoint, aliceEndpoint, { payload: Buffer.alloc(2 * 1024 * 1024, 7) });
    await alice.client.deliverParcel(parcel.octets, alice.deliverySigner);
    const collected = await collectAll(bob);
    assert.equal(collected.length, 1);
    assert.ok(sameOctets(collected[0], parcel.octets));
  });

  test('what was not acknowledged is delivered again', async () => {
    const parcel = await parcelTo(bobEndpoint, aliceEndpoint);
    await alice.client.deliverParcel(parcel.octets, alice.deliverySigner);

    assert.equal((await collectAll(bob, { ack: false })).length, 1);
    assert.equal((await collectAll(bob)).length, 1);
    assert.deepEqual(await collectAll(bob), []);
  });

  test('a duplicate is accepted and collected once, before and after the acknowledgement', async () => {
    const parcel = await parcelTo(bobEndpoint, aliceEndpoint);
    await alice.client.deliverParcel(parcel.octets, alice.deliverySigner);
    await alice.client.deliverParcel(parcel.octets, alice.deliverySigner);
    assert.equal((await collectAll(bob)).length, 1);

    await alice.client.deliverParcel(parcel.octets, alice.deliverySigner);
    assert.deepEqual(await collectAll(bob), []);
  });

  test('a newer parcel with the same id replaces the queued one', async () => {
    const old = await parcelTo(bobEndpoint, aliceEndpoint, { id: 'the-same-id' });
    const renewed = await parcelTo(bobEndpoint, aliceEndpoint, { id: 'the-same-id' });
    await alice.client.deliverParcel(old.octets, alice.deliverySigner);
    await alice.client.deliverParcel(renewed.octets, alice.deliverySigner);
    const collected = await collectAll(bob);
    assert.equal(collected.length, 1);
    assert.ok(sameOctets(collected[0], renewed.octets));
  });

  test('an expired parcel is withheld', async () => {
    const parcel = await parcelTo(bobEndpoint, aliceEndpoint, { creationDate: new Date(), ttl: 2 });
    await alice.client.deliverParcel(parcel.octets, alice.deliverySigner);
    await new Promise((resolve) => setTimeout(resolve, 3100));
    assert.deepEqual(await collectAll(bob), []);
  });

  test('a parcel dated ahead is accepted from a private peer, and handed out when its recipient takes it', async () => {
    for (const ahead of [3600_000, 3000]) {
      const parcel = await parcelTo(bobEndpoint, aliceEndpoint, { creationDate: new Date(Date.now() + ahead) });
      await alice.client.deliverParcel(parcel.octets, alice.deliverySigner);
    }
    const collections = bob.client.collectParcels([bob.handshakeSigner], core.StreamingMode.KEEP_ALIVE);
    for await (const collection of collections) {
      await collection.deserializeAndValidateParcel(); // refuses what is dated ahead
      await collection.ack();
      break;
    }
    await collectAll(bob); // comes again if we left before the acknowledgement was recorded
  });

  test('keep-alive pushes parcels as they arrive', async () => {
    const handshake = Promise.withResolvers?.() ?? deferred();
    const latencies = [];
    let sentAt;
    const rounds = 5;
    const receiver = (async () => {
      for await (const collection of bob.client.collectParcels(
        [bob.handshakeSigner],
        core.StreamingMode.KEEP_ALIVE,
        handshake.resolve,
      )) {
        latencies.push(performance.now() - sentAt);
        await collection.ack();
        if (latencies.length === rounds) break;
        void send();
      }
    })();
    const send = async () => {
      const parcel = await parcelTo(bobEndpoint, aliceEndpoint);
      sentAt = performance.now();
      await alice.client.deliverParcel(parcel.octets, alice.deliverySigner);
    };
    await handshake.promise;
    await send();
    await receiver;
    console.log(`# live push, request to delivery: ${latencies.map((l) => l.toFixed(0)).join(', ')} ms`);
    assert.ok(Math.max(...latencies) < 1000);
  });

  test('an idle keep-alive connection is held open by pings', async () => {
    const handshake = deferred();
    const parcel = await parcelTo(bobEndpoint, aliceEndpoint);
    const receiver = (async () => {
      for await (const collection of bob.client.collectParcels(
        [bob.handshakeSigner],
        core.StreamingMode.KEEP_ALIVE,
        handshake.resolve,
      )) {
        await collection.ack();
        return Buffer.from(collection.parcelSerialized);
      }
      return null;
    })();
    await handshake.promise;
    // The client gives up 7 s after it began to connect unless it is pinged.
    await new Promise((resolve) => setTimeout(resolve, 8500));
    await alice.client.deliverParcel(parcel.octets, alice.deliverySigner);
    assert.ok(sameOctets(await receiver, parcel.octets));
  });
});

describe('refusals that the client understands', () => {
  let alice, bob, aliceEndpoint, bobEndpoint;

  before(async () => {
    [alice, bob] = [await registerPrivateGateway(), await registerPrivateGateway()];
    [aliceEndpoint, bobEndpoint] = [await newEndpoint(alice), await newEndpoint(bob)];
  });

  test('an expired parcel is refused for good', async () => {
    const parcel = await parcelTo(bobEndpoint, aliceEndpoint, { creationDate: new Date(Date.now() - 10_000), ttl: 5 });
    await assert.rejects(alice.client.deliverParcel(parcel.octets, alice.deliverySigner), RefusedParcelError);
  });

  test('a parcel without authorisation is refused for good', async () => {
    const parcel = await parcelTo(bobEndpoint, aliceEndpoint, {
      senderCertificate: aliceEndpoint.certificate,
      chain: [alice.certificate],
    });
    await assert.rejects(alice.client.deliverParcel(parcel.octets, alice.deliverySigner), RefusedParcelError);
  });

  test('a recipient whose gateway never registered is refused for good', async () => {
    const stranger = await selfMadePrivateGateway();
    const parcel = await parcelTo(await newEndpoint(stranger), aliceEndpoint);
    await assert.rejects(alice.client.deliverParcel(parcel.octets, alice.deliverySigner), RefusedParcelError);
  });

  test('an unregistered countersigner is refused, and the client keeps the parcel', async () => {
    const stranger = await selfMadePrivateGateway();
    const parcel = await parcelTo(bobEndpoint, aliceEndpoint);
    await assert.rejects(
      alice.client.deliverParcel(parcel.octets, stranger.deliverySigner),
      (error) => error instanceof ParcelDeliveryError && !(error instanceof RefusedParcelError),
    );
    assert.deepEqual(await collectAll(bob), []);
  });

  test('an unregistered collector fails the handshake', async () => {
    await assert.rejects(collectAll(await selfMadePrivateGateway()), ServerError);
  });

  test('a parcel bound for the Internet is accepted', async () => {
    const recipient = await core.getIdFromIdentityKey((await core.generateRSAKeyPair()).publicKey);
    const parcel = await parcelToInternet('unreachable.example', recipient, aliceEndpoint);
    await alice.client.deliverParcel(parcel.octets, alice.deliverySigner);
  });
});

function deferred() {
  let resolve;
  const promise = new Promise((r) => {
    resolve = r;
  });
  return { promise, resolve };
}
