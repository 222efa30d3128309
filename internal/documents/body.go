package documents

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// checkBody holds a body against the rules that Prepare states.
func checkBody(body []byte) error {
	switch {
	case len(body) > MaxBodyLen:
		return fmt.Errorf("%d octets are more than %d", len(body), MaxBodyLen)
	case !utf8.Valid(body):
		return errors.New("not UTF-8")
	case !json.Valid(body):
		return errors.New("not one JSON value")
	}
	w := walker{rest: body}
	if w.next() != '{' {
		return errors.New("not a JSON object")
	}
	return w.object(1)
}

// walker goes through valid JSON. It is there because json.Decoder's tokens cost about
// as much as all else that is done to a document before it is stored.
type walker struct{ rest []byte }

// next is the first octet of the next token.
func (w *walker) next() byte {
	w.rest = bytes.TrimLeft(w.rest, " \t\r\n,:")
	return w.rest[0]
}

// object reads an object of that depth.
func (w *walker) object(depth int) error {
	w.rest = w.rest[1:]
	seen := make(map[string]struct{})
	for w.next() != '}' {
		name := w.text()
		if err := checkField(name); err != nil {
			return err
		}
		if _, twice := seen[name]; twice {
			return fmt.Errorf("field %.64q stands twice", name)
		}
		seen[name] = struct{}{}
		if err := w.value(depth, true); err != nil {
			return err
		}
	}
	w.rest = w.rest[1:]
	return nil
}

// array reads an array of that depth.
func (w *walker) array(depth int) error {
	w.rest = w.rest[1:]
	for w.next() != ']' {
		if err := w.value(depth, false); err != nil {
			return err
		}
	}
	w.rest = w.rest[1:]
	return nil
}

// value reads one value that stands in an object or array of that depth.
func (w *walker) value(depth int, arrayAllowed bool) error {
	switch first := w.next(); first {
	case '"':
		if strings.Contains(w.text(), "\x00") {
			return errors.New("NUL in a string")
		}
		return nil
	case '{', '[':
		switch {
		case depth == MaxDepth:
			return fmt.Errorf("nested more than %d deep", MaxDepth)
		case first == '{':
			return w.object(depth + 1)
		case !arrayAllowed:
			return errors.New("an array directly in an array")
		default:
			return w.array(depth + 1)
		}
	default:
		end := bytes.IndexAny(w.rest, " \t\r\n,]}")
		literal := w.rest[:end]
		w.rest = w.rest[end:]
		if first == 't' || first == 'f' || first == 'n' {
			return nil
		}
		return checkNumber(string(literal))
	}
}

// text reads a string.
func (w *walker) text() string {
	w.next()
	end, plain := 1, true
	for w.rest[end] != '"' {
		if w.rest[end] == '\\' {
			plain = false
			end++
		}
		end++
	}
	quoted := w.rest[:end+1]
	w.rest = w.rest[end+1:]
	if plain {
		return string(quoted[1:end])
	}
	var text string
	_ = json.Unmarshal(quoted, &text) // it is valid
	return text
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
