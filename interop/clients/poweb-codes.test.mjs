// Every status and close code of the PoWeb server, by plain HTTP and WebSocket,
// where the real client would hide them.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { before, describe, test } from 'node:test';

import core from '@relaycorp/relaynet-core';
import WebSocket from 'ws';

import { collectAll, gateway, newEndpoint, parcelTo, registerPrivateGateway, selfMadePrivateGateway } from './nodes.mjs';

const PARCEL = 'application/vnd.awala.parcel';
const PNRA = 'application/vnd.awala.node-registration.authorization';
const PNRR = 'application/vnd.awala.node-registration.request';
const PNR = 'application/vnd.awala.node-registration.registration';

let alice, bob, aliceEndpoint, bobEndpoint;

before(async () => {
  [alice, bob] = [await registerPrivateGateway(), await registerPrivateGateway()];
  [aliceEndpoint, bobEndpoint] = [await newEndpoint(alice), await newEndpoint(bob)];
});

const request = (path, options) => fetch(`${gateway.powebURL}${path}`, options);

const post = (path, contentType, body, headers = {}) =>
  request(path, { method: 'POST', body, headers: { 'Content-Type': contentType, ...headers } });

async function digest(publicKey) {
  return createHash('sha256').update(await exported(publicKey)).digest('hex');
}

const exported = async (publicKey) => Buffer.from(await core.derSerializePublicKey(publicKey));

describe('plain routes', () => {
  test('/ answers 200', async () => {
    for (const method of ['GET', 'HEAD']) {
      const response = await request('/', { method });
      assert.equal(response.status, 200);
      assert.match(response.headers.get('content-type'), /^text\/plain/);
    }
  });

  test('the connection parameters name the gateway', async () => {
    const response = await request('/connection-params.der');
    assert.equal(response.status, 200);
    assert.equal(response.headers.get('content-type'), 'application/vnd.etsi.tsl.der');
    const params = await core.NodeConnectionParams.deserialize(await response.arrayBuffer());
    assert.equal(params.internetAddress, gateway.internetAddress);
    assert.equal(
      await core.getIdFromIdentityKey(params.identityKey),
      await alice.registration.gatewayCertificate.calculateSubjectId(),
    );
  });

  test('an unknown path answers 404', async () => {
    assert.equal((await request('/v1/nothing')).status, 404);
  });

  test('other methods answer 405 with Allow, and OPTIONS 204', async () => {
    const allowed = {
      '/': 'HEAD, GET',
      '/connection-params.der': 'HEAD, GET',
      '/v1/pre-registrations': 'POST',
      '/v1/nodes': 'POST',
      '/v1/parcels': 'POST',
    };
    for (const [path, allow] of Object.entries(allowed)) {
      const refused = await request(path, { method: 'DELETE' });
      assert.equal(refused.status, 405, path);
      assert.equal(refused.headers.get('allow'), allow, path);
      const options = await request(path, { method: 'OPTIONS' });
      assert.equal(options.status, 204, path);
      assert.equal(options.headers.get('allow'), allow, path);
    }
  });
});

describe('registration codes', () => {
  test('both spellings of the pre-registration path', async () => {
    const keys = await core.generateRSAKeyPair();
    for (const path of ['/v1/pre-registrations', '/v1/pre-registration']) {
      const response = await post(path, 'text/plain', await digest(keys.publicKey));
      assert.equal(response.status, 200, path);
      assert.equal(response.headers.get('content-type'), PNRA, 'exactly, without parameters');
    }
  });

  test('a pre-registration of the wrong form', async () => {
    assert.equal((await post('/v1/pre-registrations', 'text/plain', 'a'.repeat(63))).status, 400);
    assert.equal((await post('/v1/pre-registrations', 'text/plain', 'a'.repeat(65))).status, 400);
    assert.equal((await post('/v1/pre-registrations', 'text/plain', 'Z'.repeat(64))).status, 400);
    assert.equal((await post('/v1/pre-registrations', 'application/json', 'a'.repeat(64))).status, 415);
  });

  async function registrationRequest(keys, authorization) {
    return new core.PrivateNodeRegistrationRequest(keys.publicKey, authorization).serialize(keys.privateKey);
  }

  test('a registration answers 200 with the exact type, and 400 when replayed', async () => {
    const keys = await core.generateRSAKeyPair();
    const authorization = await alice.client.preRegisterNode(keys.publicKey);
    const body = await registrationRequest(keys, authorization);
    const response = await post('/v1/nodes', PNRR, body);
    assert.equal(response.status, 200);
    assert.equal(response.headers.get('content-type'), PNR);
    assert.equal((await post('/v1/nodes', PNRR, body)).status, 400);
  });

  // Ten seconds, and five by which the clocks of replicas may differ.
  test('an authorisation that is too old answers 400', async () => {
    const keys = await core.generateRSAKeyPair();
    const body = await registrationRequest(keys, await alice.client.preRegisterNode(keys.publicKey));
    await new Promise((resolve) => setTimeout(resolve, 16_500));
    assert.equal((await post('/v1/nodes', PNRR, body)).status, 400);
  });

  test('malformed, foreign and mismatched requests', async () => {
    assert.equal((await post('/v1/nodes', PNRR, 'nonsense')).status, 400);
    assert.equal((await post('/v1/nodes', 'text/plain', 'nonsense')).status, 415);

    const keys = await core.generateRSAKeyPair();
    const expiry = new Date(Date.now() + 8000);
    const forged = await new core.PrivateNodeRegistrationAuthorization(expiry, Buffer.alloc(48)).serialize(keys.privateKey);
    assert.equal((await post('/v1/nodes', PNRR, await registrationRequest(keys, forged))).status, 400);

    const other = await core.generateRSAKeyPair();
    const authorization = await alice.client.preRegisterNode(keys.publicKey);
    assert.equal((await post('/v1/nodes', PNRR, await registrationRequest(other, authorization))).status, 403);
  });

  test('oversized bodies answer 413', async () => {
    assert.equal((await post('/v1/nodes', PNRR, Buffer.alloc(1024 * 1024 + 1))).status, 413);
  });
});

describe('parcel delivery codes', () => {
  const deliver = async (octets, scheme, signer = alice.deliverySigner, contentType = PARCEL) => {
    const signature = Buffer.from(await signer.sign(octets)).toString('base64');
    return post('/v1/parcels', contentType, octets, { Authorization: `${scheme} ${signature}` });
  };

  test('202 with an empty body, under either scheme, also for duplicates', async () => {
    const { octets } = await parcelTo(bobEndpoint, aliceEndpoint);
    for (const scheme of ['Relaynet-Countersignature', 'Awala-Countersignature', 'Relaynet-Countersignature']) {
      const response = await deliver(octets, scheme);
      assert.equal(response.status, 202, scheme);
      assert.equal(await response.text(), '');
    }
    assert.equal((await collectAll(bob)).length, 1);
  });

  test('401 with a challenge for a missing or bad countersignature', async () => {
    const { octets } = await parcelTo(bobEndpoint, aliceEndpoint);
    const stranger = await selfMadePrivateGateway();
    const responses = [
      await post('/v1/parcels', PARCEL, octets),
      await post('/v1/parcels', PARCEL, octets, { Authorization: 'Relaynet-Countersignature' }),
      await post('/v1/parcels', PARCEL, octets, { Authorization: 'Relaynet-Countersignature !!!' }),
      await post('/v1/parcels', PARCEL, octets, { Authorization: 'Basic abcd' }),
      await deliver(octets, 'Relaynet-Countersignature', stranger.deliverySigner),
      await deliver(octets, 'Relaynet-Countersignature', alice.handshakeSigner),
    ];
    for (const [i, response] of responses.entries()) {
      assert.equal(response.status, 401, `case ${i}`);
      assert.equal(response.headers.get('www-authenticate'), 'Relaynet-Countersignature', `case ${i}`);
    }
    assert.deepEqual(await collectAll(bob), []);
  });

  test('400 malformed, 422 invalid, 415 other type, 413 too large', async () => {
    const malformed = Buffer.from('not a parcel');
    assert.equal((await deliver(malformed, 'Relaynet-Countersignature')).status, 400);
    const { octets } = await parcelTo(bobEndpoint, aliceEndpoint, { creationDate: new Date(Date.now() - 9000), ttl: 5 });
    assert.equal((await deliver(octets, 'Relaynet-Countersignature')).status, 422);
    assert.equal((await deliver(malformed, 'Relaynet-Countersignature', alice.deliverySigner, 'text/plain')).status, 415);
    assert.equal((await deliver(Buffer.alloc(9 * 1024 * 1024 + 1), 'Relaynet-Countersignature')).status, 413);
    assert.deepEqual(await collectAll(bob), []);
  });
});

describe('parcel collection codes', () => {
  const connect = (headers = {}) =>
    new WebSocket(`ws://127.0.0.1:${gateway.powebPort}/v1/parcel-collection`, { headers });

  const closed = (socket) => new Promise((resolve) => socket.once('close', resolve));
  const message = (socket) =>
    new Promise((resolve, reject) => {
      socket.once('message', (data, isBinary) => resolve({ data, isBinary }));
      socket.once('close', (code) => reject(new Error(`closed with ${code}`)));
    });

  async function handshake(socket, ...signers) {
    const { data, isBinary } = await message(socket);
    assert.ok(isBinary, 'a binary challenge');
    const challenge = core.HandshakeChallenge.deserialize(toArrayBuffer(data));
    const signatures = await Promise.all(signers.map((signer) => signer.sign(challenge.nonce)));
    socket.send(Buffer.from(new core.HandshakeResponse(signatures).serialize()));
  }

  test('a ping comes at once', async () => {
    const socket = connect();
    const startedAt = performance.now();
    await new Promise((resolve) => socket.once('ping', resolve));
    assert.ok(performance.now() - startedAt < 2000);
    socket.terminate();
  });

  test('1008 for a browser', async () => {
    assert.equal(await closed(connect({ Origin: 'https://example.com' })), 1008);
  });

  test('1003 for a malformed, empty, foreign or wrongly signed response', async () => {
    const malformed = connect();
    await message(malformed);
    malformed.send(Buffer.from('nonsense'));
    assert.equal(await closed(malformed), 1003);

    const empty = connect();
    await handshake(empty);
    assert.equal(await closed(empty), 1003);

    const stranger = connect();
    await handshake(stranger, (await selfMadePrivateGateway()).handshakeSigner);
    assert.equal(await closed(stranger), 1003);

    const mixed = connect();
    await handshake(mixed, alice.handshakeSigner, alice.deliverySigner);
    assert.equal(await closed(mixed), 1003);
  });

  test('1003 for an unknown acknowledgement', async () => {
    const socket = connect();
    await handshake(socket, bob.handshakeSigner);
    socket.send('no-such-delivery');
    assert.equal(await closed(socket), 1003);
  });

  for (const header of ['X-Relaynet-Streaming-Mode', 'X-Awala-Streaming-Mode']) {
    test(`1000 upon completion, asked by ${header}`, async () => {
      const socket = connect({ [header]: 'close-upon-completion' });
      await handshake(socket, bob.handshakeSigner);
      assert.equal(await closed(socket), 1000);
    });
  }

  test('two signatures collect for both gateways', async () => {
    for (const [recipient, sender] of [[bobEndpoint, aliceEndpoint], [aliceEndpoint, bobEndpoint]]) {
      const { octets } = await parcelTo(recipient, sender);
      await alice.client.deliverParcel(octets, alice.deliverySigner);
    }
    const socket = connect({ 'X-Relaynet-Streaming-Mode': 'close-upon-completion' });
    let deliveries = 0;
    await handshake(socket, alice.handshakeSigner, bob.handshakeSigner);
    socket.on('message', (data, isBinary) => {
      assert.ok(isBinary, 'a binary delivery');
      deliveries++;
      const delivery = core.ParcelDelivery.deserialize(toArrayBuffer(data));
      // Both text and binary acknowledgements are understood.
      socket.send(deliveries === 1 ? delivery.deliveryId : Buffer.from(delivery.deliveryId));
    });
    assert.equal(await closed(socket), 1000);
    assert.equal(deliveries, 2);
    assert.deepEqual(await collectAll(bob), []);
  });

  test('one delivery is in flight at a time', async () => {
    for (let i = 0; i < 3; i++) {
      const { octets } = await parcelTo(bobEndpoint, aliceEndpoint);
      await alice.client.deliverParcel(octets, alice.deliverySigner);
    }
    const socket = connect();
    let deliveries = 0;
    await handshake(socket, bob.handshakeSigner);
    socket.on('message', () => deliveries++);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    assert.equal(deliveries, 1);
    socket.terminate();
    assert.equal((await collectAll(bob)).length, 3);
  });
});

function toArrayBuffer(data) {
  return data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength);
}
