package main

import (
	"errors"
	"fmt"
	"strings"

	"vscan/engine"
	"vscan/engine/addr"
)

// Addresses and ranges as they are given: in numbers, or as vscan prints places.
//
//	ADDRESS   0x7ffd1000, 4096, NAME+OFFSET
//	RANGE     LO..HI, ..HI, LO.., LO+LEN: each end is an ADDRESS
//
// NAME is the name of a module or mapping, or the last part of its path. Names
// may hold a + or .. themselves: what ends at the last + is the name, and
// NAME+OFFSET+LEN is a range, unless nothing has that NAME and something is
// called NAME+OFFSET. Without names these are read before an image is open;
// names are of one image, and the text is kept for it.

// splitPlace splits NAME+OFFSET at its last +.
func splitPlace(s string) (name string, offset uint64, ok bool) {
	i := strings.LastIndexByte(s, '+')
	if i <= 0 {
		return "", 0, false
	}
	offset, err := addr.ParseSize(s[i+1:])
	return s[:i], offset, err == nil
}

// isAddress reports whether s has the form of an address.
func isAddress(s string) bool {
	if _, err := addr.Parse(s); err == nil {
		return true
	}
	_, _, ok := splitPlace(s)
	return ok
}

// parseAddress reads an address.
func parseAddress(p *engine.Places, s string) (addr.Addr, error) {
	a, err := addr.Parse(s)
	if err == nil {
		return a, nil
	}
	name, offset, ok := splitPlace(s)
	if !ok {
		return 0, fmt.Errorf("%w, or NAME+OFFSET of a module or mapping", err)
	}
	a, err = p.Resolve(name, offset)
	if errors.Is(err, engine.ErrNoName) {
		return 0, fmt.Errorf("%w; vscan map lists the names", err)
	}
	return a, err
}

// cutRange splits LO..HI, where a name may hold ".." too.
func cutRange(s string) (lo, hi string, ok bool) {
	for i := 0; i+2 <= len(s); i++ {
		lo, hi = s[:i], s[min(i+2, len(s)):]
		if s[i:i+2] == ".." && (lo == "" || isAddress(lo)) && (hi == "" || isAddress(hi)) {
			return lo, hi, true
		}
	}
	return "", "", false
}

// cutLength splits LO+LEN.
func cutLength(s string) (lo string, n uint64, ok bool) {
	lo, n, ok = splitPlace(s)
	return lo, n, ok && isAddress(lo)
}

// isRange reports whether s has the form of a range.
func isRange(s string) bool {
	_, _, ends := cutRange(s)
	_, _, sized := cutLength(s)
	return ends || sized
}

// isWhere reports whether s has the form of an address or a range.
func isWhere(s string) bool { return isAddress(s) || isRange(s) }

// parseRange reads a range. One address is an error.
func parseRange(p *engine.Places, s string) (addr.Range, error) {
	r, err := addr.ParseRange(s)
	switch {
	case err != nil && isRange(s) && !numeric(s):
		if r, err = parseNamedRange(p, s); err != nil {
			err = fmt.Errorf("range %q: %w", s, err)
		}
	case err != nil && isAddress(s):
		err = fmt.Errorf("range %q: one address: want LO..HI or LO+LEN, as %s+1", s, s)
	}
	return r, err
}

func parseNamedRange(p *engine.Places, s string) (addr.Range, error) {
	if lo, hi, ok := cutRange(s); ok {
		return parseEnds(p, lo, hi)
	}
	lo, n, _ := cutLength(s)
	first, err := parseAddress(p, lo)
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

// parseEnds reads the ends of a range, either of which may be left out.
func parseEnds(p *engine.Places, lo, hi string) (addr.Range, error) {
	r := addr.All
	var err error
	if lo != "" {
		if r.First, err = parseAddress(p, lo); err != nil {
			return r, err
		}
	}
	if hi != "" {
		if r.Last, err = parseAddress(p, hi); err != nil {
			return r, err
		}
	}
	if !r.Valid() {
		return r, fmt.Errorf("its first address, %v, is above its last, %v", r.First, r.Last)
	}
	return r, nil
}

// parseWhere reads an address or a range.
func parseWhere(p *engine.Places, s string) (addr.Range, error) {
	if !isRange(s) {
		a, err := parseAddress(p, s)
		return addr.Range{First: a, Last: a}, err
	}
	r, err := parseRange(p, s)
	if _, _, ends := cutRange(s); !ends && errors.Is(err, engine.ErrNoName) {
		if a, whole := parseAddress(p, s); whole == nil { // a name with a + in it
			return addr.Range{First: a, Last: a}, nil
		}
	}
	return r, err
}

// rangeList collects ranges of addresses, as they are given.
type rangeList []string

func (l *rangeList) String() string { return "" }
func (l *rangeList) Type() string   { return "range" }

// Set takes what is a range, or may be one in some image.
func (l *rangeList) Set(s string) error {
	if !isRange(s) || numeric(s) {
		if _, err := parseRange(nil, s); err != nil { // it names nothing, and needs no image
			return err
		}
	}
	*l = append(*l, s)
	return nil
}

// numeric reports whether no end of a range is given by a name: what is wrong
// with it is wrong in every image.
func numeric(s string) bool {
	isNumber := func(s string) bool { _, err := addr.Parse(s); return s == "" || err == nil }
	if lo, hi, ok := cutRange(s); ok {
		return isNumber(lo) && isNumber(hi)
	}
	lo, _, ok := cutLength(s)
	return ok && isNumber(lo)
}

// in is the ranges in an image.
func (l rangeList) in(p *engine.Places) ([]addr.Range, error) {
	var out []addr.Range
	for _, s := range l {
		r, err := parseRange(p, s)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

// byteCount is a flag that takes a number of bytes, as 4096, 4K or 1G.
type byteCount struct {
	*uint64
	min, max uint64
}

func (b byteCount) String() string { return number{uint64: b.uint64}.String() }
func (b byteCount) Type() string   { return "size" }

func (b byteCount) Set(s string) error {
	n, err := addr.ParseSize(s)
	switch {
	case err != nil:
		return err
	case n < b.min:
		return fmt.Errorf("%q: want %d or more", s, b.min)
	case n > b.max:
		return fmt.Errorf("%q: want at most %d", s, b.max)
	}
	*b.uint64 = n
	return nil
}
