// Package awala is the root of the Awala protocol suite in Go. It holds no code
// itself; each part of the protocol is a package below it:
//
//	awala/pki           identity and session keys, certificates, certification paths (RS-000, RS-002, RS-018)
//	awala/cms           SignedData and EnvelopedData as Awala uses them (RFC 5652, RFC 5753, RS-003, RS-018)
//	awala/ramf          the message format of parcels, cargoes and collection authorisations (RS-001)
//	awala/cargo         what a cargo holds: message sets, collection acknowledgements, rotations (RS-000)
//	awala/channel       session keys of a channel between two nodes (RS-003)
//	awala/registration  registration of private gateways and connection parameters (RS-016)
//	awala/poweb         parcel collection handshakes and delivery signatures (RS-016)
//
// The packages follow what the deployed clients put on the wire: BER is read,
// DER is written. None of them does I/O, keeps a clock of its own where a result
// depends on the time, or knows about brokers, stores and servers.
package awala
