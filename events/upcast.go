package events

// successor is the version after one that is no longer recorded.
type successor struct {
	version Type
	next    func(Data) Data
}

// successors has one for each version that is no longer recorded.
var successors = map[Type]successor{}

// Upcast makes a version readable that is recorded no more. Old is its body as it
// was; next says the same in the words of the next version, which may be an old one
// by now itself. So [Decode] yields the newest version only, and nothing behind it
// knows of others.
//
// next is a pure function: the history is folded again and again, on any machine, so
// it takes nothing but the event, and makes up nothing that the event does not say.
// Where an old version cannot say what the new one asks for, the new field must have
// a value that means "not known".
//
// It is called while packages are initialised, before anything is decoded. An old
// version keeps its golden file for ever.
func Upcast[Old, New Data](next func(Old) New) {
	register[Old]()
	var before Old
	var after New
	successors[before.EventType()] = successor{
		version: after.EventType(),
		next:    func(d Data) Data { return next(d.(Old)) },
	}
}

// ReadAs returns the version as which [Decode] yields what was recorded as t: t
// itself, unless that is recorded no more.
func ReadAs(t Type) Type {
	for {
		s, old := successors[t]
		if !old {
			return t
		}
		t = s.version
	}
}

// newest takes data of any version through the versions after it.
func newest(d Data) Data {
	for {
		s, old := successors[d.EventType()]
		if !old {
			return d
		}
		d = s.next(d)
	}
}
