// Private gateways and endpoints as the real JS library makes them, for the
// tests beside this file.

import poweb from '@relaycorp/relaynet-poweb';
import core from '@relaycorp/relaynet-core';

const DAY_MS = 24 * 3600 * 1000;

/** The gateway under test, as the Go harness started it. */
export const gateway = {
  powebPort: Number(required('AWALA_POWEB_PORT')),
  powebURL: `http://127.0.0.1:${required('AWALA_POWEB_PORT')}`,
  pohttpURL: `http://127.0.0.1:${required('AWALA_POHTTP_PORT')}`,
  cogrpcPort: Number(process.env.AWALA_COGRPC_PORT ?? 0),
  internetAddress: required('AWALA_INTERNET_ADDRESS'),
};

function required(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run these tests with go test ./interop`);
  return value;
}

export function powebClient() {
  return poweb.PoWebClient.initLocal(gateway.powebPort);
}

/** A private gateway registered with the gateway under test. */
export async function registerPrivateGateway() {
  const keys = await core.generateRSAKeyPair();
  const client = powebClient();
  const authorization = await client.preRegisterNode(keys.publicKey);
  const request = new core.PrivateNodeRegistrationRequest(keys.publicKey, authorization);
  const registration = await client.registerNode(await request.serialize(keys.privateKey));
  return privateGateway(keys, registration.privateNodeCertificate, registration);
}

/** A private gateway with a certificate of its own making, unknown to ours. */
export async function selfMadePrivateGateway() {
  const keys = await core.generateRSAKeyPair();
  const certificate = await core.issueGatewayCertificate({
    issuerPrivateKey: keys.privateKey,
    subjectPublicKey: keys.publicKey,
    validityEndDate: inDays(30),
  });
  return privateGateway(keys, certificate, null);
}

/** A private gateway with what it got, or would have got, by registering. */
export async function privateGateway(keys, certificate, registration) {
  return {
    id: await certificate.calculateSubjectId(),
    keys,
    certificate,
    client: powebClient(),
    registration,
    deliverySigner: new core.ParcelDeliverySigner(certificate, keys.privateKey),
    handshakeSigner: new core.ParcelCollectionHandshakeSigner(certificate, keys.privateKey),
  };
}

/** An endpoint served by the private gateway. */
export async function newEndpoint(privateGateway) {
  const keys = await core.generateRSAKeyPair();
  const certificate = await core.issueEndpointCertificate({
    issuerCertificate: privateGateway.certificate,
    issuerPrivateKey: privateGateway.keys.privateKey,
    subjectPublicKey: keys.publicKey,
    validityEndDate: inDays(30),
  });
  return { id: await certificate.calculateSubjectId(), keys, certificate, privateGateway };
}

/**
 * A parcel to a private endpoint of ours, under an authorisation (PDA) that the
 * recipient gave the sender.
 */
export async function parcelTo(recipient, sender, options = {}) {
  const authorization = await core.issueDeliveryAuthorization({
    issuerCertificate: recipient.certificate,
    issuerPrivateKey: recipient.keys.privateKey,
    subjectPublicKey: sender.keys.publicKey,
    validityEndDate: inDays(20),
  });
  const parcel = new core.Parcel(
    options.recipient ?? { id: recipient.id },
    options.senderCertificate ?? authorization,
    options.payload ?? (await sealedServiceMessage()),
    {
      ttl: options.ttl ?? 3600,
      creationDate: options.creationDate ?? new Date(Date.now() - 1000),
      ...(options.id ? { id: options.id } : {}),
      senderCaCertificateChain: options.chain ?? [
        recipient.certificate,
        recipient.privateGateway.certificate,
      ],
    },
  );
  const octets = await parcel.serialize(options.signingKey ?? sender.keys.privateKey);
  return { id: parcel.id, octets };
}

/** A parcel bound for an Internet endpoint. */
export async function parcelToInternet(internetAddress, recipientId, sender, options = {}) {
  const parcel = new core.Parcel(
    { id: recipientId, internetAddress },
    sender.certificate,
    options.payload ?? (await sealedServiceMessage()),
    {
      ttl: options.ttl ?? 3600,
      creationDate: options.creationDate ?? new Date(Date.now() - 1000),
      senderCaCertificateChain: [sender.privateGateway.certificate],
    },
  );
  return { id: parcel.id, octets: await parcel.serialize(sender.keys.privateKey) };
}

async function sealedServiceMessage() {
  const recipientSession = await core.SessionKeyPair.generate();
  const message = new core.ServiceMessage('application/x.test', Buffer.from('hello'));
  const { envelopedData } = await core.SessionEnvelopedData.encrypt(
    message.serialize(),
    recipientSession.sessionKey,
  );
  return Buffer.from(envelopedData.serialize());
}

export function inDays(days) {
  return new Date(Date.now() + days * DAY_MS);
}

/** Collects everything that waits, acknowledging each parcel unless told not to. */
export async function collectAll(privateGateway, { ack = true } = {}) {
  const parcels = [];
  const collections = privateGateway.client.collectParcels(
    [privateGateway.handshakeSigner],
    core.StreamingMode.CLOSE_UPON_COMPLETION,
  );
  for await (const collection of collections) {
    parcels.push(Buffer.from(collection.parcelSerialized));
    if (!ack) break;
    await collection.ack();
  }
  return parcels;
}

export const sameOctets = (a, b) => Buffer.from(a).equals(Buffer.from(b));
