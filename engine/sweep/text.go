package sweep

import (
	"bytes"
	"encoding/json"
	"errors"
	"unicode/utf8"

	"vscan/engine/addr"
)

// Text is a string of any bytes. In JSON it is a string, or where it is no UTF-8, an object
// {"base64": "..."}.
type Text string

type encodedText struct {
	Base64 []byte `json:"base64"`
}

// MarshalJSON implements json.Marshaler.
func (t Text) MarshalJSON() ([]byte, error) {
	if utf8.ValidString(string(t)) {
		return encode(string(t), "")
	}
	return json.Marshal(encodedText{[]byte(t)})
}

// UnmarshalJSON implements json.Unmarshaler.
func (t *Text) UnmarshalJSON(b []byte) error {
	if bytes.HasPrefix(b, []byte{'{'}) {
		var e encodedText
		if err := json.Unmarshal(b, &e); err != nil {
			return err
		}
		*t = Text(e.Base64)
		return nil
	}
	return json.Unmarshal(b, (*string)(t))
}

// encode returns v as JSON, with characters as they are, and a line feed at the end unless
// it is not indented.
func encode(v any, indent string) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	if indent == "" {
		b.Truncate(b.Len() - 1)
	}
	return b.Bytes(), nil
}

// texts returns strings as texts, and plain returns them as strings.
func texts(all []string) (out []Text) {
	for _, s := range all {
		out = append(out, Text(s))
	}
	return out
}

func plain(all []Text) (out []string) {
	for _, t := range all {
		out = append(out, string(t))
	}
	return out
}

// address is an address as a string of JSON, 0x and digits, for numbers of JSON lose
// addresses above 2^53.
type address addr.Addr

func (a address) MarshalJSON() ([]byte, error) { return json.Marshal(addr.Addr(a).String()) }

func (a *address) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	v, err := addr.Parse(s)
	*a = address(v)
	return err
}

// span is a range of addresses in JSON, both ends included.
type span struct {
	First address `json:"first"`
	Last  address `json:"last"`
}

func spanOf(r addr.Range) span { return span{address(r.First), address(r.Last)} }

func (s span) addresses() (addr.Range, error) {
	r := addr.Range{First: addr.Addr(s.First), Last: addr.Addr(s.Last)}
	if !r.Valid() {
		return r, errors.New("the range " + r.String() + " ends before it begins")
	}
	return r, nil
}
