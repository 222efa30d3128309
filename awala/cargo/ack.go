package cargo

import (
	"bytes"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"awala.network/gateway/awala/ramf"
)

// ParcelCollectionAck (PCA) tells the gateway that sent a parcel that the parcel
// was collected safely, so that it need not be sent again (RS-000).
//
// Its ids are those of the parcel: whatever a parcel may be called can be
// acknowledged. Callers that build keys or paths of them must escape or hash
// them: a parcel id may hold any visible ASCII character.
type ParcelCollectionAck struct {
	// SenderID is the node id of the endpoint that sent the parcel.
	SenderID string
	// RecipientID is the node id of the endpoint that the parcel is meant for.
	RecipientID string
	// ParcelID is the RAMF message id of the parcel.
	ParcelID string
}

// The implicit tags of the fields of an acknowledgement.
var (
	tagAckSender    = asn1.Tag(0).ContextSpecific()
	tagAckRecipient = asn1.Tag(1).ContextSpecific()
	tagAckParcel    = asn1.Tag(2).ContextSpecific()
)

// ParseParcelCollectionAck reads an acknowledgement with its format signature.
func ParseParcelCollectionAck(item []byte) (ParcelCollectionAck, error) {
	body, ok := bytes.CutPrefix(item, []byte(signatureAck))
	input := cryptobyte.String(body)
	var fields, sender, recipient, parcel cryptobyte.String
	ok = ok && input.ReadASN1(&fields, asn1.SEQUENCE) && input.Empty() &&
		fields.ReadASN1(&sender, tagAckSender) &&
		fields.ReadASN1(&recipient, tagAckRecipient) &&
		fields.ReadASN1(&parcel, tagAckParcel) && fields.Empty()
	if !ok {
		return ParcelCollectionAck{}, fmt.Errorf("%w: no parcel collection acknowledgement", ErrMalformed)
	}
	ack := ParcelCollectionAck{SenderID: string(sender), RecipientID: string(recipient), ParcelID: string(parcel)}
	if err := ack.check(); err != nil {
		return ParcelCollectionAck{}, err
	}
	return ack, nil
}

// Marshal writes the acknowledgement with its format signature.
func (a ParcelCollectionAck) Marshal() ([]byte, error) {
	if err := a.check(); err != nil {
		return nil, err
	}
	b := cryptobyte.NewBuilder([]byte(signatureAck))
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		addOctets(b, tagAckSender, []byte(a.SenderID))
		addOctets(b, tagAckRecipient, []byte(a.RecipientID))
		addOctets(b, tagAckParcel, []byte(a.ParcelID))
	})
	return b.Bytes()
}

func (a ParcelCollectionAck) check() error {
	switch {
	case !ramf.ValidRecipientID(a.SenderID):
		return fmt.Errorf("%w: acknowledgement: sender id", ErrMalformed)
	case !ramf.ValidRecipientID(a.RecipientID):
		return fmt.Errorf("%w: acknowledgement: recipient id", ErrMalformed)
	case !ramf.ValidMessageID(a.ParcelID):
		return fmt.Errorf("%w: acknowledgement: parcel id", ErrMalformed)
	}
	return nil
}

func addOctets(b *cryptobyte.Builder, tag asn1.Tag, octets []byte) {
	b.AddASN1(tag, func(b *cryptobyte.Builder) { b.AddBytes(octets) })
}
