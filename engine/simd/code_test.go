package simd

import "testing"

// Bytes that are common in machine code are told to be, alone, side by side and with bits that do not count.
func TestCodeRate(t *testing.T) {
	for _, c := range []struct {
		lit, mask   string
		least, most float64
	}{
		{"\x48", "\xff", 1. / 20, 1. / 8},
		{"\x48\x8d", "\xff\xff", 1. / 200, 1. / 30}, // lea
		{"\x40\x8d", "\xf0\xff", 1. / 200, 1. / 20},
		{"\x48\x00\x8d", "\xff\x00\xff", 1. / 2000, 1. / 200}, // what does not count tells nothing of what follows
		{"\xa7\xb2\x9d", "\xff\xff\xff", 0, 1e-7},
		{"\x00", "\x00", 1, 1},
		{"", "", 1, 1},
	} {
		if got := CodeRate([]byte(c.lit), []byte(c.mask)); got < c.least || got > c.most {
			t.Errorf("%x / %x: 1 in %.0f", c.lit, c.mask, 1/got)
		}
	}
	if plain, masked := CodeRate([]byte("\x48\x8b\x44"), nil), CodeRate([]byte("\x48\x8b\x44"), []byte("\xff\xff\xff")); plain != masked {
		t.Errorf("%v without a mask, %v with all bits", plain, masked)
	}
	for i := range codePairs {
		if i > 0 && codePairs[i].pair <= codePairs[i-1].pair {
			t.Errorf("pair %x is not behind the one before it", codePairs[i].pair)
		}
	}
}
