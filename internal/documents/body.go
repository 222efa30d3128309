package documents

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// checkBody holds a body against the rules that Prepare states.
func checkBody(body []byte) error {
	if len(body) > MaxBodyLen {
		return fmt.Errorf("%d octets are more than %d", len(body), MaxBodyLen)
	}
	if !utf8.Valid(body) {
		return errors.New("not UTF-8")
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	first, err := decoder.Token()
	if err != nil {
		return fmt.Errorf("not JSON: %w", err)
	}
	if first != json.Delim('{') {
		return errors.New("not a JSON object")
	}
	if err := checkObject(decoder, 1); err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one JSON value")
	}
	return nil
}

// checkObject reads the rest of an object whose opening brace was read.
func checkObject(decoder *json.Decoder, depth int) error {
	seen := make(map[string]struct{})
	for decoder.More() {
		token, err := decoder.Token()
		if err != nil {
			return fmt.Errorf("not JSON: %w", err)
		}
		name, _ := token.(string)
		if err := checkField(name); err != nil {
			return err
		}
		if _, twice := seen[name]; twice {
			return fmt.Errorf("field %.64q stands twice", name)
		}
		seen[name] = struct{}{}
		if err := checkValue(decoder, depth, true); err != nil {
			return err
		}
	}
	return closing(decoder)
}

// checkArray reads the rest of an array whose opening bracket was read.
func checkArray(decoder *json.Decoder, depth int) error {
	for decoder.More() {
		if err := checkValue(decoder, depth, false); err != nil {
			return err
		}
	}
	return closing(decoder)
}

// checkValue reads one value that stands in an object or array of that depth.
func checkValue(decoder *json.Decoder, depth int, arrayAllowed bool) error {
	token, err := decoder.Token()
	if err != nil {
		return fmt.Errorf("not JSON: %w", err)
	}
	switch v := token.(type) {
	case string:
		if strings.Contains(v, "\x00") {
			return errors.New("NUL in a string")
		}
	case json.Number:
		return checkNumber(v.String())
	case json.Delim:
		if depth == MaxDepth {
			return fmt.Errorf("nested more than %d deep", MaxDepth)
		}
		if v == '{' {
			return checkObject(decoder, depth+1)
		}
		if !arrayAllowed {
			return errors.New("an array directly in an array")
		}
		return checkArray(decoder, depth+1)
	}
	return nil
}

func checkField(name string) error {
	if name == "" || name[0] == '$' || strings.ContainsAny(name, ".\x00") {
		return fmt.Errorf("field name %.64q", name)
	}
	return nil
}

func checkNumber(literal string) error {
	var err error
	if strings.ContainsAny(literal, ".eE") {
		_, err = strconv.ParseFloat(literal, 64)
	} else {
		_, err = strconv.ParseInt(literal, 10, 64)
	}
	if err != nil {
		return fmt.Errorf("number: %w", err)
	}
	return nil
}

func closing(decoder *json.Decoder) error {
	if _, err := decoder.Token(); err != nil {
		return fmt.Errorf("not JSON: %w", err)
	}
	return nil
}
