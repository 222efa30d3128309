// Reads Awala messages with the JavaScript library that real clients run, and
// prints what it makes of them.
//
// Usage: node read.js FOLDER
//
// FOLDER/manifest.json is a list of {file, kind, ...}, where kind is a key of
// `readers` below and further properties are what that reader needs. Standard
// output is a JSON object from file to {ok: true, fields} or {ok: false, error}.
'use strict';

const { createHash } = require('node:crypto');
const { readFileSync } = require('node:fs');
const { join } = require('node:path');
const core = require('@relaycorp/relaynet-core');

const folder = process.argv[2];

const hex = (octets) => Buffer.from(octets).toString('hex');
const sha256 = (octets) => createHash('sha256').update(Buffer.from(octets)).digest('hex');

// The library wants ArrayBuffers that hold nothing else.
function read(file) {
  const buffer = readFileSync(join(folder, file));
  return buffer.buffer.slice(buffer.byteOffset, buffer.byteOffset + buffer.byteLength);
}

const readCertificate = (file) => core.Certificate.deserialize(read(file));
const readCertificates = (files) => files.map(readCertificate);
const idsOf = (certificates) => Promise.all(certificates.map((c) => c.calculateSubjectId()));

async function describeSessionKey({ keyId, publicKey }) {
  return { id: hex(keyId), spki: hex(await core.derSerializePublicKey(publicKey)) };
}

async function describeKey(publicKey) {
  return core.getIdFromIdentityKey(publicKey);
}

async function readEnveloped(enveloped, sessionKeyFile) {
  const key = await core.derDeserializeECDHPrivateKey(Buffer.from(read(sessionKeyFile)), 'P-256');
  const plaintext = await enveloped.decrypt(key);
  return {
    plaintextLength: plaintext.byteLength,
    plaintextDigest: sha256(plaintext),
    recipientKeyId: hex(enveloped.getRecipientKeyId()),
    originatorKey: await describeSessionKey(await enveloped.getOriginatorKey()),
  };
}

function ramfReader(messageClass) {
  return async ({ file, trusted, sessionKey }) => {
    const message = await messageClass.deserialize(read(file));
    const path = await message.validate(trusted && readCertificates(trusted));
    const fields = {
      recipientId: message.recipient.id,
      internetAddress: message.recipient.internetAddress ?? '',
      id: message.id,
      creationDate: message.creationDate.toISOString(),
      ttl: message.ttl,
      senderId: await message.senderCertificate.calculateSubjectId(),
      attachedIds: await idsOf(message.senderCaCertificateChain),
      pathIds: path ? await idsOf(path) : [],
      payloadLength: message.payloadSerialized.byteLength,
      payloadDigest: sha256(message.payloadSerialized),
    };
    if (sessionKey) {
      const { payload } = await message.unwrapPayload(
        await core.derDeserializeECDHPrivateKey(Buffer.from(read(sessionKey)), 'P-256'),
      );
      fields.plaintextDigest = sha256(payload.serialize());
    }
    return fields;
  };
}

function signatureReader(verifierClass) {
  return async ({ file, signed, trusted }) => {
    const verifier = new verifierClass(readCertificates(trusted));
    const signer = await verifier.verify(read(file), read(signed));
    return { signerId: await signer.calculateSubjectId() };
  };
}

const readers = {
  certificate: async ({ file, intermediates, trusted }) => {
    const certificate = readCertificate(file);
    certificate.validate();
    const path = trusted
      ? await certificate.getCertificationPath(readCertificates(intermediates ?? []), readCertificates(trusted))
      : [];
    return {
      commonName: certificate.getCommonName(),
      subjectId: await certificate.calculateSubjectId(),
      issuerId: certificate.getIssuerId(),
      startDate: certificate.startDate.toISOString(),
      expiryDate: certificate.expiryDate.toISOString(),
      pathIds: await idsOf(path),
    };
  },
  parcel: ramfReader(core.Parcel),
  cargo: ramfReader(core.Cargo),
  cca: ramfReader(core.CargoCollectionAuthorization),
  enveloped: ({ file, sessionKey }) => readEnveloped(core.SessionEnvelopedData.deserialize(read(file)), sessionKey),
  pca: async ({ file }) => {
    const { senderEndpointId, recipientEndpointId, parcelId } = core.ParcelCollectionAck.deserialize(read(file));
    return { senderEndpointId, recipientEndpointId, parcelId };
  },
  rotation: async ({ file }) => {
    const { certificationPath: path } = core.CertificateRotation.deserialize(read(file));
    return { leafId: await path.leafCertificate.calculateSubjectId(), caIds: await idsOf(path.certificateAuthorities) };
  },
  certificationPath: async ({ file }) => {
    const path = core.CertificationPath.deserialize(read(file));
    return { leafId: await path.leafCertificate.calculateSubjectId(), caIds: await idsOf(path.certificateAuthorities) };
  },
  cargoMessageSet: async ({ file }) => {
    const items = [];
    for (const message of core.CargoMessageSet.deserialize(read(file)).messages) {
      const item = await core.CargoMessageSet.deserializeItem(message);
      items.push({ kind: item.constructor.name, digest: sha256(message) });
    }
    return { items };
  },
  collectionRequest: async ({ file }) => {
    const { cargoDeliveryAuthorization: cda } = core.CargoCollectionRequest.deserialize(read(file));
    return { cdaDigest: sha256(cda.serialize()), subjectId: await cda.calculateSubjectId(), issuerId: cda.getIssuerId() };
  },
  authorization: async ({ file, gatewayKey }) => {
    const key = await core.derDeserializeRSAPublicKey(Buffer.from(read(gatewayKey)));
    const pnra = await core.PrivateNodeRegistrationAuthorization.deserialize(read(file), key);
    return { expiryDate: pnra.expiryDate.toISOString(), gatewayData: hex(pnra.gatewayData) };
  },
  registrationRequest: async ({ file }) => {
    const pnrr = await core.PrivateNodeRegistrationRequest.deserialize(read(file));
    return { nodeId: await describeKey(pnrr.privateNodePublicKey), pnraDigest: sha256(pnrr.pnraSerialized) };
  },
  registration: async ({ file }) => {
    const pnr = await core.PrivateNodeRegistration.deserialize(read(file));
    const path = await pnr.privateNodeCertificate.getCertificationPath([], [pnr.gatewayCertificate]);
    return {
      nodeId: await pnr.privateNodeCertificate.calculateSubjectId(),
      gatewayId: await pnr.gatewayCertificate.calculateSubjectId(),
      internetAddress: pnr.internetGatewayInternetAddress,
      sessionKey: pnr.sessionKey ? await describeSessionKey(pnr.sessionKey) : null,
      pathIds: await idsOf(path),
    };
  },
  connectionParams: async ({ file }) => {
    const params = await core.NodeConnectionParams.deserialize(read(file));
    return {
      internetAddress: params.internetAddress,
      nodeId: await describeKey(params.identityKey),
      sessionKey: await describeSessionKey(params.sessionKey),
    };
  },
  challenge: async ({ file }) => ({ nonce: hex(core.HandshakeChallenge.deserialize(read(file)).nonce) }),
  response: async ({ file }) => ({
    signatureDigests: core.HandshakeResponse.deserialize(read(file)).nonceSignatures.map(sha256),
  }),
  delivery: async ({ file }) => {
    const delivery = core.ParcelDelivery.deserialize(read(file));
    return { deliveryId: delivery.deliveryId, parcelDigest: sha256(delivery.parcelSerialized) };
  },
  nonceSignature: signatureReader(core.ParcelCollectionHandshakeVerifier),
  parcelSignature: signatureReader(core.ParcelDeliveryVerifier),
};

async function main() {
  const verdicts = {};
  for (const entry of JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8'))) {
    try {
      verdicts[entry.file] = { ok: true, fields: await readers[entry.kind](entry) };
    } catch (error) {
      verdicts[entry.file] = { ok: false, error: error.message };
    }
  }
  process.stdout.write(JSON.stringify(verdicts));
}

main();
