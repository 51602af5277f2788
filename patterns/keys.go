package patterns

import "strings"

// keys reads what stands in the parentheses of flag x: LO-HI, in hexadecimal. Without
// parentheses it returns all keys.
func (in input) keys() (KeyRange, error) {
	if in.argAt == 0 {
		return KeyRange{0x00, 0xff}, nil
	}
	lo, hi, ok := strings.Cut(in.arg, "-")
	if !ok {
		hi = lo
	}
	var keys KeyRange
	for _, end := range []struct {
		s   string
		at  int
		key *byte
	}{{lo, in.argAt, &keys.Lo}, {hi, in.argAt + len(in.arg) - len(hi), &keys.Hi}} {
		if len(end.s) != 2 || unhex(end.s[0]) < 0 || unhex(end.s[1]) < 0 {
			return KeyRange{}, in.fault(end.at, "want a key of two hexadecimal digits, or LO-HI, as in x(01-ff)")
		}
		*end.key = byte(unhex(end.s[0])<<4 | unhex(end.s[1]))
	}
	if keys.Lo > keys.Hi {
		return KeyRange{}, in.fault(in.argAt, "keys %s: the first is above the last", in.arg)
	}
	return keys, nil
}

// count returns how many keys there are.
func (k KeyRange) count() int { return int(k.Hi) - int(k.Lo) + 1 }

// Has reports whether a key is one of them.
func (k KeyRange) Has(key byte) bool { return k.Lo <= key && key <= k.Hi }

// Keys are the keys of a needle or an anchor, if it has any: those from Lo to Hi, both included,
// where Any is set. It is for the engine, and may change.
type Keys struct {
	KeyRange
	Any bool
}

// Count returns how many keys there are, 0 where there are none.
func (k Keys) Count() int {
	if !k.Any {
		return 0
	}
	return k.KeyRange.count()
}

// values returns what a byte may be under the keys, ascending, with gaps between.
func (k KeyRange) values(c byte) []ValueRange {
	var has [256]bool
	for key := int(k.Lo); key <= int(k.Hi); key++ {
		has[c^byte(key)] = true
	}
	var out []ValueRange
	for v := range has {
		if !has[v] {
			continue
		}
		if n := len(out); n > 0 && out[n-1].Hi+1 == uint64(v) {
			out[n-1].Hi++
		} else {
			out = append(out, ValueRange{uint64(v), uint64(v)})
		}
	}
	return out
}
