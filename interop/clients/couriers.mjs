// What private gateways put in couriers' hands, as the real JS library makes
// it, and what a courier does with it.

import cogrpc from '@relaycorp/cogrpc';
import core from '@relaycorp/relaynet-core';

import { gateway, inDays } from './nodes.mjs';

/** A courier connected to the gateway under test. */
export function newCourier() {
  return cogrpc.CogRPCClient.initLocalhost(gateway.cogrpcPort);
}

/**
 * The private gateway's end of the channel by courier: it remembers the session
 * keys that it sent, so that it can read what comes back.
 */
export class CourierChannel {
  constructor(privateGateway) {
    this.privateGateway = privateGateway;
    this.sessionKeys = new Map();
  }

  recipient(overrides = {}) {
    return { id: this.gatewayId, internetAddress: gateway.internetAddress, ...overrides };
  }

  static async open(privateGateway) {
    const channel = new CourierChannel(privateGateway);
    const { registration, keys } = privateGateway;
    channel.gatewayId = await registration.gatewayCertificate.calculateSubjectId();
    channel.theirKey = registration.sessionKey;
    channel.authorizationIssuer = await core.issueGatewayCertificate({
      issuerPrivateKey: keys.privateKey,
      subjectPublicKey: keys.publicKey,
      validityStartDate: new Date(Date.now() - 90 * 60_000),
      validityEndDate: inDays(180),
    });
    return channel;
  }

  /** Encrypts to the gateway's session key that we know. */
  async seal(plaintext) {
    const { envelopedData, dhKeyId, dhPrivateKey } = await core.SessionEnvelopedData.encrypt(plaintext, this.theirKey);
    this.sessionKeys.set(Buffer.from(dhKeyId).toString('hex'), dhPrivateKey);
    return Buffer.from(envelopedData.serialize());
  }

  /** A cargo with the items, each a serialised parcel, PCA or rotation. */
  async cargo(items, options = {}) {
    const set = new core.CargoMessageSet(items.map(toArrayBuffer));
    const cargo = new core.Cargo(
      this.recipient(),
      options.senderCertificate ?? this.privateGateway.certificate,
      options.payload ?? (await this.seal(set.serialize())),
      { creationDate: new Date(Date.now() - 3 * 3600_000), ttl: options.ttl ?? 14 * 24 * 3600 },
    );
    return Buffer.from(await cargo.serialize(this.privateGateway.keys.privateKey));
  }

  /** A cargo collection authorisation (CCA). */
  async collectionAuthorization(options = {}) {
    const cda = await core.issueGatewayCertificate({
      issuerCertificate: this.authorizationIssuer,
      issuerPrivateKey: this.privateGateway.keys.privateKey,
      subjectPublicKey:
        options.authorizedKey ?? (await this.privateGateway.registration.gatewayCertificate.getPublicKey()),
      validityEndDate: inDays(14),
    });
    const request = new core.CargoCollectionRequest(cda);
    const cca = new core.CargoCollectionAuthorization(
      this.recipient(options.recipient),
      options.senderCertificate ?? this.privateGateway.certificate,
      await this.seal(request.serialize()),
      { creationDate: options.creationDate ?? new Date(Date.now() - 90 * 60_000), ttl: options.ttl ?? 14 * 24 * 3600 },
    );
    return Buffer.from(await cca.serialize(this.privateGateway.keys.privateKey));
  }

  /** Validates and decrypts a collected cargo as a private gateway would. */
  async open(cargoSerialized) {
    const cargo = await core.Cargo.deserialize(toArrayBuffer(cargoSerialized));
    await cargo.validate([this.authorizationIssuer]);
    const envelope = core.EnvelopedData.deserialize(toArrayBuffer(cargo.payloadSerialized));
    const key = this.sessionKeys.get(envelope.getRecipientKeyId().toString('hex'));
    if (!key) throw new Error('the cargo is encrypted to a key that we never sent');
    const { payload, senderSessionKey } = await cargo.unwrapPayload(key);
    this.theirKey = senderSessionKey;
    // A private gateway skips what it cannot read.
    const read = await Promise.allSettled(payload.messages.map((m) => core.CargoMessageSet.deserializeItem(m)));
    const items = read.filter(({ status }) => status === 'fulfilled').map(({ value }) => value);
    return { cargo, items, messages: payload.messages, unreadable: read.length - items.length };
  }
}

export async function deliver(courier, ...cargoes) {
  const acknowledged = [];
  async function* requests() {
    for (const [i, cargo] of cargoes.entries()) yield { localId: `cargo ${i}`, cargo };
  }
  for await (const localId of courier.deliverCargo(requests())) acknowledged.push(localId);
  return acknowledged;
}

export async function collect(courier, authorization) {
  const cargoes = [];
  for await (const cargo of courier.collectCargo(authorization)) cargoes.push(cargo);
  return cargoes;
}

/**
 * The rule by which released Android couriers keep a collected cargo: among the
 * attached certificates, the signer's aside, one is the recipient's and issued
 * the signer's.
 */
export async function courierKeeps(cargoSerialized) {
  const cargo = await core.Cargo.deserialize(toArrayBuffer(cargoSerialized));
  const issuer = cargo.senderCertificate.getIssuerId();
  for (const certificate of cargo.senderCaCertificateChain) {
    if ((await certificate.calculateSubjectId()) !== cargo.recipient.id || issuer !== cargo.recipient.id) continue;
    const path = await cargo.senderCertificate.getCertificationPath([], [certificate]);
    return path.length === 2;
  }
  return false;
}

export function toArrayBuffer(octets) {
  if (octets instanceof ArrayBuffer) return octets;
  return octets.buffer.slice(octets.byteOffset, octets.byteOffset + octets.byteLength);
}
