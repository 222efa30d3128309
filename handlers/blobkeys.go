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

// blob describes the parcel's octets under a key below prefix. The key names
// three nodes, the parcel's id by its digest, because that is the sender's choice,
// and the content by its digest: one version of a parcel never takes the place of
// another, and the same version is always the same object. Both digests share the
// last part of the key, since each further level would be a folder to make and
// sync for each parcel where blobs are files.
func (in ingress) blob(prefix, first, second, third string) events.ParcelBlob {
	content := digest(in.raw)
	return events.ParcelBlob{
		BlobKey:   strings.Join([]string{prefix, first, second, third, digest([]byte(in.message.ID)) + "-" + content}, "/"),
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
