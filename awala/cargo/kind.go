package cargo

// Kind tells what an item of a cargo message set is.
type Kind int

// The kinds of items that gateways exchange.
const (
	// KindUnknown is anything that has none of the known format signatures.
	KindUnknown Kind = iota
	KindParcel
	KindParcelCollectionAck
	KindCertificateRotation
)

// The format signatures of items: "Awala", the type, the version.
const (
	signatureParcel   = "Awala\x50\x00"
	signatureAck      = "Awala\x51\x00"
	signatureRotation = "Awala\x10\x00"

	signatureLen = len(signatureParcel)
)

// ItemKind tells by its first seven octets what an item claims to be. Whether
// it is one shows when it is parsed.
func ItemKind(item []byte) Kind {
	if len(item) < signatureLen {
		return KindUnknown
	}
	switch string(item[:signatureLen]) {
	case signatureParcel:
		return KindParcel
	case signatureAck:
		return KindParcelCollectionAck
	case signatureRotation:
		return KindCertificateRotation
	default:
		return KindUnknown
	}
}

// String names the kind for logs and errors.
func (k Kind) String() string {
	switch k {
	case KindParcel:
		return "parcel"
	case KindParcelCollectionAck:
		return "parcel collection acknowledgement"
	case KindCertificateRotation:
		return "certificate rotation"
	default:
		return "unknown item"
	}
}
