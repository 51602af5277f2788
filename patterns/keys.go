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
