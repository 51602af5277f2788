package main

import (
	"strconv"
	"strings"
	"testing"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/image"
)

func TestParseLayer(t *testing.T) {
	for in, want := range map[string]image.LayerSpec{
		"f@0":                    {Path: "f"},
		"f@0x1000":               {Path: "f", At: 0x1000},
		"f@18446744073709551615": {Path: "f", At: addr.Max},
		"f@1+2":                  {Path: "f", At: 1, Raw: true, Offset: 2},
		"f@1+0":                  {Path: "f", At: 1, Raw: true},
		"f@1+0x2:0x3":            {Path: "f", At: 1, Raw: true, Offset: 2, Len: 3},
		"user@host@5":            {Path: "user@host", At: 5},
		"a+b:c@5+6":              {Path: "a+b:c", At: 5, Raw: true, Offset: 6},
		"two words@7":            {Path: "two words", At: 7},
		"pid:1@8":                {Path: "pid:1", At: 8},
	} {
		if got, err := parseLayer(in); err != nil || got != want {
			t.Errorf("%q: %+v, %v, want %+v", in, got, err, want)
		}
	}
	for in, want := range map[string]string{
		"":          "want FILE@ADDR[+OFFSET[:LEN]]",
		"f":         "want FILE@ADDR[+OFFSET[:LEN]]",
		"@5":        "want FILE@ADDR[+OFFSET[:LEN]]",
		"f@":        "want FILE@ADDR[+OFFSET[:LEN]]",
		"f@x":       `address "x"`,
		"f@-1":      `address "-1"`,
		"f@1+":      `offset ""`,
		"f@1+x":     `offset "x"`,
		"f@1+2:":    `length ""`,
		"f@1+2:0":   "a length of 0 lays nothing",
		"f@1+2:3:4": `length "3:4"`,
		"f@1:3":     `address "1:3"`,
	} {
		if got, err := parseLayer(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %+v, %v, want %q", in, got, err, want)
		}
	}
}

// What is read as a layer is written out again as one.
func FuzzParseLayer(f *testing.F) {
	for _, s := range []string{"f@0x1000+0x10:0x20", "user@host@5", "a@b+c:d@1+2:3", "@1", "f@+", "f@1+2:", "@@0", "f@0x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		spec, err := parseLayer(s)
		if err != nil {
			if spec != (image.LayerSpec{}) {
				t.Fatalf("%+v with an error: %v", spec, err)
			}
			return
		}
		if spec.Path == "" {
			t.Fatal("no path")
		}
		written := spec.Path + "@" + spec.At.String()
		if spec.Raw {
			written += "+" + strconv.FormatUint(spec.Offset, 10)
		}
		if spec.Len > 0 {
			written += ":" + strconv.FormatUint(spec.Len, 10)
		}
		if again, err := parseLayer(written); err != nil || again != spec {
			t.Fatalf("%q is %+v, written %q is %+v, %v", s, spec, written, again, err)
		}
	})
}

// An argument that is cut at an @ consists of what it was cut into.
func FuzzCutAt(f *testing.F) {
	for _, s := range []string{"core", "core@0x1000", "a@b@1", "@1", "core@", "a@@"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		path, at, ok := cutAt(s)
		switch {
		case ok && (path == "" || at == "" || path+"@"+at != s || strings.Contains(at, "@")):
			t.Fatalf("%q: %q and %q", s, path, at)
		case !ok && (path != "" || at != ""):
			t.Fatalf("%q: %q and %q of one that is not cut", s, path, at)
		}
	})
}

func TestPlaces(t *testing.T) {
	libc := &engine.Mapping{Name: "/usr/lib/libc.so.6", Perm: engine.PermKnown | engine.PermRead | engine.PermExecute}
	heap := &engine.Mapping{Name: "[heap]", Perm: engine.PermKnown | engine.PermRead | engine.PermWrite}
	guard := &engine.Mapping{Perm: engine.PermKnown}
	raw := &engine.Mapping{Name: "r-x"} // permissions are not known
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
		var l placeList
		if err := l.Set(c.place); err != nil || len(l) != 1 {
			t.Fatalf("%q: %v, %v", c.place, l, err)
		}
		var got []*engine.Mapping
		for _, m := range []*engine.Mapping{libc, heap, guard, raw} {
			if l[0].has(m) {
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

func TestNumberFlags(t *testing.T) {
	var v uint64
	n := number{&v, 2, 0x20}
	for in, want := range map[string]uint64{"2": 2, "0x20": 32, "010": 10} {
		if err := n.Set(in); err != nil || v != want {
			t.Errorf("%q: %d, %v, want %d", in, v, err, want)
		}
	}
	for in, want := range map[string]string{"1": "2 or more", "33": "at most 32", "": "want decimal", "1k": "want decimal", "-3": "want decimal"} {
		if err := n.Set(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", in, err, want)
		}
	}
	if v != 32 && v != 10 && v != 2 {
		t.Errorf("%d: a value that is refused is not kept", v)
	}
}
