package layered

import (
	"strconv"
	"strings"
	"testing"

	"vscan/engine/addr"
	"vscan/engine/image"
)

func TestParsePlaced(t *testing.T) {
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
		if got, err := parsePlaced(in); err != nil || got != want {
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
		if got, err := parsePlaced(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %+v, %v, want %q", in, got, err, want)
		}
	}
}

// A layer that was read and written out as an argument is read again as the same layer.
func FuzzParsePlaced(f *testing.F) {
	for _, s := range []string{"f@0x1000+0x10:0x20", "user@host@5", "a@b+c:d@1+2:3", "@1", "f@+", "f@1+2:", "@@0", "f@0x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		spec, err := parsePlaced(s)
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
		if again, err := parsePlaced(written); err != nil || again != spec {
			t.Fatalf("%q is %+v, written %q is %+v, %v", s, spec, written, again, err)
		}
	})
}

// An argument that is cut at an @ consists of the two parts and the @.
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
