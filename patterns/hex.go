package patterns

import "strings"

// hexKind is hex:, bytes as pairs of hexadecimal digits in either case, with blanks before,
// between and behind the pairs but not inside one. A ? stands for any digit. Besides, as in
// YARA:
//
//	~41 ~4? ~?1      a byte that is not what stands behind the ~
//	[4] [4-6] [4-] [-]   as many bytes of any value: 4, 4 to 6, at least 4, any number
//	( 41 | 42 43 )   one of several; they may hold all of this
//
// Where several lengths match at one place, the shortest is the match. A jump with an end
// may go as far as that end; with a jump without an end, no match is longer than
// Target.MaxMatch.
//
// Digits and ? alone are bytes and a mask, and so is a small choice between bytes of one
// length. All else has to be verified.
var hexKind = kind{
	kind:     KindHex,
	keywords: []string{"hex"},
	parse:    parseHex,
}

// NewHex returns the pattern of a body that stands behind hex:. name and written are for
// those who read hits. The error is an *Error whose Pattern is body.
func NewHex(name, written, body string) (Pattern, error) {
	b, err := parseHex(input{text: body, end: len(body)}, "", "")
	if err != nil {
		return Pattern{}, err
	}
	return Pattern{Name: name, Written: written, Kind: KindHex, text: body, body: b}, nil
}

func parseHex(in input, _, _ string) (body, error) {
	if strings.ContainsAny(in.body(), hexOperators) {
		return parseHexExpression(in)
	}
	start := in.pos
	out, mask := make([]byte, 0, (in.end-in.pos)/2), make([]byte, 0, (in.end-in.pos)/2)
	fixed, wild := false, false
	for in.pos = skipBlanks(in.text, in.pos); in.pos < in.end; in.pos = skipBlanks(in.text, in.pos+2) {
		b, m, err := in.pair()
		if err != nil {
			return nil, err
		}
		fixed, wild = fixed || m != 0, wild || m != 0xff
		out, mask = append(out, b), append(mask, m)
	}
	switch {
	case len(out) == 0:
		return nil, in.fault(in.end, "want pairs of hexadecimal digits, found the end")
	case !fixed:
		return nil, in.fault(start, onlyWild)
	case len(out) > MaxBytes:
		in.pos = start
		return nil, in.tooLong(len(out))
	}
	if !wild {
		mask = nil
	}
	return literals{{out, mask}}, nil
}

// hexOperators are the characters of a body that has more than digits and ?.
const hexOperators = "~[](|)"

const onlyWild = "nothing but ?: it would match everywhere"

// pair reads the two digits at pos. It returns a byte, and which of its bits count.
func (in input) pair() (b, mask byte, err error) {
	for d := in.pos; d <= in.pos+1; d++ {
		b, mask = b<<4, mask<<4
		switch {
		case d < in.end && unhex(in.text[d]) >= 0:
			b |= byte(unhex(in.text[d]))
			mask |= 0xf
		case d < in.end && in.text[d] == '?':
		case d == in.pos:
			return 0, 0, in.fault(d, "want a hexadecimal digit, found %s", in.found(d))
		default:
			return 0, 0, in.fault(d, "want the second digit of a byte, found %s", in.found(d))
		}
	}
	return b, mask, nil
}
