package events

import "time"

// Names of the streams, one for each channel of the gateway.
const (
	StreamCargo           = "CRC_CARGO"
	StreamInternetParcels = "INTERNET_PARCELS"
	StreamGatewayParcels  = "PDC_PARCELS"
	StreamGateway         = "GATEWAY"
	StreamParked          = "PARKED"
)

// LivePrefix precedes the subject of an event when the stream repeats it, once
// stored, to whoever listens at that moment.
const LivePrefix = "live."

// MinRetention is the shortest time for which events may be kept. Parcels and cargoes
// live for 180 days at most (RS-001), so whatever is older has ended, and no fold of the
// rest can lose what is open. The other days are for clocks that are wrong, and for
// housekeeping that was away.
const MinRetention = 190 * 24 * time.Hour

// StreamSpec says how a stream must be set up.
type StreamSpec struct {
	// Name is one of the Stream constants.
	Name string
	// Subjects are the NATS subjects that the stream records.
	Subjects []string
	// Live tells whether stored events are repeated under [LivePrefix].
	Live bool
	// DuplicateWindow is how long the stream recognises an event id.
	DuplicateWindow time.Duration
	// MaxAge is how long events are kept, [MinRetention] at least; 0 is for ever.
	MaxAge time.Duration
}

// Streams returns the specification of every stream, with history kept for
// ever.
func Streams() []StreamSpec {
	const window = 10 * time.Minute
	return []StreamSpec{
		{Name: StreamCargo, Subjects: []string{CargoChannel, CargoOutcomes}, DuplicateWindow: window},
		{Name: StreamInternetParcels, Subjects: []string{InternetParcelsChannel, InternetParcelsOutcomes}, DuplicateWindow: window},
		{Name: StreamGatewayParcels, Subjects: []string{"pdc-parcel.*", "pdc-parcel.*.outcome", "pdc-parcel.*.cargo"}, Live: true, DuplicateWindow: window},
		{Name: StreamGateway, Subjects: []string{"gateway.>"}, Live: true, DuplicateWindow: window},
		{Name: StreamParked, Subjects: []string{"parked.>"}, DuplicateWindow: window},
	}
}
