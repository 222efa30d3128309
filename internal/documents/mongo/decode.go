package mongo

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"awala.network/gateway/internal/documents"
)

// decode reads a stored document. Fields that it does not know are left out.
func decode(raw bson.Raw) (documents.Document, error) {
	var doc documents.Document
	elements, err := raw.Elements()
	if err != nil {
		return doc, err
	}
	for _, element := range elements {
		if err := decodeField(&doc, element.Key(), element.Value()); err != nil {
			return documents.Document{}, fmt.Errorf("field %s of document %s: %w", element.Key(), raw.Lookup("_id"), err)
		}
	}
	return doc, nil
}

func decodeField(doc *documents.Document, name string, value bson.RawValue) error {
	ok := true
	switch name {
	case "_id":
		doc.ID, ok = value.StringValueOK()
	case "pos":
		var position int64
		position, ok = value.AsInt64OK()
		doc.Position = uint64(position)
	case "rank":
		doc.Rank, ok = value.AsInt64OK()
	case "expires":
		var milliseconds int64
		milliseconds, ok = value.DateTimeOK()
		doc.ExpiresAt = time.UnixMilli(milliseconds).UTC()
	case "body":
		body, err := appendObject(nil, value)
		doc.Body = body
		return err
	default:
		return decodeKey(doc, name, value)
	}
	if !ok {
		return errType(value)
	}
	return nil
}

func decodeKey(doc *documents.Document, name string, value bson.RawValue) error {
	key, ok := strings.CutPrefix(name, keyPrefix)
	if !ok {
		return nil
	}
	text, ok := value.StringValueOK()
	if !ok {
		return errType(value)
	}
	if doc.Keys == nil {
		doc.Keys = make(map[string]string)
	}
	doc.Keys[key] = text
	return nil
}

// appendValue writes a value as JSON.
func appendValue(to []byte, value bson.RawValue) ([]byte, error) {
	switch value.Type {
	case bson.TypeNull:
		return append(to, "null"...), nil
	case bson.TypeBoolean:
		return strconv.AppendBool(to, value.Boolean()), nil
	case bson.TypeInt32, bson.TypeInt64:
		return strconv.AppendInt(to, value.AsInt64(), 10), nil
	case bson.TypeDouble:
		return appendMarshalled(to, value.Double())
	case bson.TypeString:
		return appendMarshalled(to, value.StringValue())
	case bson.TypeEmbeddedDocument:
		return appendObject(to, value)
	case bson.TypeArray:
		return appendArray(to, value)
	default:
		return nil, errType(value)
	}
}

func appendObject(to []byte, value bson.RawValue) ([]byte, error) {
	object, ok := value.DocumentOK()
	if !ok {
		return nil, errType(value)
	}
	elements, err := object.Elements()
	if err != nil {
		return nil, err
	}
	to = append(to, '{')
	for i, element := range elements {
		if i > 0 {
			to = append(to, ',')
		}
		if to, err = appendMarshalled(to, element.Key()); err != nil {
			return nil, err
		}
		if to, err = appendValue(append(to, ':'), element.Value()); err != nil {
			return nil, err
		}
	}
	return append(to, '}'), nil
}

func appendArray(to []byte, value bson.RawValue) ([]byte, error) {
	values, err := value.Array().Values()
	if err != nil {
		return nil, err
	}
	to = append(to, '[')
	for i, element := range values {
		if i > 0 {
			to = append(to, ',')
		}
		if to, err = appendValue(to, element); err != nil {
			return nil, err
		}
	}
	return append(to, ']'), nil
}

func appendMarshalled(to []byte, value any) ([]byte, error) {
	encoded, err := json.Marshal(value)
	return append(to, encoded...), err
}

func errType(value bson.RawValue) error {
	return fmt.Errorf("unexpected BSON type %s", value.Type)
}
