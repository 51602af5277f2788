// Package where reads addresses, ranges of addresses and choices of mappings as people
// write them: in numbers, or by the names that places in an image have. It is for
// programs that take such text from their users.
//
//	ADDRESS   0x7ffd1000, 4096, NAME+OFFSET
//	RANGE     LO..HI, ..HI, LO.., LO+LEN: each end is an ADDRESS, and both are part of it
//	MAPPINGS  NAME, or permissions as r-x
//
// NAME is the name of a module or a mapping, or the last part of its path. OFFSET is
// counted in bytes from where the name begins, which for a module is its load base. Names
// may hold a + or .. themselves: a NAME ends at the last +. NAME+OFFSET+LEN is a range,
// unless nothing in the image has the name NAME and something has the name NAME+OFFSET.
// Likewise ..NAME+OFFSET is a range, unless nothing has that NAME and something is named ..NAME.
//
// A NAME may be given as vscan prints it, with what does not show escaped (Names).
//
// Text without names can be read before an image is open, with nil for its places. Text
// with names means something in one image only, so a caller keeps it until that is open.
package where

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/internal/wording"
)

// cutOffset splits NAME+OFFSET at its last +, and reports whether s has that form.
func cutOffset(s string) (name string, offset uint64, ok bool) {
	i := strings.LastIndexByte(s, '+')
	if i <= 0 {
		return "", 0, false
	}
	offset, err := addr.ParseSize(s[i+1:])
	return s[:i], offset, err == nil
}

// IsAddress reports whether s has the form of an address.
func IsAddress(s string) bool {
	if _, err := addr.Parse(s); err == nil {
		return true
	}
	_, _, ok := cutOffset(s)
	return ok
}

// ParseAddress reads an address. An error wraps engine.ErrNoName where nothing in the
// image has the name.
func ParseAddress(p *engine.Places, s string) (addr.Addr, error) {
	a, err := addr.Parse(s)
	if err == nil {
		return a, nil
	}
	name, offset, ok := cutOffset(s)
	if !ok {
		return 0, fmt.Errorf("%w, or NAME+OFFSET of a module or mapping", err)
	}
	var first error
	for _, name := range Names(name) {
		a, err := p.Resolve(name, offset)
		if !errors.Is(err, engine.ErrNoName) {
			return a, err
		}
		first = cmp.Or(first, err)
	}
	return 0, first
}

// Names returns the names that text can stand for, in the order in which they are to be
// looked for: that of which it is the printed form, and the text itself where that is
// another name. In printed names \xNN is a byte, \uNNNN and \UNNNNNNNN are characters and
// \\ is a backslash; any other backslash is one.
func Names(s string) []string {
	if name := wording.Unescape(s); name != s {
		return []string{name, s}
	}
	return []string{s}
}

// cutRange splits LO..HI, and reports whether s has that form. Since names may hold
// "..", it splits where what stands on either side is an address or empty.
func cutRange(s string) (lo, hi string, ok bool) {
	for i := 0; i+2 <= len(s); i++ {
		lo, hi = s[:i], s[min(i+2, len(s)):]
		if s[i:i+2] == ".." && (lo == "" || IsAddress(lo)) && (hi == "" || IsAddress(hi)) {
			return lo, hi, true
		}
	}
	return "", "", false
}

// cutLength splits LO+LEN, and reports whether s has that form.
func cutLength(s string) (lo string, n uint64, ok bool) {
	lo, n, ok = cutOffset(s)
	return lo, n, ok && IsAddress(lo)
}

// IsRange reports whether s has the form of a range.
func IsRange(s string) bool {
	_, _, ends := cutRange(s)
	_, _, sized := cutLength(s)
	return ends || sized
}

// IsPlace reports whether s has the form of an address or a range.
func IsPlace(s string) bool { return IsAddress(s) || IsRange(s) }

// ParseRange reads a range, both ends of which are part of it. An address alone is an
// error. An error wraps engine.ErrNoName where nothing in the image has a name that s
// uses.
func ParseRange(p *engine.Places, s string) (addr.Range, error) {
	r, err := addr.ParseRange(s)
	switch {
	case err != nil && IsRange(s) && !Numeric(s):
		if r, err = parseNamedRange(p, s); err != nil {
			err = fmt.Errorf("range %q: %w", s, err)
		}
	case err != nil && IsAddress(s):
		err = fmt.Errorf("range %q: one address: want LO..HI or LO+LEN, as %s+1", s, s)
	}
	return r, err
}

// parseNamedRange reads a range that has the form of one.
func parseNamedRange(p *engine.Places, s string) (addr.Range, error) {
	if lo, hi, ok := cutRange(s); ok {
		return parseEnds(p, lo, hi)
	}
	lo, n, _ := cutLength(s)
	first, err := ParseAddress(p, lo)
	if err != nil {
		return addr.Range{}, err
	}
	r, ok := addr.Sized(first, n)
	switch {
	case n == 0:
		return r, errors.New("a length of 0 holds no address")
	case !ok:
		return r, fmt.Errorf("runs past the last address, %v", addr.Max)
	}
	return r, nil
}

// parseEnds reads the ends of a range. Either may be "", which stands for the first or
// the last address there is.
func parseEnds(p *engine.Places, lo, hi string) (addr.Range, error) {
	r := addr.All
	var err error
	if lo != "" {
		if r.First, err = ParseAddress(p, lo); err != nil {
			return r, err
		}
	}
	if hi != "" {
		if r.Last, err = ParseAddress(p, hi); err != nil {
			return r, err
		}
	}
	if !r.Valid() {
		return r, fmt.Errorf("its first address, %v, is above its last, %v", r.First, r.Last)
	}
	return r, nil
}

// Parse reads a range, or an address as the range of its one byte. Errors are those of
// ParseRange and ParseAddress.
func Parse(p *engine.Places, s string) (addr.Range, error) {
	if !IsRange(s) {
		a, err := ParseAddress(p, s)
		return addr.Range{First: a, Last: a}, err
	}
	r, err := ParseRange(p, s)
	if errors.Is(err, engine.ErrNoName) {
		if a, whole := ParseAddress(p, s); whole == nil { // a name with a + in it, or with a .. at its beginning
			return addr.Range{First: a, Last: a}, nil
		}
	}
	return r, err
}

// Numeric reports whether s is a range of which no end is given by a name. What is
// wrong with such a range is wrong in every image.
func Numeric(s string) bool {
	isNumber := func(s string) bool { _, err := addr.Parse(s); return s == "" || err == nil }
	if lo, hi, ok := cutRange(s); ok {
		return isNumber(lo) && isNumber(hi)
	}
	lo, _, ok := cutLength(s)
	return ok && isNumber(lo)
}

// CheckRange returns what is wrong with the text of a range, whatever the image is. It
// returns nil where only an image can tell.
func CheckRange(s string) error {
	if IsRange(s) && !Numeric(s) {
		return nil
	}
	_, err := ParseRange(nil, s)
	return err
}

// ParseRanges reads several ranges. The error is that of the first one that is wrong.
func ParseRanges(p *engine.Places, texts []string) ([]addr.Range, error) {
	var out []addr.Range
	for _, s := range texts {
		r, err := ParseRange(p, s)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}
