package patterns

import "strings"

// hexKind is hex:, bytes as pairs of hexadecimal digits in either case, with
// blanks before, between and behind the pairs but not inside one. A ? stands
// for any digit.
var hexKind = kind{
	kind:  Hex,
	words: []string{"hex"},
	parse: parseHex,
}

// hexLater is what the body will be able to hold besides digits.
const hexLater = "~[](|)"

func parseHex(in input, _, _ string) (body, error) {
	start := in.pos
	out, mask := make([]byte, 0, (in.end-in.pos)/2), make([]byte, 0, (in.end-in.pos)/2)
	wild := 0 // digits that are ?
	for in.pos = skipBlanks(in.text, in.pos); in.pos < in.end; in.pos = skipBlanks(in.text, in.pos+2) {
		var b, m byte
		for d := in.pos; d <= in.pos+1; d++ {
			b, m = b<<4, m<<4
			switch {
			case d < in.end && unhex(in.text[d]) >= 0:
				b |= byte(unhex(in.text[d]))
				m |= 0xf
			case d < in.end && in.text[d] == '?':
				wild++
			case d < in.end && strings.IndexByte(hexLater, in.text[d]) >= 0:
				return nil, in.fault(d, "%c in hex: is not supported yet: want pairs of hexadecimal digits or ?", in.text[d])
			case d == in.pos:
				return nil, in.fault(d, "want a hexadecimal digit, found %s", in.found(d))
			default:
				return nil, in.fault(d, "want the second digit of a byte, found %s", in.found(d))
			}
		}
		out, mask = append(out, b), append(mask, m)
	}
	switch {
	case len(out) == 0:
		return nil, in.fault(in.end, "want pairs of hexadecimal digits, found the end")
	case wild == 2*len(out):
		return nil, in.fault(start, "nothing but ?: it would match everywhere")
	case len(out) > MaxBytes:
		in.pos = start
		return nil, in.tooLong(len(out))
	}
	if wild == 0 {
		mask = nil
	}
	return encodings{{out, mask}}, nil
}
