package events

import (
	"context"
	"encoding/base64"
	"fmt"
	"reflect"
	"sync"
)

// privateTag is the struct tag that says what a field tells of a private gateway.
// Every text in an event has it; a test sees to that.
const privateTag = "private"

// The values of privateTag.
const (
	// ownerTag marks the id of the private gateway that the event belongs to.
	ownerTag = "owner"
	// sourceTag marks the id of another one, where a parcel came from.
	sourceTag = "source"
	// sealedTag marks what is sealed with the owner's key.
	sealedTag = "sealed"
	// sealedBySourceTag marks what is sealed with the key of the source, or the
	// owner's where there is no source.
	sealedBySourceTag = "sealed-by-source"
	// subjectTag marks a subject, in which ids are replaced.
	subjectTag = "subject"
	// publicTag marks what tells nothing of any private gateway.
	publicTag = "public"
)

// veil seals the data of one event, or opens them.
type veil struct {
	ctx     context.Context
	names   Names
	sealing bool
	// opened, if not nil, is filled with what is opened, by its sealed form.
	opened map[string]string
	// known takes the place of names: what is sealed, by its sealed form.
	known map[string]string

	owner, source Name
}

// lift returns a copy of the data with every marked field sealed or opened.
func (v *veil) lift(data Data) (Data, error) {
	plan := planOf(reflect.TypeOf(data))
	if len(plan) == 0 {
		return data, nil
	}
	lifted := reflect.New(reflect.TypeOf(data)).Elem()
	lifted.Set(reflect.ValueOf(data))
	if err := v.identify(lifted, plan); err != nil {
		return nil, err
	}
	if err := v.walk(lifted, plan); err != nil {
		return nil, err
	}
	return lifted.Interface().(Data), nil
}

// identify looks up whose names they are.
func (v *veil) identify(data reflect.Value, plan []planned) (err error) {
	if v.known != nil {
		return nil
	}
	for _, p := range plan {
		switch p.tag {
		case ownerTag:
			v.owner, err = v.lookUp(data.FieldByIndex(p.index).String())
		case sourceTag:
			v.source, err = v.lookUp(data.FieldByIndex(p.index).String())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// lookUp returns the name of an id; one without cipher if nothing is to be done.
func (v *veil) lookUp(id string) (Name, error) {
	switch {
	case id == "":
		return Name{}, nil
	case !v.sealing && !IsPseudonym(id):
		return Name{}, malformed("data", "names a private gateway in clear")
	case !v.sealing:
		return v.names.Named(v.ctx, id)
	case IsPseudonym(id):
		return Name{Pseudonym: id}, nil
	default:
		return v.names.Name(v.ctx, id)
	}
}

func (v *veil) walk(data reflect.Value, plan []planned) error {
	for _, p := range plan {
		field := data.FieldByIndex(p.index)
		var err error
		switch {
		case p.nested != nil:
			err = v.nested(field, p.nested)
		case field.Kind() == reflect.String:
			err = v.text(field, p.tag)
		default:
			err = v.octets(field, p.tag)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// nested walks what is behind a pointer or in a list, a copy of which takes its
// place.
func (v *veil) nested(field reflect.Value, plan []planned) error {
	if field.Kind() == reflect.Struct {
		return v.walk(field, plan)
	}
	if field.IsNil() {
		return nil
	}
	if field.Kind() == reflect.Pointer {
		inner := reflect.New(field.Type().Elem())
		inner.Elem().Set(field.Elem())
		field.Set(inner)
		return v.walk(inner.Elem(), plan)
	}
	list := reflect.MakeSlice(field.Type(), field.Len(), field.Len())
	reflect.Copy(list, field)
	field.Set(list)
	for i := range list.Len() {
		if err := v.walk(list.Index(i), plan); err != nil {
			return err
		}
	}
	return nil
}

func (v *veil) text(field reflect.Value, tag string) error {
	was := field.String()
	if was == "" {
		return nil
	}
	is, err := v.replace(was, tag)
	if err != nil {
		return err
	}
	if v.opened != nil && is != was {
		v.opened[was] = is
	}
	field.SetString(is)
	return nil
}

func (v *veil) replace(was, tag string) (string, error) {
	if v.known != nil {
		if clear, ok := v.known[was]; ok {
			return clear, nil
		}
		return was, nil
	}
	switch tag {
	case ownerTag:
		return v.id(v.owner, was), nil
	case sourceTag:
		return v.id(v.source, was), nil
	case subjectTag:
		return v.subject(was)
	}
	name := v.key(tag)
	switch {
	case name.Cipher == nil:
		return was, nil
	case v.sealing:
		return name.Sealed(was)
	}
	clear, err := name.open(was)
	if err != nil {
		return "", &MalformedError{Part: "data", Reason: "cannot be opened with the key of " + name.Pseudonym, Err: err}
	}
	return clear, nil
}

// id returns what takes the place of an id.
func (v *veil) id(name Name, was string) string {
	switch {
	case name.Cipher == nil:
		return was
	case v.sealing:
		return name.Pseudonym
	default:
		return name.GatewayID
	}
}

// subject replaces the owner in a subject.
func (v *veil) subject(was string) (string, error) {
	switch {
	case v.owner.Cipher == nil:
		return was, nil
	case v.sealing:
		return SealSubject(v.ctx, v.names, was)
	}
	for _, prefix := range named {
		pseudonym := prefix + v.owner.Pseudonym
		if len(was) >= len(pseudonym) && was[:len(pseudonym)] == pseudonym {
			return prefix + v.owner.GatewayID + was[len(pseudonym):], nil
		}
	}
	return was, nil
}

// key returns the name whose key seals what has the tag.
func (v *veil) key(tag string) Name {
	if tag == sealedBySourceTag && v.source.Pseudonym != "" {
		return v.source
	}
	return v.owner
}

// octets is text for octets, which are sealed to octets.
func (v *veil) octets(field reflect.Value, tag string) error {
	was := field.Bytes()
	if len(was) == 0 {
		return nil
	}
	is, err := v.replaceOctets(was, tag)
	if err != nil {
		return err
	}
	if encode := base64.StdEncoding.EncodeToString; v.opened != nil && encode(is) != encode(was) {
		v.opened[encode(was)] = encode(is)
	}
	field.SetBytes(is)
	return nil
}

func (v *veil) replaceOctets(was []byte, tag string) ([]byte, error) {
	if v.known != nil {
		clear, ok := v.known[base64.StdEncoding.EncodeToString(was)]
		if !ok {
			return was, nil
		}
		return base64.StdEncoding.DecodeString(clear)
	}
	name := v.key(tag)
	switch {
	case name.Cipher == nil:
		return was, nil
	case v.sealing:
		return name.Cipher.EncryptDeterministically(was, sealedUse)
	}
	clear, err := name.Cipher.DecryptDeterministically(was, sealedUse)
	if err != nil {
		return nil, &MalformedError{Part: "data", Reason: "cannot be opened with the key of " + name.Pseudonym, Err: err}
	}
	return clear, nil
}

// planned is a field to be sealed: a marked one, or one with marked ones in it.
type planned struct {
	index  []int
	tag    string
	nested []planned
}

// plans are made once for each type.
var plans sync.Map // reflect.Type to []planned

func planOf(t reflect.Type) []planned {
	if plan, ok := plans.Load(t); ok {
		return plan.([]planned)
	}
	plan := makePlan(t, nil)
	plans.Store(t, plan)
	return plan
}

func makePlan(t reflect.Type, at []int) []planned {
	var plan []planned
	for i := range t.NumField() {
		f := t.Field(i)
		index := append(append([]int(nil), at...), i)
		inner := f.Type
		if f.Type.Kind() == reflect.Pointer || f.Type.Kind() == reflect.Slice {
			inner = f.Type.Elem()
		}
		switch tag := f.Tag.Get(privateTag); {
		case tag == ownerTag, tag == sourceTag, tag == sealedTag, tag == sealedBySourceTag, tag == subjectTag:
			plan = append(plan, planned{index: index, tag: tag})
		case tag != "" && tag != publicTag:
			panic(fmt.Sprintf("events: %v.%s: unknown tag %q", t, f.Name, tag))
		case f.Anonymous && f.Type.Kind() == reflect.Struct:
			plan = append(plan, makePlan(f.Type, index)...)
		case inner.Kind() == reflect.Struct && inner.PkgPath() == t.PkgPath():
			if nested := makePlan(inner, nil); len(nested) > 0 {
				plan = append(plan, planned{index: index, nested: nested})
			}
		}
	}
	return plan
}

// GatewaysOf returns the private gateways that an event names: whom it belongs to and
// where a parcel came from; "" for none. In data that were not opened they are
// pseudonyms.
func GatewaysOf(data Data) (owner, source string) {
	v := reflect.ValueOf(data)
	for _, p := range planOf(v.Type()) {
		switch p.tag {
		case ownerTag:
			owner = v.FieldByIndex(p.index).String()
		case sourceTag:
			source = v.FieldByIndex(p.index).String()
		}
	}
	return owner, source
}
