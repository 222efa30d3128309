// Parcels to the Internet: what the real clients hand in must reach a receiver
// written with the real library. The harness points receiver.example at it.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { after, before, describe, test } from 'node:test';

import core from '@relaycorp/relaynet-core';

import { CourierChannel, deliver, newCourier, toArrayBuffer } from './couriers.mjs';
import { newEndpoint, parcelToInternet, registerPrivateGateway, sameOctets } from './nodes.mjs';

const ADDRESS = 'receiver.example';

/** An Internet endpoint that answers as it is told and remembers requests. */
class Receiver {
  requests = [];
  answers = new Map();
  #waiting = [];

  constructor() {
    this.server = createServer(async (request, response) => {
      const chunks = [];
      for await (const chunk of request) chunks.push(chunk);
      const body = Buffer.concat(chunks);
      const parcel = await core.Parcel.deserialize(toArrayBuffer(body));
      const status = this.answers.get(parcel.id)?.shift() ?? 202;
      this.requests.push({ request, body, parcel, status, at: performance.now() });
      response.writeHead(status).end();
      this.#waiting.splice(0).forEach((wake) => wake());
    });
  }

  async listen(port) {
    this.server.listen(port, '127.0.0.1');
    await once(this.server, 'listening');
  }

  /** Waits until the parcel was posted n times and returns those requests. */
  async posted(parcelId, n, withinMs = 15_000) {
    const deadline = Date.now() + withinMs;
    for (;;) {
      const found = this.requests.filter(({ parcel }) => parcel.id === parcelId);
      if (found.length >= n) return found;
      const left = deadline - Date.now();
      assert.ok(left > 0, `parcel posted ${found.length} times, want ${n}`);
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#waiting.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }
}

describe('delivery to an Internet endpoint', () => {
  const receiver = new Receiver();
  let alice, sender, recipientId;

  before(async () => {
    await receiver.listen(Number(process.env.AWALA_RECEIVER_PORT));
    alice = await registerPrivateGateway();
    sender = await newEndpoint(alice);
    recipientId = await core.getIdFromIdentityKey((await core.generateRSAKeyPair()).publicKey);
  });

  after(() => {
    receiver.server.closeAllConnections();
    receiver.server.close();
  });

  const handIn = async (address = ADDRESS) => {
    const parcel = await parcelToInternet(address, recipientId, sender);
    await alice.client.deliverParcel(parcel.octets, alice.deliverySigner);
    return parcel;
  };

  test('a parcel handed in by PoWeb arrives as it was written', async () => {
    const parcel = await handIn();
    const [{ request, body, parcel: received }] = await receiver.posted(parcel.id, 1);
    assert.equal(request.method, 'POST');
    assert.equal(request.url, '/');
    assert.equal(request.headers['content-type'], 'application/vnd.awala.parcel');
    assert.equal(Number(request.headers['content-length']), body.length);
    assert.ok(sameOctets(body, parcel.octets));
    await received.validate();
    assert.equal(received.recipient.internetAddress, ADDRESS);
  });

  test('the address is compared without regard to case', async () => {
    const parcel = await handIn(ADDRESS.toUpperCase());
    await receiver.posted(parcel.id, 1);
  });

  test('a parcel handed in by cargo arrives', async () => {
    const parcel = await parcelToInternet(ADDRESS, recipientId, sender);
    const channel = await CourierChannel.open(alice);
    const courier = await newCourier();
    await deliver(courier, await channel.cargo([parcel.octets]));
    courier.close();
    const [{ body }] = await receiver.posted(parcel.id, 1);
    assert.ok(sameOctets(body, parcel.octets));
  });

  test('a busy receiver is tried again', async () => {
    const parcel = await parcelToInternet(ADDRESS, recipientId, sender);
    receiver.answers.set(parcel.id, [503, 429]);
    await alice.client.deliverParcel(parcel.octets, alice.deliverySigner);
    const requests = await receiver.posted(parcel.id, 3, 25_000);
    assert.deepEqual(requests.map(({ status }) => status), [503, 429, 202]);
  });

  test('a refusal is final, and so is an acceptance', async () => {
    const refused = await parcelToInternet(ADDRESS, recipientId, sender);
    receiver.answers.set(refused.id, [403]);
    await alice.client.deliverParcel(refused.octets, alice.deliverySigner);
    await receiver.posted(refused.id, 1);
    const accepted = await handIn();
    await receiver.posted(accepted.id, 1);
    await alice.client.deliverParcel(accepted.octets, alice.deliverySigner);
    await new Promise((resolve) => setTimeout(resolve, 4000));
    assert.equal((await receiver.posted(refused.id, 1)).length, 1);
    assert.equal((await receiver.posted(accepted.id, 1)).length, 1);
  });
});
