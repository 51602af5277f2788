package patterns

import "strings"

// hexKind is hex:, bytes as pairs of hexadecimal digits in either case, with
// blanks before, between and behind the pairs but not inside one.
var hexKind = kind{
	kind:  Hex,
	words: []string{"hex"},
	parse: parseHex,
}

// hexLater is what the body will be able to hold besides digits.
const hexLater = "?~[](|)"

func parseHex(in input, _, _ string) (body, error) {
	start := in.pos
	out := make([]byte, 0, (in.end-in.pos)/2)
	for in.pos = skipBlanks(in.text, in.pos); in.pos < in.end; in.pos = skipBlanks(in.text, in.pos+2) {
		for d := in.pos; d <= in.pos+1; d++ {
			switch {
			case d < in.end && unhex(in.text[d]) >= 0:
			case d < in.end && strings.IndexByte(hexLater, in.text[d]) >= 0:
				return nil, in.fault(d, "%c in hex: is not supported yet: want pairs of hexadecimal digits", in.text[d])
			case d == in.pos:
				return nil, in.fault(d, "want a hexadecimal digit, found %s", in.found(d))
			default:
				return nil, in.fault(d, "want the second digit of a byte, found %s", in.found(d))
			}
		}
		out = append(out, byte(unhex(in.text[in.pos])<<4|unhex(in.text[in.pos+1])))
	}
	switch {
	case len(out) == 0:
		return nil, in.fault(in.end, "want pairs of hexadecimal digits, found the end")
	case len(out) > MaxBytes:
		in.pos = start
		return nil, in.tooLong(len(out))
	}
	return encodings{out}, nil
}
