package events

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// ParcelKey is the natural key of a parcel: the triple that identifies it for
// as long as it is valid, whoever sends it and however often (RS-000 §Parcel).
type ParcelKey struct {
	SenderID    string `json:"senderId" private:"sealed-by-source"`
	RecipientID string `json:"recipientId" private:"sealed"`
	ParcelID    string `json:"parcelId" private:"sealed"`
}

// Hash returns the lowercase hexadecimal SHA-256 of the key (64 characters),
// which is safe in object keys and document ids whatever the parcel id holds.
func (k ParcelKey) Hash() string {
	h := sha256.New()
	for _, part := range []string{k.SenderID, k.RecipientID, k.ParcelID} {
		h.Write([]byte(part))
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil))
}

// ParcelBlob describes the stored octets of one version of a parcel.
type ParcelBlob struct {
	// BlobKey is the object's key in the object store.
	BlobKey string `json:"blobKey" private:"public"`
	// SHA256 is the lowercase hexadecimal digest of the serialised parcel.
	SHA256 string `json:"sha256" private:"sealed"`
	// Size is the length of the serialised parcel in octets.
	Size int64 `json:"size"`
	// CreatedAt is the creation date that the sender gave the parcel.
	CreatedAt time.Time `json:"createdAt"`
	// ExpiresAt is the last instant at which the parcel is valid.
	ExpiresAt time.Time `json:"expiresAt"`
}

// Intact tells whether octets are those of the version. When the digest cannot be read
// any more, because its owner was forgotten, they are taken to be.
func (b ParcelBlob) Intact(octets []byte) bool {
	if len(b.SHA256) != hex.EncodedLen(sha256.Size) {
		return true
	}
	sum := sha256.Sum256(octets)
	return hex.EncodeToString(sum[:]) == b.SHA256
}

// Ingress names the way by which something reached the gateway or left it.
type Ingress string

// The bindings of the Awala protocol.
const (
	ViaPoWeb  Ingress = "poweb"  // RS-016
	ViaPoHTTP Ingress = "pohttp" // RS-007
	ViaCargo  Ingress = "cargo"  // RS-008, inside a cargo
)

// ViaTakeover is no binding: the gateway that this one took over had it, or gave it
// away.
const ViaTakeover Ingress = "takeover"
