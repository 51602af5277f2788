package addr

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Parse reads an address: decimal, or hexadecimal with 0x in front. Anything else,
// and what does not fit in 64 bits, is an error.
func Parse(s string) (Addr, error) {
	v, err := ParseUint(s)
	if err != nil {
		return 0, fmt.Errorf("address %w", err)
	}
	return Addr(v), nil
}

var errFit = errors.New("does not fit in 64 bits")

// ParseUint reads an unsigned number below 2^64, decimal or hexadecimal with 0x in
// front. A sign, an underscore or a blank is an error; a 0 in front does not make a
// number octal.
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
		return 0, fmt.Errorf("%q: %w", s, errFit)
	}
	return v, nil
}

// ParseSize reads a number of bytes: a number as [ParseUint] reads it, and behind
// it, with or without a blank, K, M, G or T (or KiB, MiB, GiB, TiB), which multiply
// it by 1024, 1024², 1024³ and 1024⁴. What does not fit in 64 bits is an error.
func ParseSize(s string) (uint64, error) {
	digits, shift := s, 0
	text := strings.TrimSuffix(s, "iB")
	if n := len(text) - 1; n > 0 {
		if i := strings.IndexByte("KMGT", text[n]); i >= 0 {
			digits, shift = strings.TrimSuffix(text[:n], " "), 10*(i+1)
		}
	}
	n, err := ParseUint(digits)
	switch {
	case errors.Is(err, errFit), err == nil && n > math.MaxUint64>>shift:
		return 0, fmt.Errorf("%q: %w", s, errFit)
	case err != nil:
		return 0, fmt.Errorf("%q: want a number of bytes: decimal digits, or 0x and hexadecimal ones, and perhaps K, M, G or T behind them", s)
	}
	return n << shift, nil
}

// ParseRange reads LO..HI (both ends included; either may be left out and is then 0
// or 2^64 − 1) or LO+LEN (LEN bytes from LO on, LEN as [ParseSize] reads it). A
// range that would be empty or run past 2^64 − 1 is an error.
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
		size, err := ParseSize(n)
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
