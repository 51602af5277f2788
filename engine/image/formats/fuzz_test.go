package formats_test

import (
	"slices"
	"testing"

	"vscan/engine/image/formats"
	"vscan/engine/image/magic"
)

func FuzzIdentify(f *testing.F) {
	for _, h := range slices.Concat(heads, moreHeads) {
		f.Add([]byte(h.head))
	}
	for _, c := range tails {
		f.Add([]byte(c.tail))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		name := formats.Identify(b)
		if k := formats.Recognize(b, b); name != "" && k.Name != name {
			t.Errorf("%q, and with its last bytes %q", name, k.Name)
		}
		// What follows the first bytes that are looked at does not matter.
		if len(b) >= magic.HeadSize && formats.Identify(b[:magic.HeadSize]) != name {
			t.Errorf("%q, and %q of its first bytes", name, formats.Identify(b[:magic.HeadSize]))
		}
	})
}
