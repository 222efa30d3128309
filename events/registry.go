package events

import (
	"encoding/json"
	"slices"
)

// registry holds the reader of every released version of every type. Entries
// are never removed: the history holds them for ever.
var registry = map[Type]func(body []byte) (Data, error){}

func init() {
	register[CargoReceived]()
	register[CargoUnwrapped]()
	register[CargoRefused]()
	register[CargoRejected]()
	register[InternetParcelAccepted]()
	register[InternetParcelDelivered]()
	register[InternetParcelDeferred]()
	register[InternetParcelRefused]()
	register[InternetParcelExpired]()
	register[InternetParcelDropped]()
	register[InternetParcelHeld]()
	register[InternetParcelReleased]()
	register[InternetParcelHastened]()
	register[DestinationHeld]()
	register[DestinationReleased]()
	register[DestinationFlushed]()
	register[GatewayParcelAccepted]()
	register[GatewayParcelCollected]()
	register[GatewayParcelExpired]()
	register[GatewayParcelReplaced]()
	register[GatewayParcelDropped]()
	register[GatewayParcelHastened]()
	register[CargoPrepared]()
	register[IdentityCreated]()
	register[OwnCertificateIssued]()
	register[PrivateGatewayRegistered]()
	register[PeerSessionKeyLearned]()
	register[CargoCollectionFulfilled]()
	register[PrivateGatewayCertificateIssued]()
	register[AcknowledgementsDue]()
	register[PrivateGatewayForgetting]()
	register[PrivateGatewayForgotten]()
	register[TakeoverBegun]()
	register[TakeoverCompleted]()
	register[InternetParcelKnown]()
	register[MessageParked]()
	register[ParkedMessageReplayed]()
	register[ParkedMessageDropped]()
}

// register makes T readable. Fields that T does not have are ignored, so that
// this version reads what a newer one recorded under the same type.
func register[T Data]() {
	var zero T
	registry[zero.EventType()] = func(body []byte) (Data, error) {
		var data T
		if err := json.Unmarshal(body, &data); err != nil {
			return nil, err
		}
		return data, nil
	}
}

// Types returns every event type that [Decode] can read, sorted.
func Types() []Type {
	types := make([]Type, 0, len(registry))
	for t := range registry {
		types = append(types, t)
	}
	slices.Sort(types)
	return types
}
