package patterns

import (
	"encoding/binary"
	"encoding/hex"
	"math/bits"
	"strings"
)

// aesKind is aes:128, aes:192 and aes:256, the key schedules of AES (FIPS 197, section 5.2)
// as programs keep them in memory while they encrypt: the key, and the round keys that
// follow from it.
//
//	|-- key --|-- w[Nk] --|-- w[Nk+1] --| …      Nk = 4, 6 or 8 words of 4 bytes
//
//	w[i] = w[i−Nk] ^ w[i−1]                            most words
//	w[i] = w[i−Nk] ^ SubWord(RotWord(w[i−1])) ^ Rcon   where Nk divides i
//	w[i] = w[i−Nk] ^ SubWord(w[i−1])                   where Nk = 8 and i mod 8 = 4
//
// All of it is verified, 176, 208 or 240 bytes, as findaes does (J. Kornblum, after
// Halderman et al., "Lest We Remember", 2008); so a hit is a key schedule and never chance.
// The key is the first 16, 24 or 32 bytes of it.
//
// With flag s the bytes of each word are the other way round. Portable C code on a
// little-endian machine keeps them so, since it computes with words that it has read
// big-endian (OpenSSL's AES_KEY without AES-NI).
//
// With flag d some of its bits may be wrong, as in memory that was without power for a
// while: see decayedSchedule.
var aesKind = kind{
	kind:     KindAES,
	keywords: []string{"aes"},
	flags:    "sd",
	arg:      "d",
	parse:    parseAES,
}

// aesSchedule is both the body of the kind and its Finder.
type aesSchedule struct {
	keyWords int // the number of words of the key: Nk
	// swap turns the offset of a byte in a word into the offset at which memory has it, by
	// exclusive-or: 0, or 3 where the bytes of words are the other way round.
	swap int
}

func parseAES(in input, _, flags string) (body, error) {
	in = in.trim()
	s := aesSchedule{}
	switch in.body() {
	case "128":
		s.keyWords = 4
	case "192":
		s.keyWords = 6
	case "256":
		s.keyWords = 8
	default:
		return nil, in.fault(in.pos, "want the bits of a key, 128, 192 or 256, found %s", in.found(in.pos))
	}
	if strings.Contains(flags, "s") {
		s.swap = 3
	}
	if strings.Contains(flags, "d") {
		return newDecayed(in, s)
	}
	return s, nil
}

func (s aesSchedule) needles(*Pattern, *compiler) ([]Needle, error) { return nil, nil }

func (s aesSchedule) exprs(*Pattern, *compiler) ([]Expr, error) {
	return []Expr{{Matcher: s, Align: 1, MinLen: s.size(), MaxLen: s.size()}}, nil
}

// size returns the length of the schedule in bytes: Nk + 6 rounds, and the key that is
// added before them, of 16 bytes each.
func (s aesSchedule) size() int { return 16 * (s.keyWords + 7) }

// value returns the key in hexadecimal digits.
func (s aesSchedule) value(b []byte, _ *Target) string {
	key := make([]byte, 4*s.keyWords)
	for i := range key {
		key[i] = b[i^s.swap]
	}
	return hex.EncodeToString(key)
}

// Match implements Matcher.
func (s aesSchedule) Match(m *Memory, at int) int {
	b := m.Bytes[at:]
	if len(b) < s.size() {
		return 0
	}
	rcon := byte(1)
	for i := s.keyWords; i < s.size()/4; i++ {
		var t [4]byte
		for k := range t {
			t[k] = b[4*(i-1)+(k^s.swap)]
		}
		switch {
		case i%s.keyWords == 0:
			t = [4]byte{sbox[t[1]] ^ rcon, sbox[t[2]], sbox[t[3]], sbox[t[0]]}
			rcon = xtime(rcon)
		case s.keyWords == 8 && i%8 == 4:
			t = [4]byte{sbox[t[0]], sbox[t[1]], sbox[t[2]], sbox[t[3]]}
		}
		for k := range t {
			if b[4*i+(k^s.swap)] != t[k]^b[4*(i-s.keyWords)+(k^s.swap)] {
				return 0
			}
		}
	}
	return s.size()
}

// Next implements Finder. Most words of a schedule are the sum (exclusive-or) of the word
// in front and the word Nk before, whatever the order of their bytes. For any Nk there are
// three such words in a row. So schedules that begin at any of 8 places in a row have 4
// bytes in common for which this sum holds:
//
//	w[Nk+1] w[Nk+2] w[Nk+3] = w[Nk] w[Nk+1] w[Nk+2] ^ w[1] w[2] w[3]
//
//	from p    |-----------|
//	  ⋮               [##]      7 to 11 bytes from where the first would be
//	from p+7         |-----------|
//
// Where it does not hold there, most of memory, 8 places are ruled out at once. It also
// holds where memory is zeros; but there the S-box makes w[Nk] different from 0. Of the 8
// places, one byte of w[Nk] rules out most.
func (s aesSchedule) Next(m *Memory, from, to int) int {
	b := m.Bytes
	if to = min(to, len(b)-s.size()+1); from >= to {
		return max(from, to)
	}
	n := 4 * s.keyWords
	key, last, next := b[s.swap:], b[n-4+(1^s.swap):], b[n+s.swap:]
	for p := from; p < to; p += 8 { // behind to there are as many bytes as are read
		w1, wNk := b[p+4:][7:11], b[p+n:][7:15]
		if load32(wNk[4:]) != load32(wNk)^load32(w1) || load64(key[p:])|load64(last[p:])|load64(next[p:]) == 0 {
			continue
		}
		for q := p; q < p+8; q++ {
			if next[q] == key[q]^sbox[last[q]]^1 {
				return min(q, to)
			}
		}
	}
	return to
}

func load32(b []byte) uint32 { return binary.LittleEndian.Uint32(b) }
func load64(b []byte) uint64 { return binary.LittleEndian.Uint64(b) }

// xtime returns x · 2 in the field of AES, modulo x⁸ + x⁴ + x³ + x + 1 (FIPS 197, section
// 4.2).
func xtime(x byte) byte { return x<<1 ^ (x>>7)*0x1b }

// sbox is the S-box of AES (FIPS 197, section 5.1.1): the inverse in the field, and an
// affine map of that. The powers of 3 are all elements that have an inverse, so the loop
// walks through the powers g of 3 and their inverses together.
var sbox = func() (s [256]byte) {
	g, inverse := byte(1), byte(1)
	for range 255 {
		s[g] = inverse ^ bits.RotateLeft8(inverse, 1) ^ bits.RotateLeft8(inverse, 2) ^
			bits.RotateLeft8(inverse, 3) ^ bits.RotateLeft8(inverse, 4) ^ 0x63
		g ^= xtime(g) // times 3
		// This divides by 3, which is to multiply by 0xf6.
		inverse ^= inverse << 1
		inverse ^= inverse << 2
		inverse ^= inverse << 4
		inverse ^= (inverse >> 7) * 0x09
	}
	s[0] = 0x63
	return s
}()
