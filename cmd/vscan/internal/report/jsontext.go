package report

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"

	"vscan/internal/wording"
)

// QuoteJSON returns s as JSON, in which characters that do not show are written as
// \uNNNN. JSON has no bytes that are not UTF-8: they are escaped as wording has it, and
// the backslashes of s with them. If they became U+FFFD, different names would become the
// same. Since a name may also be the text \xff, the key "escaped" of a line lists the keys
// whose strings were escaped; JSONNames and JSONLReporter say which.
func QuoteJSON(s string) string {
	return string(wording.AppendJSON(nil, wording.ValidUTF8(s)))
}

// EncodeJSON returns v as JSON and a line feed. Characters that do not show are written
// as \uNNNN.
func EncodeJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return wording.AppendJSONSafe(nil, b.Bytes()), nil
}

// JSONNames keeps names as JSON, since they are few and come with every line.
type JSONNames struct {
	cache Cache
	none  map[string]bool // the names that are no UTF-8; nil if there are none
}

// Get returns a name as QuoteJSON does.
func (n *JSONNames) Get(s string) string {
	if n.cache.Convert == nil {
		n.cache.Convert = n.quote
	}
	return n.cache.Get(s)
}

func (n *JSONNames) quote(s string) string {
	if !utf8.ValidString(s) {
		if n.none == nil {
			n.none = map[string]bool{}
		}
		n.none[s] = true
	}
	return QuoteJSON(s)
}

// Escaped reports whether a name that Get was asked for is escaped.
func (n *JSONNames) Escaped(s string) bool { return len(n.none) > 0 && n.none[s] }
