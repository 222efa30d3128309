package events

// Unreadable stands in a [Record] for a message that [Decode] refused, so that
// one bad message neither stops a reader nor goes unseen. Projections pass it
// by, workers park it. It is never recorded: [Encode] refuses it.
type Unreadable struct {
	// Header and Body are the message as it was found.
	Header map[string][]string
	Body   []byte
	// Err is why: an [*UnknownTypeError] or a [*MalformedError].
	Err error
}

// EventType returns "", which no event has.
func (Unreadable) EventType() Type { return "" }

// Channel returns "", on which nothing can be recorded.
func (Unreadable) Channel() string { return "" }

// AggregateID returns "", because nothing is known.
func (Unreadable) AggregateID() string { return "" }

// Read returns the record of a message that a stream holds. It never fails: a
// message that [Decode] refuses yields [Unreadable] data and whatever id the
// message has.
func Read(stream string, sequence uint64, subject string, header map[string][]string, body []byte) Record {
	e, err := Decode(subject, header, body)
	if err != nil {
		e = Event{Data: Unreadable{Header: header, Body: body, Err: err}}
		if ids := header[HeaderMessageID]; len(ids) > 0 {
			e.ID = ids[0]
		}
	}
	return Record{Event: e, Stream: stream, Sequence: sequence, Subject: subject}
}
