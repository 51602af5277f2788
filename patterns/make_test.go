package patterns

import (
	"context"
	"slices"
	"strings"
	"testing"

	"vscan/engine/addr"
)

// Patterns that are made of values have the needles of those that are parsed.
func TestMadeLikeParsed(t *testing.T) {
	at := func(first, last addr.Addr) addr.Range { return addr.Range{First: first, Last: last} }
	for text, made := range map[string]Pattern{
		"hex:00ff41":           Bytes([]byte{0, 0xff, 'A'}),
		"hex:4?41":             Masked([]byte("AA"), []byte{0xf0, 0xff}),
		"hex:4142":             Masked([]byte("AB"), []byte{0xff, 0xff}),
		"ptr:0x1000":           Pointers(at(0x1000, 0x1000)),
		"ptr:0x1000..0x2fff":   Pointers(at(0x2000, 0x2fff), at(0x1000, 0x1fff)),
		"ptr:0x1000..":         Pointers(at(0x1000, addr.Max)),
		"u8:7":                 Numbers(1, ValueRange{7, 7}),
		"u16:7..9":             Numbers(2, ValueRange{7, 9}),
		"u64:0..":              Numbers(8, ValueRange{0, 1<<64 - 1}),
		"u32:0x10..0xffffffff": Numbers(4, ValueRange{0x10, 1<<32 - 1}),
	} {
		for _, target := range []Target{
			{WordSize: 8, OrderKnown: true}, {WordSize: 4, Order: addr.Big, OrderKnown: true}, {WordSize: 4, OrderKnown: true, Align: 16},
		} {
			parsed, err := Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			want, err1 := Compile(context.Background(), []Pattern{parsed}, target)
			got, err2 := Compile(context.Background(), []Pattern{made}, target)
			if err1 != nil || err2 != nil {
				t.Fatalf("%s: %v, %v", text, err1, err2)
			}
			if !slices.EqualFunc(got.Needles(), want.Needles(), sameHits) || got.Patterns()[0].Kind != want.Patterns()[0].Kind {
				t.Errorf("%s: needles %+v, want %+v", text, got.Needles(), want.Needles())
			}
			b := make([]byte, 8)[:want.MaxLen()]
			b[0] = 9
			if v1, ok1 := want.Value(0, b); ok1 {
				if v2, ok2 := got.Value(0, b); v1 != v2 || !ok2 {
					t.Errorf("%s: value %s, want %s", text, v2, v1)
				}
			}
		}
	}
	several, err := Compile(context.Background(), []Pattern{Pointers(at(0x5000, 0x5fff), at(0x1000, 0x1fff), at(1<<40, 1<<41))}, Target{WordSize: 4, OrderKnown: true})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := several.Needles()[0].Words.Ranges, []ValueRange{{0x1000, 0x1fff}, {0x5000, 0x5fff}}; !slices.Equal(got, want) {
		t.Errorf("ranges %v, want %v", got, want)
	}
}

// Changing the slice afterwards changes nothing.
func TestBytesAreCopied(t *testing.T) {
	b := []byte("abc")
	p := Bytes(b)
	b[0] = 'x'
	set, err := Compile(context.Background(), []Pattern{p}, Target{})
	if err != nil || string(set.Needles()[0].Lit) != "abc" {
		t.Errorf("%v, %v", set, err)
	}
}

// Compile says what is wrong with an argument, and names the pattern.
func TestMadeWrong(t *testing.T) {
	for want, p := range map[string]Pattern{
		"want at least one":                            Bytes(nil),
		"want at most 1048576":                         Bytes(make([]byte, MaxBytes+1)),
		"a mask of 1 bytes for 2":                      Masked([]byte("ab"), []byte{1}),
		"it would match everywhere":                    Masked([]byte("ab"), []byte{0, 0}),
		"numbers of 3 bytes":                           Numbers(3, ValueRange{1, 1}),
		"ends before it begins":                        Numbers(4, ValueRange{2, 1}),
		"not ascending and disjoint at":                Numbers(4, ValueRange{5, 6}, ValueRange{6, 7}),
		"0x100 is above 0xff":                          Numbers(1, ValueRange{1, 0x100}),
		"no value that a word holds":                   Numbers(1),
		"no value that a word holds, up to 0xffffffff": Pointers(addr.Range{First: 1 << 40, Last: 1 << 41}),
	} {
		_, err := Compile(context.Background(), []Pattern{p}, Target{WordSize: 4, OrderKnown: true})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", p.Written, err, want)
		}
	}
	_, err := Compile(context.Background(), []Pattern{Pointers(addr.Range{First: 1, Last: 2}), Numbers(2, ValueRange{1, 2})}, Target{})
	if err == nil || !strings.Contains(err.Error(), "word size") || !strings.Contains(err.Error(), "byte order") {
		t.Errorf("nothing known: %v", err)
	}
	if _, err := Compile(context.Background(), []Pattern{Numbers(1, ValueRange{1, 2})}, Target{}); err != nil {
		t.Errorf("a byte has no order: %v", err)
	}
}

// A pattern that has no type cannot be told to say the byte order in the type.
func TestMissingOfMade(t *testing.T) {
	numbers := Numbers(4, ValueRange{1, 5})
	for _, c := range []struct {
		p    Pattern
		want string
	}{
		{numbers, "pattern 'u32:0x1..0x5': the byte order of the image is not known"},
		{mustParse(t, "u32:1..5"), "pattern 'u32:1..5': the byte order of the image is not known (le or be behind the type says it, as in u32le)"},
		{mustParse(t, "f32:1..5"), "pattern 'f32:1..5': the byte order of the image is not known (le or be behind the type says it, as in u32le)"},
	} {
		if _, err := Compile(context.Background(), []Pattern{c.p}, Target{}); err == nil || err.Error() != c.want {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
	_, err := Compile(context.Background(), []Pattern{Pointers(addr.Range{First: 1, Last: 2})}, Target{})
	if err == nil || strings.Contains(err.Error(), "u32le") {
		t.Errorf("of pointers: %v", err)
	}
}
