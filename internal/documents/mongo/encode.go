package mongo

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"awala.network/gateway/internal/documents"
)

// keyPrefix keeps the fields of keys apart from the others of the first level.
const keyPrefix = "key_"

func keyField(key string) string { return keyPrefix + key }

// encode makes the stored form of a prepared document.
func encode(doc documents.Document) (bson.D, error) {
	stored := bson.D{
		{Key: "_id", Value: doc.ID},
		{Key: "pos", Value: int64(doc.Position)},
		{Key: "rank", Value: doc.Rank},
	}
	for key, value := range doc.Keys {
		stored = append(stored, bson.E{Key: keyField(key), Value: value})
	}
	if !doc.ExpiresAt.IsZero() {
		stored = append(stored, bson.E{Key: "expires", Value: bson.NewDateTimeFromTime(doc.ExpiresAt)})
	}
	decoder := json.NewDecoder(bytes.NewReader(doc.Body))
	decoder.UseNumber()
	body, err := encodeValue(decoder)
	if err != nil {
		return nil, fmt.Errorf("body of document %q: %w", doc.ID, err)
	}
	return append(stored, bson.E{Key: "body", Value: body}), nil
}

// encodeValue reads one JSON value. Its depth was bounded by documents.Prepare.
func encodeValue(decoder *json.Decoder) (any, error) {
	token, err := decoder.Token()
	if err != nil {
		return nil, err
	}
	switch v := token.(type) {
	case json.Number:
		return encodeNumber(v.String())
	case json.Delim:
		if v == '{' {
			return encodeObject(decoder)
		}
		return encodeArray(decoder)
	default:
		return v, nil // string, bool or nil
	}
}

func encodeObject(decoder *json.Decoder) (bson.D, error) {
	object := bson.D{}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return nil, err
		}
		value, err := encodeValue(decoder)
		if err != nil {
			return nil, err
		}
		object = append(object, bson.E{Key: name.(string), Value: value})
	}
	_, err := decoder.Token()
	return object, err
}

func encodeArray(decoder *json.Decoder) (bson.A, error) {
	array := bson.A{}
	for decoder.More() {
		value, err := encodeValue(decoder)
		if err != nil {
			return nil, err
		}
		array = append(array, value)
	}
	_, err := decoder.Token()
	return array, err
}

// encodeNumber keeps integer literals as 64-bit integers, others as doubles.
func encodeNumber(literal string) (any, error) {
	if strings.ContainsAny(literal, ".eE") {
		return strconv.ParseFloat(literal, 64)
	}
	return strconv.ParseInt(literal, 10, 64)
}
