package image

import (
	"slices"
	"testing"
)

func FuzzIdentify(f *testing.F) {
	for _, h := range slices.Concat(heads, moreHeads) {
		f.Add([]byte(h.head))
	}
	for _, c := range tails {
		f.Add([]byte(c.tail))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		name := Identify(b)
		if k := identify(b, b); name != "" && k.name != name {
			t.Errorf("%q, and with its last bytes %q", name, k.name)
		}
		// What follows the first bytes that are looked at does not matter.
		if len(b) >= headSize && Identify(b[:headSize]) != name {
			t.Errorf("%q, and %q of its first bytes", name, Identify(b[:headSize]))
		}
	})
}
