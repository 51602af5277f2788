package patterns

import (
	"encoding/base64"
	"errors"
	"fmt"
)

// base64 returns what base64 makes of the texts, wherever in a longer text they lie (RFC
// 4648, section 4). Three bytes become four digits of six bits, so there are three ways to
// do it, by the number of bytes in front, modulo 3. Of each, only those digits are looked
// for that are made of nothing but the text:
//
//	bytes     xxxxxxxx wwwwwwww wwwwwwww wwwwwwww yyyyyyyy
//	digits    xxxxxx xxwwww wwwwww wwwwww wwwwww wwyyyy yyyyyy
//	                        ^--------------------^
//
// A text of one byte fills no digit where one byte is in front of it.
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

// alphabet returns the encoding whose digits are these 64 bytes, the standard encoding if
// there are none.
func alphabet(digits string) (*base64.Encoding, error) {
	if digits == "" {
		return base64.RawStdEncoding, nil
	}
	if len(digits) != 64 {
		return nil, fmt.Errorf("an alphabet of %d bytes: base64 has 64 digits", len(digits))
	}
	// NewEncoding would panic where this loop returns an error.
	var seen [256]bool
	for i := range len(digits) {
		if c := digits[i]; seen[c] || c == '\n' || c == '\r' {
			return nil, errors.New("an alphabet of base64 has 64 different digits, none of which ends a line")
		}
		seen[digits[i]] = true
	}
	return base64.NewEncoding(digits).WithPadding(base64.NoPadding), nil
}
