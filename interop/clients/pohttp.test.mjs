// The real PoHTTP client (@relaycorp/relaynet-pohttp), and plain HTTP where it
// would hide the answer, against the gateway.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';

import pohttp from '@relaycorp/relaynet-pohttp';

import { collectAll, gateway, newEndpoint, parcelTo, registerPrivateGateway, sameOctets, selfMadePrivateGateway } from './nodes.mjs';

const PARCEL = 'application/vnd.awala.parcel';
let bob, bobEndpoint, sender;

before(async () => {
  bob = await registerPrivateGateway();
  bobEndpoint = await newEndpoint(bob);
  sender = await newEndpoint(await selfMadePrivateGateway());
});

function post(body, headers = { 'Content-Type': PARCEL }) {
  return fetch(gateway.pohttpURL, { method: 'POST', body, headers });
}

describe('the real client', () => {
  test('delivers a parcel that the private gateway then collects', async () => {
    const parcel = await parcelTo(bobEndpoint, sender);
    const response = await pohttp.deliverParcel(gateway.pohttpURL, parcel.octets, { useTls: false });
    assert.equal(response.status, 202);
    const collected = await collectAll(bob);
    assert.equal(collected.length, 1);
    assert.ok(sameOctets(collected[0], parcel.octets));
  });

  test('is told of an invalid parcel', async () => {
    const parcel = await parcelTo(bobEndpoint, sender, { creationDate: new Date(Date.now() - 10_000), ttl: 5 });
    await assert.rejects(
      pohttp.deliverParcel(gateway.pohttpURL, parcel.octets, { useTls: false }),
      pohttp.PoHTTPInvalidParcelError,
    );
  });

  test('is told of a malformed parcel', async () => {
    await assert.rejects(
      pohttp.deliverParcel(gateway.pohttpURL, Buffer.from('not a parcel'), { useTls: false }),
      pohttp.PoHTTPClientBindingError,
    );
  });
});

describe('status codes', () => {
  test('GET and HEAD answer 200 with plain text', async () => {
    for (const method of ['GET', 'HEAD']) {
      const response = await fetch(gateway.pohttpURL, { method });
      assert.equal(response.status, 200);
      assert.match(response.headers.get('content-type'), /^text\/plain/);
    }
  });

  test('an accepted parcel answers 202 with an empty object', async () => {
    const parcel = await parcelTo(bobEndpoint, sender);
    const response = await post(parcel.octets);
    assert.equal(response.status, 202);
    assert.deepEqual(await response.json(), {});
    assert.equal((await collectAll(bob)).length, 1);
  });

  const dead = {
    'a truncated parcel': [400, async () => (await parcelTo(bobEndpoint, sender)).octets.slice(0, -10)],
    'an empty body': [400, async () => Buffer.alloc(0)],
    'an expired parcel': [
      403,
      async () => (await parcelTo(bobEndpoint, sender, { creationDate: new Date(Date.now() - 9000), ttl: 5 })).octets,
    ],
    'a parcel from the far future': [
      403,
      async () => (await parcelTo(bobEndpoint, sender, { creationDate: new Date(Date.now() + 86_400_000) })).octets,
    ],
    'a parcel for another recipient than its authorisation names': [
      403,
      async () => (await parcelTo(bobEndpoint, sender, { recipient: { id: sender.id } })).octets,
    ],
    'a parcel signed by the wrong key': [
      [400, 403],
      async () => (await parcelTo(bobEndpoint, sender, { signingKey: bobEndpoint.keys.privateKey })).octets,
    ],
    'a parcel for a stranger': [403, async () => (await parcelTo(sender, bobEndpoint)).octets],
  };
  for (const [name, [statuses, make]] of Object.entries(dead)) {
    test(`${name} is refused and leaves nothing behind`, async () => {
      const response = await post(await make());
      assert.ok([statuses].flat().includes(response.status), `status ${response.status}`);
      assert.ok((await response.text()).length > 0, 'a reason');
      assert.deepEqual(await collectAll(bob), []);
    });
  }

  test('errors come as JSON or text, as asked', async () => {
    const json = await post('x', { 'Content-Type': PARCEL, Accept: 'application/json' });
    assert.match(json.headers.get('content-type'), /^application\/json/);
    assert.equal(typeof (await json.json()).message, 'string');
    const text = await post('x', { 'Content-Type': PARCEL, Accept: 'text/plain' });
    assert.match(text.headers.get('content-type'), /^text\/plain/);
  });

  test('another content type answers 415', async () => {
    assert.equal((await post('x', { 'Content-Type': 'text/plain' })).status, 415);
  });

  test('a body over nine mebibytes answers 413', async () => {
    assert.equal((await post(Buffer.alloc(9 * 1024 * 1024 + 1))).status, 413);
  });

  test('other methods answer 405 with Allow, and OPTIONS 204', async () => {
    for (const method of ['PUT', 'DELETE', 'PATCH']) {
      const response = await fetch(gateway.pohttpURL, { method });
      assert.equal(response.status, 405);
      assert.equal(response.headers.get('allow'), 'HEAD, GET, POST');
    }
    const options = await fetch(gateway.pohttpURL, { method: 'OPTIONS' });
    assert.equal(options.status, 204);
    assert.equal(options.headers.get('allow'), 'HEAD, GET, POST');
  });
});
