package lines

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"unicode/utf8"

	"vscan/engine/addr"
	"vscan/internal/wording"
)

// String is a string of a line. The zero value is one that is not there.
type String struct {
	JSON    []byte // as it stands in the line, with its quotes; nil: it is not there
	Escaped bool   // whether the key "escaped" lists it
}

// Text returns the text that was written: bytes that are not UTF-8 are no longer escaped. It
// is "" where the string is not there.
func (s String) Text() string { return textOf(s.JSON, s.Escaped) }

// textOf returns the text of a string of JSON that Decode has found to be right.
func textOf(quoted []byte, escaped bool) string {
	if len(quoted) < 2 {
		return ""
	}
	text := string(quoted[1 : len(quoted)-1])
	if bytes.IndexByte(quoted, '\\') >= 0 {
		json.Unmarshal(quoted, &text)
	}
	if escaped {
		return wording.Unescape(text)
	}
	return text
}

// Hit is a line of type hit, or of type rule, rule_undecided or hits_left_out, whose keys have
// the same meaning. What it refers to is part of the line.
type Hit struct {
	Line []byte // all of it
	Type []byte // as in "type"

	Addr                                  addr.Addr
	Len, Offset                           uint64
	ModuleOffset                          addr.Addr // counts only where Module is there
	First, Last                           addr.Addr // of a rule: counts only where HasRange is set
	HasRange                              bool
	Image, Pattern, Mapping, Module       String
	Value, Text, Namespace, File          String
	Rule, Reason                          String
	Bytes, Before, After                  []byte // digits in hexadecimal
	Key                                   []byte // 0x and two digits; empty where there is none
	Tags, Meta                            []byte // JSON
	escaped                               []byte
	hasAddr, hasPattern, hasLen, hasBytes bool
}

// IsHit reports whether the line is of type hit.
func (h *Hit) IsHit() bool { return string(h.Type) == "hit" }

var errNotLine = errors.New("it is no line of hits")

// Decode reads a line into h, which is valid as long as the line is. Keys that it does not know
// are passed over. A line of type hit has to have all that a hit always has.
func (h *Hit) Decode(line []byte) error {
	*h = Hit{Line: line}
	rest, ok := bytes.CutPrefix(line, []byte("{"))
	if !ok {
		return errNotLine
	}
	for first := true; ; first = false {
		if !first {
			if len(rest) > 0 && rest[0] == '}' {
				break
			}
			if rest, ok = bytes.CutPrefix(rest, []byte(",")); !ok {
				return h.fail(line, rest, "a comma or the end is missing")
			}
		}
		key, behind, err := cutString(rest)
		if err != nil || len(behind) == 0 || behind[0] != ':' {
			return h.fail(line, rest, "a key is missing")
		}
		value, behind, err := cutValue(behind[1:])
		if err != nil {
			return h.fail(line, behind, err.Error())
		}
		if err := h.set(key[1:len(key)-1], value); err != nil {
			return h.fail(line, rest, fmt.Sprintf("%s: %v", wording.Escape(string(key)), err))
		}
		rest = behind
	}
	if len(bytes.TrimLeft(rest[1:], " ")) > 0 {
		return h.fail(line, rest, "something stands behind it")
	}
	return h.whole()
}

// fail returns an error with the offset in the line, counted from 0, at which rest begins.
func (h *Hit) fail(line, rest []byte, what string) error {
	return fmt.Errorf("at its byte %d: %s", len(line)-len(rest), what)
}

// whole checks that the line has what its type always has, and tells strings that they are
// escaped.
func (h *Hit) whole() error {
	if h.Type == nil {
		return errors.New("it has no type")
	}
	if h.IsHit() && !(h.hasAddr && h.hasPattern && h.hasLen && h.hasBytes) {
		return errors.New("a hit lacks its addr, pattern, len or bytes")
	}
	if h.escaped == nil {
		return nil
	}
	var keys []string
	if err := json.Unmarshal(h.escaped, &keys); err != nil {
		return errors.New("escaped is no array of keys")
	}
	for _, key := range keys {
		if s := h.stringOf([]byte(key)); s != nil {
			s.Escaped = true
		}
	}
	return nil
}

// stringOf returns the string of a key, or nil where the key has none.
func (h *Hit) stringOf(key []byte) *String {
	switch string(key) {
	case "image":
		return &h.Image
	case "pattern":
		return &h.Pattern
	case "mapping":
		return &h.Mapping
	case "module":
		return &h.Module
	case "value":
		return &h.Value
	case "text":
		return &h.Text
	case "namespace":
		return &h.Namespace
	case "file":
		return &h.File
	case "rule":
		return &h.Rule
	case "reason":
		return &h.Reason
	}
	return nil
}

// set sets what a key says.
func (h *Hit) set(key, value []byte) (err error) {
	if s := h.stringOf(key); s != nil {
		h.hasPattern = h.hasPattern || s == &h.Pattern
		s.JSON = value
		return checkString(value)
	}
	switch string(key) {
	case "type":
		h.Type, err = word(value)
	case "addr":
		h.Addr, err = address(value)
		h.hasAddr = true
	case "len":
		h.Len, err = number(value)
		h.hasLen = true
	case "offset":
		h.Offset, err = number(value)
	case "module_offset":
		h.ModuleOffset, err = address(value)
	case "first":
		h.First, err = address(value)
		h.HasRange = true
	case "last":
		h.Last, err = address(value)
	case "bytes":
		h.Bytes, err = digits(value)
		h.hasBytes = true
	case "before":
		h.Before, err = digits(value)
	case "after":
		h.After, err = digits(value)
	case "key":
		h.Key, err = word(value)
	case "tags":
		h.Tags = value
	case "meta":
		h.Meta = value
	case "escaped":
		h.escaped = value
	}
	return err
}

// cutString returns the string of JSON that b begins with, with its quotes, and what is behind it.
func cutString(b []byte) (s, behind []byte, err error) {
	if len(b) == 0 || b[0] != '"' {
		return nil, b, errors.New("a string is missing")
	}
	for i := 1; ; {
		n := bytes.IndexByte(b[i:], '"')
		if n < 0 {
			return nil, b, errors.New("a string does not end")
		}
		i += n + 1
		slashes := 0
		for b[i-2-slashes] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return b[:i], b[i:], nil
		}
	}
}

// cutValue returns the value of JSON that b begins with, and what is behind it. Arrays and
// objects are checked, for nobody else looks into them.
func cutValue(b []byte) (value, behind []byte, err error) {
	if len(b) == 0 {
		return nil, b, errors.New("a value is missing")
	}
	switch b[0] {
	case '"':
		return cutString(b)
	case '{', '[':
		return cutNested(b)
	}
	n := bytes.IndexAny(b, ",}")
	if n <= 0 {
		return nil, b, errors.New("a value is missing")
	}
	return b[:n], b[n:], nil
}

// cutNested returns the array or object that b begins with, and what is behind it.
func cutNested(b []byte) (value, behind []byte, err error) {
	depth := 0
	for rest := b; len(rest) > 0; {
		switch rest[0] {
		case '"':
			if _, rest, err = cutString(rest); err != nil {
				return nil, rest, err
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		rest = rest[1:]
		if depth > 0 {
			continue
		}
		if value = b[:len(b)-len(rest)]; !json.Valid(value) {
			break
		}
		return value, rest, nil
	}
	return nil, b, errors.New("an array or object is wrong")
}

// checkString checks that a value is a string of JSON.
func checkString(value []byte) error {
	if value[0] != '"' || !utf8.Valid(value) || bytes.IndexByte(value, '\\') >= 0 && !json.Valid(value) {
		return errors.New("want a string")
	}
	return nil
}

// word returns a string in which nothing is escaped, without its quotes.
func word(value []byte) ([]byte, error) {
	if value[0] != '"' || bytes.IndexByte(value, '\\') >= 0 || !utf8.Valid(value) {
		return nil, errors.New("want a string")
	}
	return value[1 : len(value)-1], nil
}

// address returns the address that a string has.
func address(value []byte) (addr.Addr, error) {
	text, ok := bytes.CutPrefix(value, []byte(`"0x`))
	if !ok || len(text) < 2 || len(text) > 17 {
		return 0, errors.New("want an address")
	}
	a := addr.Addr(0)
	for _, c := range text[:len(text)-1] {
		d := digitOf(c)
		if d > 15 {
			return 0, errors.New("want an address")
		}
		a = a<<4 | addr.Addr(d)
	}
	return a, nil
}

// number returns a whole number.
func number(value []byte) (uint64, error) {
	n := uint64(0)
	for _, c := range value {
		d := uint64(c - '0')
		if d > 9 || n > math.MaxUint64/10 || n*10 > math.MaxUint64-d {
			return 0, errors.New("want a whole number below 2^64")
		}
		n = n*10 + d
	}
	return n, nil
}

// digits returns the digits of bytes in hexadecimal.
func digits(value []byte) ([]byte, error) {
	text, err := word(value)
	if err != nil || len(text)%2 != 0 {
		return nil, errors.New("want bytes in hexadecimal")
	}
	for _, c := range text {
		if digitOf(c) > 15 {
			return nil, errors.New("want bytes in hexadecimal")
		}
	}
	return text, nil
}

// digitOf returns the value of a digit in hexadecimal, or more than 15.
func digitOf(c byte) byte {
	switch {
	case c-'0' <= 9:
		return c - '0'
	case c-'a' <= 5:
		return c - 'a' + 10
	}
	return 0xff
}
