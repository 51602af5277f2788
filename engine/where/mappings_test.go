package where

import (
	"testing"

	"vscan/engine"
)

func TestMappings(t *testing.T) {
	libc := &engine.Mapping{Name: "/usr/lib/libc.so.6", Perm: engine.PermKnown | engine.PermRead | engine.PermExecute}
	heap := &engine.Mapping{Name: "[heap]", Perm: engine.PermKnown | engine.PermRead | engine.PermWrite}
	guard := &engine.Mapping{Perm: engine.PermKnown}
	raw := &engine.Mapping{Name: "r-x"} // its permissions are not known
	for _, c := range []struct {
		place string
		want  []*engine.Mapping
	}{
		{"libc.so.6", []*engine.Mapping{libc}},
		{"/usr/lib/libc.so.6", []*engine.Mapping{libc}},
		{"lib/libc.so.6", []*engine.Mapping{libc}},
		{"c.so.6", nil},
		{"[heap]", []*engine.Mapping{heap}},
		{"r--", []*engine.Mapping{libc, heap}},
		{"rw-", []*engine.Mapping{heap}},
		{"--x", []*engine.Mapping{libc}},
		{"r-x", []*engine.Mapping{libc, raw}},
		{"---", []*engine.Mapping{libc, heap, guard}},
		{"rwx", nil},
		{"x--", nil},
	} {
		choice, err := ParseMappings(c.place)
		if err != nil {
			t.Fatalf("%q: %v, %v", c.place, choice, err)
		}
		var got []*engine.Mapping
		for _, m := range []*engine.Mapping{libc, heap, guard, raw} {
			if choice.Has(m) {
				got = append(got, m)
			}
		}
		if len(got) != len(c.want) {
			t.Errorf("%q: %v, want %v", c.place, got, c.want)
			continue
		}
		for i := range got {
			if got[i] != c.want[i] {
				t.Errorf("%q: %v, want %v", c.place, got[i], c.want[i])
			}
		}
	}
}
