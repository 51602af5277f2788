package addr

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Parse reads an address: decimal, or hexadecimal with 0x in front.
func Parse(s string) (Addr, error) {
	v, err := ParseUint(s)
	if err != nil {
		return 0, fmt.Errorf("address %w", err)
	}
	return Addr(v), nil
}

// ParseUint reads an unsigned number below 2^64, decimal or hexadecimal with
// 0x in front. Nothing else is a number here: no sign, no underscore, no
// octal, no blank.
func ParseUint(s string) (uint64, error) {
	digits, base := s, 10
	if len(s) > 2 && (s[:2] == "0x" || s[:2] == "0X") {
		digits, base = s[2:], 16
	}
	v, err := strconv.ParseUint(digits, base, 64)
	switch {
	case digits == "" || digits[0] == '+' || errors.Is(err, strconv.ErrSyntax):
		return 0, fmt.Errorf("%q: want decimal digits, or 0x and hexadecimal ones", s)
	case err != nil:
		return 0, fmt.Errorf("%q: does not fit in 64 bits", s)
	}
	return v, nil
}

// ParseRange reads LO..HI (both ends included; either may be left out, for 0
// and 2^64 − 1) or LO+LEN (LEN bytes from LO).
func ParseRange(s string) (Range, error) {
	if lo, hi, ok := strings.Cut(s, ".."); ok {
		r := All
		var err error
		if lo != "" {
			if r.First, err = Parse(lo); err != nil {
				return Range{}, fmt.Errorf("range %q: %w", s, err)
			}
		}
		if hi != "" {
			if r.Last, err = Parse(hi); err != nil {
				return Range{}, fmt.Errorf("range %q: %w", s, err)
			}
		}
		if !r.Valid() {
			return Range{}, fmt.Errorf("range %q: its first address is above its last", s)
		}
		return r, nil
	}
	if lo, n, ok := strings.Cut(s, "+"); ok {
		first, err := Parse(lo)
		if err != nil {
			return Range{}, fmt.Errorf("range %q: %w", s, err)
		}
		size, err := ParseUint(n)
		if err != nil {
			return Range{}, fmt.Errorf("range %q: length %w", s, err)
		}
		r, ok := Sized(first, size)
		if !ok {
			if size == 0 {
				return Range{}, fmt.Errorf("range %q: a length of 0 holds no address", s)
			}
			return Range{}, fmt.Errorf("range %q: runs past the last address, %v", s, Max)
		}
		return r, nil
	}
	return Range{}, fmt.Errorf("range %q: want LO..HI or LO+LEN", s)
}
