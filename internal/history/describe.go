package history

import (
	"fmt"
	"strings"
	"time"

	"awala.network/gateway/events"
)

// keyOf returns the key of the one parcel that an event is about.
func keyOf(data events.Data) (events.ParcelKey, bool) {
	switch d := data.(type) {
	case events.GatewayParcelAccepted:
		return d.ParcelKey, true
	case events.GatewayParcelCollected:
		return d.ParcelKey, true
	case events.GatewayParcelExpired:
		return d.ParcelKey, true
	case events.GatewayParcelReplaced:
		return d.ParcelKey, true
	case events.GatewayParcelDropped:
		return d.ParcelKey, true
	case events.GatewayParcelHastened:
		return d.ParcelKey, true
	case events.InternetParcelAccepted:
		return d.ParcelKey, true
	case events.InternetParcelDelivered:
		return d.ParcelKey, true
	case events.InternetParcelDeferred:
		return d.ParcelKey, true
	case events.InternetParcelRefused:
		return d.ParcelKey, true
	case events.InternetParcelExpired:
		return d.ParcelKey, true
	case events.InternetParcelDropped:
		return d.ParcelKey, true
	case events.InternetParcelHeld:
		return d.ParcelKey, true
	case events.InternetParcelReleased:
		return d.ParcelKey, true
	case events.InternetParcelHastened:
		return d.ParcelKey, true
	default:
		return events.ParcelKey{}, false
	}
}

// Describe says in words what an event adds to its name.
func Describe(data events.Data) string { return describe(data) }

// ParcelOf returns the key of the one parcel that an event is about, if it is about
// one.
func ParcelOf(data events.Data) (events.ParcelKey, bool) { return keyOf(data) }

// describe says in words what an event adds to its name.
func describe(data events.Data) string {
	switch d := data.(type) {
	case events.GatewayParcelAccepted:
		return fmt.Sprintf("%d octets by %s for private gateway %s, valid until %s", d.Size, d.Via, short(d.PrivateGatewayID), date(d.ExpiresAt))
	case events.GatewayParcelCollected:
		return fmt.Sprintf("private gateway %s acknowledged by %s", short(d.PrivateGatewayID), d.Via)
	case events.GatewayParcelExpired:
		return "nobody collected it in time"
	case events.GatewayParcelReplaced:
		return "a newer version took its place"
	case events.GatewayParcelDropped:
		return "given up: " + d.Reason
	case events.GatewayParcelHastened:
		return operation("to be handed out at once", d.Operation)
	case events.AcknowledgementsDue:
		return fmt.Sprintf("private gateway %s is to be told that we have it", short(d.PrivateGatewayID))
	case events.Unreadable:
		return "cannot be read: " + d.Err.Error()
	}
	for _, describe := range []func(events.Data) string{describeDelivery, describeCargo, describeGateway} {
		if text := describe(data); text != "" {
			return text
		}
	}
	return ""
}

// describeDelivery is describe for parcels to the Internet.
func describeDelivery(data events.Data) string {
	switch d := data.(type) {
	case events.InternetParcelAccepted:
		return fmt.Sprintf("%d octets by %s for %s, valid until %s", d.Size, d.Via, d.Destination, date(d.ExpiresAt))
	case events.InternetParcelDelivered:
		return d.Destination + " took it: " + attempt(d.Attempt)
	case events.InternetParcelDeferred:
		return fmt.Sprintf("%s; next at %s", attempt(d.Attempt), date(d.NextAttemptAt))
	case events.InternetParcelRefused:
		return "refused for good: " + d.Reason
	case events.InternetParcelExpired:
		return fmt.Sprintf("%s, after %d attempts", d.Reason, d.Attempts)
	case events.InternetParcelDropped:
		return operation("given up", events.Operation{By: d.By, Reason: d.Reason})
	case events.InternetParcelHeld:
		return operation("held", d.Operation)
	case events.InternetParcelReleased:
		return operation("released", d.Operation)
	case events.InternetParcelHastened:
		return operation("to be tried at once", d.Operation)
	default:
		return ""
	}
}

// describeCargo is describe for cargoes, and for what was set aside.
func describeCargo(data events.Data) string {
	switch d := data.(type) {
	case events.CargoReceived:
		return fmt.Sprintf("cargo %s of %d octets from private gateway %s", short(d.CargoID), d.Size, short(d.PrivateGatewayID))
	case events.CargoPrepared:
		return fmt.Sprintf("put in cargo %s for private gateway %s, with %d parcels in all", short(d.CargoID), short(d.PrivateGatewayID), len(d.Parcels))
	case events.CargoUnwrapped:
		return fmt.Sprintf("cargo %s held %d parcels, %d acknowledgements, %d bad items", short(d.CargoID), d.Parcels, d.Acknowledgements, d.Bad)
	case events.CargoRefused:
		return fmt.Sprintf("cargo %s: %s", short(d.CargoID), d.Reason)
	case events.MessageParked:
		return fmt.Sprintf("%s set %s aside after %d attempts: %s", d.Consumer, position(d.Stream, d.Sequence), d.Attempts, d.Reason)
	case events.ParkedMessageReplayed:
		return operation(d.Consumer+" handled it after all", d.Operation)
	case events.ParkedMessageDropped:
		return operation("given up for "+d.Consumer, d.Operation)
	default:
		return ""
	}
}

// describeGateway is describe for identities, and for what is between us and a
// private gateway or a destination.
func describeGateway(data events.Data) string {
	switch d := data.(type) {
	case events.IdentityCreated:
		return fmt.Sprintf("this gateway is %s, node %s", d.InternetAddress, short(d.NodeID))
	case events.OwnCertificateIssued:
		return "valid until " + date(d.NotAfter)
	case events.PrivateGatewayForgetting:
		return operation("private gateway "+short(d.Pseudonym)+" is to be forgotten", events.Operation{By: d.By, Reason: d.Reason})
	case events.PrivateGatewayForgotten:
		return operation("private gateway "+short(d.Pseudonym)+" is forgotten", events.Operation{By: d.By, Reason: d.Reason})
	case events.PrivateGatewayRegistered:
		return fmt.Sprintf("private gateway %s, certificate valid until %s", short(d.PrivateGatewayID), date(d.CertificateExpiresAt))
	case events.PrivateGatewayCertificateIssued:
		return fmt.Sprintf("private gateway %s, valid until %s", short(d.PrivateGatewayID), date(d.CertificateExpiresAt))
	case events.PeerSessionKeyLearned:
		return fmt.Sprintf("private gateway %s, key %s", short(d.PrivateGatewayID), d.KeyID)
	case events.CargoCollectionFulfilled:
		return fmt.Sprintf("private gateway %s got %d cargoes with %d parcels", short(d.PrivateGatewayID), d.Cargoes, d.Parcels)
	case events.TakeoverBegun:
		return "of the deployment of node " + short(d.NodeID)
	case events.TakeoverCompleted:
		return "of the deployment of node " + short(d.NodeID)
	case events.InternetParcelKnown:
		return fmt.Sprintf("private gateway %s handed it in before the takeover", short(d.PrivateGatewayID))
	case events.DestinationHeld:
		return operation(d.Destination+" held", d.Operation)
	case events.DestinationReleased:
		return operation(d.Destination+" released", d.Operation)
	case events.DestinationFlushed:
		return operation(d.Destination+" to be tried at once", d.Operation)
	default:
		return ""
	}
}

func attempt(a events.DeliveryAttempt) string {
	text := fmt.Sprintf("attempt %d took %v", a.Number, time.Duration(a.DurationMillis)*time.Millisecond)
	if a.Cause != "" {
		text += ", " + a.Cause
	}
	if a.Status != 0 {
		text += fmt.Sprintf(", HTTP %d", a.Status)
	}
	return text
}

func operation(what string, o events.Operation) string {
	if o.By != "" {
		what += " by " + o.By
	}
	if o.Reason != "" {
		what += ": " + o.Reason
	}
	return what
}

// short returns the beginning of an id, enough to tell it from others at a glance.
func short(id string) string {
	const enough = 12
	if len(id) <= enough || strings.ContainsFunc(id, func(r rune) bool { return r > '~' }) {
		return id
	}
	return id[:enough] + "…"
}

func date(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") }
