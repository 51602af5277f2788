package sets

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"vscan/engine/simd"
)

// Every literal of a set is looked for by one method, at every level.
func TestMethods(t *testing.T) {
	var large []simd.Lit
	for i := range 5000 {
		large = append(large, simd.Lit{Bytes: fmt.Appendf(nil, "%05d%x", i, i*i)})
	}
	masked := simd.Lit{Bytes: []byte("ABCDEFGH"), Mask: []byte("\xdf\xdf\xff\xff\xdf\xdf\xdf\xdf")}
	for name, lits := range map[string][]simd.Lit{
		"one": simd.Plain([]byte("needle")), "few": simd.Plain([]byte("needle"), []byte("pin"), []byte("needle"), []byte("x")),
		"large": append(large, masked, simd.Lit{Bytes: []byte{0x80}}, simd.Lit{Bytes: []byte{1, 2}, Mask: []byte{0xf0, 0xff}}),
		"short": simd.Plain([]byte("ab"), []byte("cd"), []byte("e"), []byte("fgh"), []byte("ij"), []byte("kl"), []byte("mn"), []byte("op"), []byte("q")),
	} {
		for _, level := range []simd.Level{simd.Reference, simd.Generic, simd.Auto} {
			k, err := New(context.Background(), level, lits)
			if err != nil {
				t.Fatal(err)
			}
			var seen []uint32
			var levels []simd.Level
			methods, err := Methods(t.Context(), k)
			if err != nil {
				t.Fatal(err)
			}
			for _, w := range methods {
				seen = append(seen, w.Lits...)
				levels = append(levels, w.Level)
				if w.FirstLook == "" || !(w.Rate > 0 && w.Rate <= 1) {
					t.Errorf("%s at %v: %+v", name, level, w)
				}
			}
			slices.Sort(seen)
			if len(seen) != len(lits) || len(slices.Compact(seen)) != len(lits) {
				t.Errorf("%s at %v: %d of %d literals", name, level, len(seen), len(lits))
			}
			slices.Sort(levels)
			if levels = slices.Compact(levels); !slices.Equal(levels, k.Levels()) {
				t.Errorf("%s at %v: levels %v, want %v", name, level, levels, k.Levels())
			}
		}
	}
}

// A literal is not looked for by zeros in front of a mask.
func TestLongestPlain(t *testing.T) {
	for _, test := range []struct {
		bytes, mask string
		first, last int
	}{
		{"\x00\x00\x00\x00\x00\x00\x00\x00\x91\x02\x00\x00\x00", "\xff\xff\xff\xff\xff\xff\xff\xff\xfb\xff\xff\xff\xff", 9, 13},
		{"abcd\x00ef\x00\x00\x00\x00\x00\x00\x00", "\xff\xff\xff\xff\x00\xff\xff\x00\xff\xff\xff\xff\xff\xff", 0, 4},
		{"\x00\x00\x00\x00\x00", "\xff\xff\xff\xff\x01", 0, 0},
		{"\x00\x00\x00A\x00\x00", "\xff\xff\xff\xff\xff\xf0", 0, 5},
	} {
		if first, last := longestPlain(simd.Lit{Bytes: []byte(test.bytes), Mask: []byte(test.mask)}, 0); first != test.first || last != test.last {
			t.Errorf("%x / %x: %d to %d", test.bytes, test.mask, first, last)
		}
	}
}

// A literal is not looked for by grams that are common, as those of zeros are, at the strides at which its
// excerpt would have them.
func TestWildExcerpt(t *testing.T) {
	for _, test := range []struct {
		bytes, mask string
		stride      int // the largest that suits; 0: none
	}{
		{"\x00\x00\x00\x00\x01\x00\x41", "\xff\xff\xff\xff\xff\x00\xff", 2}, // at stride 4, the first of its grams is of zeros
		{"\x00\x00\x00\x00\x01\x00\x41\x42", "\xff\xff\xff\xff\xff\x00\xff\xff", 4},
		{"\x91\x92\x93\x94\x95\x00\x97", "\xff\xff\xff\xff\xff\x00\xff", 4},
		{"\x00\x00\x00\x00\x00\x00\x00", "\xff\xff\xff\xff\xff\x00\xff", 0},
		{"\x00\x00\x00\x00\x00\x00\x00\x00\x91\x00\x93\x94\x95\x96\x97\x98", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff", 4},
		{"\x91\x00\x00\x94", "\xff\x00\x00\xff", 0},
	} {
		lit, got := simd.Lit{Bytes: []byte(test.bytes), Mask: []byte(test.mask)}, 0
		for _, stride := range []int{1, 2, 4} {
			if hasWildExcerpt(lit, stride, maxValues) {
				got = stride
			}
		}
		if got != test.stride {
			t.Errorf("%x / %x: stride %d, want %d", test.bytes, test.mask, got, test.stride)
		}
	}
}
