package where

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/internal/testenv"
	"vscan/internal/wording"
)

// nastyNames draws names of what escaping has to do with.
func nastyNames() *rapid.Generator[string] {
	part := rapid.SampledFrom([]string{"a", "/", "\\", "x", "ff", "u202e", "U000e0041", "\xff", "\xe2\x80", "\u202e", "\u009b", "\x1b", "\n", "\t", "\x00", " ", "é", "\u0301", "\ufe0f", "\U000e0041", "+", "..", "->", "[heap]"})
	return rapid.Custom(func(t *rapid.T) string { return strings.Join(rapid.SliceOfN(part, 1, 8).Draw(t, "parts"), "") })
}

// A name that is printed means the mapping whose name it is, whatever else the names are.
func TestPrintedNames(t *testing.T) {
	testenv.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfNDistinct(nastyNames(), 2, 4, rapid.ID[string]).Draw(t, "names")
		for i, name := range names {
			if wording.Unescape(name) != name { // the text that another one is printed as
				names = append(names, wording.Unescape(name))
			}
			names = append(names, wording.Escape(names[i]))
		}
		var ms []engine.Mapping
		known := map[string]addr.Addr{}
		for _, name := range names {
			if _, ok := known[name]; ok || name == "" {
				continue
			}
			first := addr.Addr(len(known)+1) << 16
			known[name] = first
			ms = append(ms, engine.Mapping{Range: addr.Range{First: first, Last: first + 0xfff}, State: engine.Absent, Name: name})
		}
		s, err := engine.NewSpace(ms...)
		if err != nil {
			t.Fatal(err)
		}
		for name, first := range known {
			printed := wording.Escape(name)
			choice, err := ParseMappings(printed)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range ms {
				if m.Name == name && !choice.Has(&m) || m.Name != name && choice.Has(&m) && !strings.HasSuffix(m.Name, "/"+name) {
					t.Fatalf("%q chooses %q", printed, m.Name)
				}
			}
			at, err := ParseAddress(s.Places(), wording.Place(printed, 8))
			if _, numeric := addr.Parse(wording.Place(printed, 8)); numeric != nil && (err != nil || at != first+8) {
				t.Fatalf("%q: %v, %v, want %v", printed, at, err, first+8)
			}
			if r, err := Parse(s.Places(), wording.Place(printed, 8)); err != nil && !IsRange(printed) {
				t.Fatalf("%q: %v, %v, want %v", printed, r, err, first+8)
			}
		}
	})
}

// A place whose name could be an end of a range is the place, where nothing else has the name.
func TestPrintedPlaceAsRange(t *testing.T) {
	for _, name := range []string{"..x", "..", "...", "a+0..b", `..\x\xff`, "..x\xff", "x+0.."} {
		s, err := engine.NewSpace(engine.Mapping{Range: addr.Range{First: 0x1000, Last: 0x1fff}, State: engine.Absent, Name: name})
		if err != nil {
			t.Fatal(err)
		}
		place := wording.Place(wording.Escape(name), 8)
		if r, err := Parse(s.Places(), place); err != nil || r != (addr.Range{First: 0x1008, Last: 0x1008}) {
			t.Errorf("%s: %v, %v", place, r, err)
		}
	}
	s, err := engine.NewSpace(engine.Mapping{Range: addr.Range{First: 0x1000, Last: 0x1fff}, State: engine.Absent, Name: "..x"},
		engine.Mapping{Range: addr.Range{First: 0x3000, Last: 0x3fff}, State: engine.Absent, Name: "x"})
	if err != nil {
		t.Fatal(err)
	}
	if r, err := Parse(s.Places(), "..x+8"); err != nil || r != (addr.Range{Last: 0x3008}) {
		t.Errorf("%v, %v", r, err)
	}
}

// What is typed as it stands is found where nothing has it as its printed form.
func TestNamesAsTheyStand(t *testing.T) {
	s, err := engine.NewSpace(engine.Mapping{Range: addr.Range{First: 0x1000, Last: 0x1fff}, State: engine.Absent, Name: `a\xff`})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{`a\xff+1`, `a\\xff+1`} {
		if at, err := ParseAddress(s.Places(), text); err != nil || at != 0x1001 {
			t.Errorf("%s: %v, %v", text, at, err)
		}
	}
	if _, err := ParseAddress(s.Places(), `b\xff+1`); err == nil || strings.Contains(err.Error(), "\n") {
		t.Errorf("%v", err)
	}
}
