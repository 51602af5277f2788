package simd

import "testing"

// Rate is low for literals that are rare in memory.
func TestRate(t *testing.T) {
	ascending := []Lit{
		{Bytes: []byte("\x9d\xae\x91\xb6\x87")},
		{Bytes: []byte("xyzzy")},
		{Bytes: []byte{0x9d}},
		{Bytes: []byte{0}},
		{Bytes: []byte{0}, Mask: []byte{1}},
	}
	for i, lit := range ascending[1:] {
		if Rate(ascending[i]) >= Rate(lit) {
			t.Errorf("%x: %g, but %x: %g", ascending[i].Bytes, Rate(ascending[i]), lit.Bytes, Rate(lit))
		}
	}
	if zeros := Rate(Lit{Bytes: make([]byte, 64)}); zeros < Rate(ascending[1]) {
		t.Errorf("zeros: %g", zeros)
	}
}
