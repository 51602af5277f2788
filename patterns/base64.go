package patterns

import (
	"encoding/base64"
	"errors"
	"fmt"
)

// base64 is what base64 makes of the words, wherever in a longer text they lie.
// Three bytes become four digits of six bits, so there are three ways to do it,
// by the number of bytes in front, modulo 3. Of each, only the digits that are
// made of nothing but the word are looked for:
//
//	bytes     xxxxxxxx wwwwwwww wwwwwwww wwwwwwww yyyyyyyy
//	digits    xxxxxx xxwwww wwwwww wwwwww wwwwww wwyyyy yyyyyy
//	                        ^--------------------^
//
// A word of one byte fills no digit where one byte is in front of it.
func (w encodedTexts) base64(o TextOptions) (encodedTexts, error) {
	enc, err := alphabet(o.Alphabet)
	if err != nil {
		return nil, err
	}
	var out encodedTexts
	for _, v := range w {
		for front := range 3 {
			b := append(make([]byte, front, front+len(v.bytes)), v.bytes...)
			digits := make([]byte, enc.EncodedLen(len(b)))
			enc.Encode(digits, b)
			digits = digits[(8*front+5)/6 : 8*len(b)/6]
			if len(digits) == 0 {
				continue
			}
			if o.Base64 {
				out = out.add(literal{bytes: digits}, 1, false)
			}
			if o.Base64Wide {
				wide := make([]byte, 0, 2*len(digits))
				for _, c := range digits {
					wide = append(wide, c, 0)
				}
				out = out.add(literal{bytes: wide}, 2, false)
			}
		}
	}
	for _, v := range out {
		if len(v.bytes) > MaxBytes {
			return nil, fmt.Errorf("%d bytes to look for: at most %d", len(v.bytes), MaxBytes)
		}
	}
	return out, nil
}

// alphabet is the encoding with 64 bytes as digits, the standard's if there are
// none.
func alphabet(digits string) (*base64.Encoding, error) {
	if digits == "" {
		return base64.RawStdEncoding, nil
	}
	if len(digits) != 64 {
		return nil, fmt.Errorf("an alphabet of %d bytes: base64 has 64 digits", len(digits))
	}
	// What NewEncoding would panic about.
	var seen [256]bool
	for i := range len(digits) {
		if c := digits[i]; seen[c] || c == '\n' || c == '\r' {
			return nil, errors.New("an alphabet of base64 has 64 different digits, none of which ends a line")
		}
		seen[digits[i]] = true
	}
	return base64.NewEncoding(digits).WithPadding(base64.NoPadding), nil
}
