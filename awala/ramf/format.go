package ramf

// formatPrefix starts the format signature of every Awala message. RS-001 still
// speaks of ten octets; all implementations write seven.
const formatPrefix = "Awala"

// formatVersion is the only version of the message format.
const formatVersion = 0x00

// formatSignatureLen counts the prefix, the type and the version.
const formatSignatureLen = len(formatPrefix) + 2

// parseFormatSignature splits a message into its type and what follows the
// format signature.
func parseFormatSignature(raw []byte) (Type, []byte, error) {
	if len(raw) < formatSignatureLen || string(raw[:len(formatPrefix)]) != formatPrefix {
		return 0, nil, malformed("missing format signature")
	}
	kind, version := Type(raw[len(formatPrefix)]), raw[len(formatPrefix)+1]
	switch kind {
	case TypeParcel, TypeCargo, TypeCCA:
	default:
		return 0, nil, malformed("message type %#02x is not enveloped in RAMF", byte(kind))
	}
	if version != formatVersion {
		return 0, nil, malformed("unknown format version %d", version)
	}
	return kind, raw[formatSignatureLen:], nil
}

// appendFormatSignature appends the format signature of a type to dst.
func appendFormatSignature(dst []byte, kind Type) []byte {
	return append(append(dst, formatPrefix...), byte(kind), formatVersion)
}
