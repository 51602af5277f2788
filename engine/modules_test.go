package engine

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"vscan/engine/addr"
)

// placesSpace returns a space of absent mappings, of which spec has one a
// line:
//
//	FIRST LAST PERM NAMEOFFSET NAME
//
// Numbers are hexadecimal, PERM is as in maps, or -, and NAME goes to the end
// of the line; "file " in front of it sets File.
func placesSpace(t *testing.T, spec string) *Space {
	t.Helper()
	var ms []Mapping
	for line := range strings.Lines(spec) {
		var m Mapping
		var perm string
		f := strings.SplitN(strings.TrimSpace(line), " ", 5)
		if len(f) < 5 {
			continue
		}
		if _, err := fmt.Sscanf(strings.Join(f[:4], " "), "%x %x %s %x", &m.First, &m.Last, &perm, &m.NameOffset); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		for i, p := range []Perm{PermRead, PermWrite, PermExecute} {
			if len(perm) == 3 && perm[i] != '-' {
				m.Perm |= p | PermKnown
			}
		}
		m.Name, m.File = strings.CutPrefix(f[4], "file ")
		m.State = Absent
		ms = append(ms, m)
	}
	s, err := NewSpace(ms...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const placesSpec = `
	1000 1fff r-x 0 /bin/prog
	2000 2fff rw- 1000 /bin/prog
	3000 3fff rw- 0 load[7]
	4000 4fff rw- 0 [anon]
	5000 5fff r-- 0 [anon]
	6000 6fff rw- 0 [anon]
	8000 8fff rw- 0 [heap]
	9000 9fff r-- 1000 [heap]
	10000 10fff r-x 0 /lib/libstdc++.so.6
	11000 11fff rw- 1000 /lib/libstdc++.so.6
	13000 13fff rw- 0 [anon]
	20000 20fff r-- 0 /lib/two words.so
	21000 21fff rw- 1000 /lib/two words.so
	30000 30fff r-- 0 /lib/two words.so
	31000 31fff rw- 1000 /lib/two words.so
	32000 32fff rw- 0 [heap 2]
	40000 40fff r-x 0 /opt/prog2
	41000 41fff rw- 1000 file prog2
	42000 42fff rw- 0
	50000 50fff r-- 0 /one/x.so
	51000 51fff r-- 0 /two/x.so
	60000 60fff r-- 0 C:\\Windows\\ntdll.dll
	70000 70fff r-- 0 raw.img
	80000 80fff r-- 0 /lib/a+0x10
	81000 81fff r-- 0 a
`

// The place of an address resolves to that address.
func TestPlaces(t *testing.T) {
	s := placesSpace(t, placesSpec+"	90000 90fff rw- 0 \n")
	for a, want := range map[addr.Addr]string{
		0x1010: "/bin/prog+0x10 module", 0x2fff: "/bin/prog+0x1fff module", 0x3008: "/bin/prog+0x2008 module", 0x4fff: "/bin/prog+0x3fff module",
		0x5000: "[anon]+0x0", 0x6000: "[anon]+0x0", 0x8001: "[heap]+0x1", 0x9001: "[heap]+0x1001", 0x11004: "/lib/libstdc++.so.6+0x1004 module",
		0x13000: "[anon]+0x0", 0x21fff: "/lib/two words.so+0x1fff module", 0x31000: "/lib/two words.so+0x1000 module", 0x32000: "[heap 2]+0x0",
		0x41000: "/opt/prog2+0x1000 module", 0x51000: "/two/x.so+0x0 module", 0x70000: "raw.img+0x0",
		0x80001: "/lib/a+0x10+0x1 module", 0x81010: "a+0x10",
	} {
		p := s.Place(s.At(a))
		got := fmt.Sprintf("%s+%#x", p.Name, uint64(a-p.Base))
		if p.Module {
			got += " module"
		}
		if got != want {
			t.Errorf("%v: %s, want %s", a, got, want)
		}
		back, err := s.Places().Resolve(p.Name, uint64(a-p.Base))
		if ambiguous := err != nil && strings.Contains(err.Error(), " at "); back != a && !ambiguous {
			t.Errorf("%s is %v, %v, want %v", got, back, err, a)
		}
	}
	if n := len(s.Places().Modules().All); n != 9 {
		t.Errorf("%d modules, want 9: %+v", n, s.Places().Modules().All)
	}
}

func TestResolve(t *testing.T) {
	p := placesSpace(t, placesSpec).Places()
	for in, want := range map[string]addr.Addr{
		"prog 10": 0x1010, "/bin/prog 3fff": 0x4fff, "libstdc++.so.6 1010": 0x11010, "[heap] 1fff": 0x9fff, "prog2 1000": 0x41000,
		"/opt/prog2 1fff": 0x41fff, "/one/x.so 0": 0x50000, "a 10": 0x81010, "a+0x10 4": 0x80004, "raw.img fff": 0x70fff,
	} {
		i := strings.LastIndexByte(in, ' ')
		var offset uint64
		fmt.Sscanf(in[i+1:], "%x", &offset)
		if got, err := p.Resolve(in[:i], offset); err != nil || got != want {
			t.Errorf("%s: %v, %v, want %v", in, got, err, want)
		}
	}
	for in, want := range map[string]string{
		"x.so":         `"x.so": 2 modules or mappings have this name: /one/x.so at 0x50000, /two/x.so at 0x51000: give the address`,
		"two words.so": "2 modules or mappings have this name: /lib/two words.so at 0x20000, /lib/two words.so at 0x30000: ",
		"[anon]":       "4 modules or mappings",
		"nobody":       `"nobody": nothing in the image has this name`,
		"og":           "nothing in the image",
	} {
		if a, err := p.Resolve(in, 0); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, %v, want %q", in, a, err, want)
		}
	}
	if _, err := p.Resolve("", 0); !errors.Is(err, ErrNoName) {
		t.Errorf("no name: %v", err)
	}
	for name, offset := range map[string]uint64{"prog": 0x4000, "[heap]": 0x2000, "libstdc++.so.6": 0x2000, "raw.img": 1 << 63, "a": 1<<64 - 1} {
		if a, err := p.Resolve(name, offset); err == nil || !strings.Contains(err.Error(), "beyond its end") {
			t.Errorf("%s+%#x: %v, %v", name, offset, a, err)
		}
	}
}

// The list of those that have a name is of bounded length.
func TestResolveManyOfAName(t *testing.T) {
	var b strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&b, "%x %x rw- 0 [anon]\n", (2*i+1)<<12, (2*i+1)<<12+0xfff)
	}
	_, err := placesSpace(t, b.String()).Places().Resolve("[anon]", 0)
	if err == nil || !strings.Contains(err.Error(), "1000 modules or mappings") || !strings.Contains(err.Error(), "and 990 more") || len(err.Error()) > 500 {
		t.Error(err)
	}
}

// Offsets of hostile images wrap round, and do no other harm.
func TestPlacesWrapRound(t *testing.T) {
	s := placesSpace(t, "1000 1fff rw- ffffffffffffffff /a\n2000 2fff rw- 0 [anon]\n")
	for _, a := range []addr.Addr{0x1000, 0x2fff} {
		p := s.Place(s.At(a))
		if got, err := s.Places().Resolve(p.Name, uint64(a-p.Base)); err == nil && got != a {
			t.Errorf("%v: %+v, which is %v", a, p, got)
		}
	}
}

// Two mappings of one file side by side are two, whatever their offsets.
func TestContinuesIsSaid(t *testing.T) {
	s := placesSpace(t, placesSpec)
	one, two := s.At(0x8000).Mapping, s.At(0x9000).Mapping
	next := *one
	next.Range, next.NameOffset = two.Range, two.NameOffset
	if next.Continues(one) {
		t.Error("a mapping that is no part continues one")
	}
	if next.Continuation = true; !next.Continues(one) {
		t.Error("a part does not continue its mapping")
	}
}
