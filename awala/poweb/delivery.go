package poweb

import (
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"awala.network/gateway/awala/ramf"
)

// ParcelDelivery hands a parcel to a collecting client, which acknowledges it by
// sending the id back.
type ParcelDelivery struct {
	// ID is unique within the connection: 1 to 64 visible ASCII characters.
	ID string
	// Parcel is the serialised parcel.
	Parcel []byte
}

// ParseParcelDelivery reads a delivery. It does not look into the parcel.
func ParseParcelDelivery(der []byte) (ParcelDelivery, error) {
	input := cryptobyte.String(der)
	var fields, id, parcel cryptobyte.String
	ok := input.ReadASN1(&fields, asn1.SEQUENCE) && input.Empty() &&
		fields.ReadASN1(&id, tagField(0)) &&
		fields.ReadASN1(&parcel, tagField(1)) && fields.Empty()
	if !ok || !ramf.ValidMessageID(string(id)) {
		return ParcelDelivery{}, fmt.Errorf("%w: no parcel delivery", ErrMalformed)
	}
	return ParcelDelivery{ID: string(id), Parcel: parcel}, nil
}

// Marshal writes the delivery.
func (d ParcelDelivery) Marshal() ([]byte, error) {
	if !ramf.ValidMessageID(d.ID) {
		return nil, fmt.Errorf("%w: delivery id of %d characters", ErrMalformed, len(d.ID))
	}
	return marshalPair([]byte(d.ID), d.Parcel), nil
}
