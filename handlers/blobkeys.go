package handlers

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"awala.network/gateway/events"
)

// Prefixes of the blobs' keys, by which operators set life cycles.
const (
	gatewayBound  = "parcels/gateway-bound"
	endpointBound = "parcels/endpoint-bound"
)

// blobKey returns the key of an object below prefix. It is a digest of whom it belongs
// to and of what it is, so that it names nobody, and tells nothing to those who do not
// have the object itself: one version of a parcel never takes the place of another,
// and the same version is always the same object. The first octet of it is a level of
// its own, which keeps folders small where blobs are files.
func blobKey(prefix string, parts ...string) string {
	name := digest([]byte(strings.Join(parts, "\x00")))
	return prefix + "/" + name[:2] + "/" + name[2:]
}

// blob describes the parcel's octets under a key below prefix, for the private gateway
// and the endpoints that make it one of its kind.
func (in ingress) blob(prefix, gateway, first, second string) events.ParcelBlob {
	content := digest(in.raw)
	return events.ParcelBlob{
		BlobKey:   blobKey(prefix, gateway, first, second, in.message.ID, content),
		SHA256:    content,
		Size:      int64(len(in.raw)),
		CreatedAt: in.message.CreatedAt,
		ExpiresAt: in.message.ExpiresAt(),
	}
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
