package sets

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"hash/crc64"
	"math"
	"math/big"
	"math/bits"
	"strings"
	"testing"
)

// The constants of the set crypto are what their definitions say. They are computed here,
// not copied a second time.
func TestCryptoConstants(t *testing.T) {
	sbox, inverse := aesBoxes()
	var table, inverseTable []uint32
	for i := range 4 {
		table = append(table, columns(sbox[i], 2, 1, 1, 3))
		inverseTable = append(inverseTable, columns(inverse[i], 14, 9, 13, 11))
	}
	var md5 []uint32
	for i := range 4 { // RFC 1321: floor(2^32 · |sin(i)|)
		md5 = append(md5, uint32(math.Floor(math.Abs(math.Sin(float64(i+1)))*(1<<32))))
	}
	state := []uint32{0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0}
	var k256, h256 []uint32
	var k512, h512 []uint64
	for _, prime := range []int64{2, 3, 5, 7} {
		k, h := fraction(prime, 3), fraction(prime, 2)
		k512, h512 = append(k512, k), append(h512, h)
		k256, h256 = append(k256, uint32(k>>32)), append(h256, uint32(h>>32))
	}
	crcs := func(polynomial uint32) []uint32 { return crc32.MakeTable(polynomial)[1:4] }
	crc := crc64.MakeTable(crc64.ECMA)

	little, big := binary.LittleEndian, binary.BigEndian
	for name, want := range map[string][]byte{
		"aes-sbox": sbox[:32], "aes-inverse-sbox": inverse[:32],
		"aes-table-le": stored(little, table), "aes-table-be": stored(big, table),
		"aes-inverse-table-le": stored(little, inverseTable), "aes-inverse-table-be": stored(big, inverseTable),
		"md5-le": stored(little, md5), "md5-be": stored(big, md5),
		"md5-state-le": stored(little, state[:4]), "md5-state-be": stored(big, state[:4]),
		"sha1-state-le": stored(little, state), "sha1-state-be": stored(big, state),
		"sha256-le": stored(little, k256), "sha256-be": stored(big, k256),
		"sha256-state-le": stored(little, h256), "sha256-state-be": stored(big, h256),
		"sha512-le": stored(little, k512[:2]), "sha512-be": stored(big, k512[:2]),
		"sha512-state-le": stored(little, h512[:2]), "sha512-state-be": stored(big, h512[:2]),
		"crc32-le": stored(little, crcs(crc32.IEEE)), "crc32-be": stored(big, crcs(crc32.IEEE)),
		"crc32c-le": stored(little, crcs(crc32.Castagnoli)), "crc32c-be": stored(big, crcs(crc32.Castagnoli)),
		"crc64-le": stored(little, crc[1:3]), "crc64-be": stored(big, crc[1:3]),
	} {
		if got := body(t, "crypto", name, "hex:"); !bytes.Equal(got, want) {
			t.Errorf("%s: %x, want %x", name, got, want)
		}
	}
}

func stored[T uint32 | uint64](order binary.ByteOrder, words []T) []byte {
	var b bytes.Buffer
	binary.Write(&b, order, words)
	return b.Bytes()
}

// body returns the bytes of a pattern of hexadecimal digits.
func body(t *testing.T, set, name, kind string) []byte {
	t.Helper()
	s, err := Get(set)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(s.Text, "\n"+set+"."+name+" = "+kind)
	line, _, _ := strings.Cut(rest, "\n")
	b, err := hex.DecodeString(line)
	if !ok || err != nil {
		t.Errorf("%s: not there, or %v", name, err)
	}
	return b
}

// fraction returns the first 64 bits of the fraction of a root of a prime.
func fraction(prime int64, root int) uint64 {
	// The root of p · 2^(64·root), a whole number, is found by halving.
	n := new(big.Int).Lsh(big.NewInt(prime), uint(64*root))
	lo, hi := big.NewInt(0), new(big.Int).Lsh(big.NewInt(1), 68)
	for new(big.Int).Sub(hi, lo).Cmp(big.NewInt(1)) > 0 {
		mid := new(big.Int).Rsh(new(big.Int).Add(lo, hi), 1)
		if new(big.Int).Exp(mid, big.NewInt(int64(root)), nil).Cmp(n) > 0 {
			hi = mid
		} else {
			lo = mid
		}
	}
	return new(big.Int).And(lo, new(big.Int).SetUint64(math.MaxUint64)).Uint64()
}

func times(a, b byte) (p byte) {
	for ; b > 0; b >>= 1 {
		if b&1 == 1 {
			p ^= a
		}
		a = a<<1 ^ a>>7*0x1b
	}
	return p
}

// aesBoxes returns the S-box of FIPS 197 and its inverse.
func aesBoxes() (sbox, inverse []byte) {
	sbox, inverse = make([]byte, 256), make([]byte, 256)
	for x := range 256 {
		y := byte(0)
		for c := range 256 {
			if times(byte(x), byte(c)) == 1 {
				y = byte(c)
			}
		}
		s := y ^ bits.RotateLeft8(y, 1) ^ bits.RotateLeft8(y, 2) ^ bits.RotateLeft8(y, 3) ^ bits.RotateLeft8(y, 4) ^ 0x63
		sbox[x], inverse[s] = s, byte(x)
	}
	return sbox, inverse
}

// columns returns an entry of a T-table: a byte times a column of MixColumns.
func columns(s, a, b, c, d byte) uint32 {
	return uint32(times(s, a))<<24 | uint32(times(s, b))<<16 | uint32(times(s, c))<<8 | uint32(times(s, d))
}
