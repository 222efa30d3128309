package poweb

import (
	"net/http"
	"strings"
)

// Where RS-016 and the released clients differ, the clients' spelling comes
// first; it is the one that the gateway itself uses.
var (
	preRegistrationPaths = []string{"/v1/pre-registrations", "/v1/pre-registration"}
	streamingModeHeaders = []string{"X-Relaynet-Streaming-Mode", "X-Awala-Streaming-Mode"}
	authorizationSchemes = []string{"Relaynet-Countersignature", "Awala-Countersignature"}
)

// Media types of requests and answers. Clients compare those of answers octet
// for octet.
const (
	typePlainText        = "text/plain"
	typeAuthorization    = "application/vnd.awala.node-registration.authorization"
	typeRequest          = "application/vnd.awala.node-registration.request"
	typeRegistration     = "application/vnd.awala.node-registration.registration"
	typeParcel           = "application/vnd.awala.parcel"
	typeConnectionParams = "application/vnd.etsi.tsl.der"
)

// modeUponCompletion is the value of a streaming mode header that asks to close
// the connection once everything queued is collected. Everything else, and
// nothing, means to keep it alive.
const modeUponCompletion = "close-upon-completion"

func closesUponCompletion(header http.Header) bool {
	for _, name := range streamingModeHeaders {
		if mode := header.Get(name); mode != "" {
			return strings.EqualFold(strings.TrimSpace(mode), modeUponCompletion)
		}
	}
	return false
}

// countersignature returns the base64 text of the Authorization header, or false
// if the header is missing or of another scheme. Schemes are case-insensitive
// (RFC 9110 §11.1).
func countersignature(header http.Header) (base64 string, ok bool) {
	scheme, value, _ := strings.Cut(header.Get("Authorization"), " ")
	for _, known := range authorizationSchemes {
		if strings.EqualFold(scheme, known) {
			return strings.TrimSpace(value), true
		}
	}
	return "", false
}
