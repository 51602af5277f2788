package where

import (
	"errors"
	"strings"

	"vscan/engine"
	"vscan/internal/wording"
)

// Mappings chooses mappings by a name or by permissions.
type Mappings struct {
	text string
	name string      // what text means as a name: see Names
	perm engine.Perm // what a mapping must have at least; 0: the text is not of permissions
}

// ParseMappings reads a choice of mappings: a name, the last part of a name that is a
// path, both as they are printed, or permissions such as r-x, where a - asks for nothing.
// The error is that s is empty.
func ParseMappings(s string) (Mappings, error) {
	if s == "" {
		return Mappings{}, errors.New(`"": want the name or the permissions of mappings`)
	}
	return Mappings{s, wording.Unescape(s), parsePerm(s)}, nil
}

// String returns the text that was read.
func (c Mappings) String() string { return c.text }

// Has reports whether m is chosen: it has the name, or at least the permissions.
func (c Mappings) Has(m *engine.Mapping) bool {
	named := m.Name == c.name || strings.HasSuffix(m.Name, "/"+c.name)
	return named || c.perm != 0 && m.Perm&c.perm == c.perm
}

// Some reports whether any mapping of the space is chosen, also one that others hide.
func (c Mappings) Some(s *engine.Space) bool {
	for _, m := range s.Mappings() {
		if c.Has(m) {
			return true
		}
	}
	return false
}

// parsePerm reads permissions such as r-x, where a - asks for nothing. It returns 0
// where s is something else.
func parsePerm(s string) engine.Perm {
	if len(s) != 3 {
		return 0
	}
	perm := engine.PermKnown
	for i, letter := range []byte("rwx") {
		switch s[i] {
		case letter:
			perm |= engine.Perm(1 << i)
		case '-':
		default:
			return 0
		}
	}
	return perm
}
