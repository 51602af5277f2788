package graph

import (
	"testing"

	"vscan/engine/addr"
)

// Places and chains print in the form in which they are told again: offsets in hexadecimal, with their
// signs, and what has no name as an address.
func TestStrings(t *testing.T) {
	for _, test := range []struct {
		got  interface{ String() string }
		want string
	}{
		{Place{"/usr/bin/prog", 0x400000, 0x4060}, "/usr/bin/prog+0x4060"},
		{Place{"", 0x1000, 0x20}, "0x1020"},
		{Place{Offset: 0xffffffffffffffff}, "0xffffffffffffffff"},
		{Chain{Place: Place{"[stack]", 0x7000, 8}, Offsets: []int64{-0x10, 0, 0x3ff}, Target: 0x8000}, "[stack]+0x8 -> -0x10 -> +0x0 -> +0x3ff = 0x8000"},
		{&Chain{Place: Place{"prog", 0, 0}, Words: []addr.Addr{0}, Offsets: []int64{-1 << 32}, Target: addr.Max}, "prog+0x0 -> -0x100000000 = 0xffffffffffffffff"},
	} {
		if got := test.got.String(); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}
