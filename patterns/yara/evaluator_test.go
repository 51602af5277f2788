package yara

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"vscan/engine/addr"
	"vscan/internal/testenv"
)

// given evaluates rules with given hits of pattern 0, each of 4 bytes.
func given(t *testing.T, text string, l Limits, s Scope, at ...addr.Addr) *Result {
	t.Helper()
	r := parse(t, "r.yar", text)
	e := r.NewEvaluator(l)
	for _, a := range at {
		e.Add(0, a, 4)
	}
	res, err := e.Evaluate(context.Background(), s)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func matching(res *Result) (names []string) {
	for _, m := range res.Matches {
		names = append(names, m.Rule.Name)
	}
	return names
}

// Conditions on given hits: the yara command cannot be asked them (it fails where #a in (…)
// is true), or has no such addresses.
func TestConditions(t *testing.T) {
	const high = 0xffff_8000_0000_0000
	for cond, want := range map[string]bool{
		"#a in (0..15) == 0":                   true,
		"#a in (16..48) == 3":                  true,
		"#a in (17..47) == 1":                  true,
		"#a in (48..@a[1]) == 0":               true,
		"not #a in (0..uint8(5)) == 0":         false,
		"#a == 5":                              true,
		"@a[4] < 0":                            true, // an address of the upper half
		"$a in (@a[4]..@a[4] + 4096)":          true,
		"#a in (@a[4]..@a[5]) == 2":            true,
		"$a at @a[5]":                          true,
		"$a in (@a[5] + 1..0)":                 false,
		"#a in (@a[5]..20) == 2":               true, // from the upper half on to the lower one
		"#a in (0 - 100..20) == 1":             true,
		"@a[5] - @a[4] == 16":                  true,
		"for all of them : (@ == 16)":          true,
		"for none i in (1..5) : (@a[i] == 17)": true,
		"for none i in (1..5) : (@a[i] == 16)": false,
		"for 0 i in (1..5) : (@a[i] == 16)":    false,
		"for 5 i in (1..9) : (@a[i] <= 48)":    true,
		"for 2 i in (1..2) : (true) and for any of ($a) : (for any of ($a*) : ($ at 32))": true,
		"filesize == 0":           false, // it is not known
		"not defined filesize":    true,
		"not defined uint8(0)":    true,
		"any of them in (20..40)": true,
	} {
		res := given(t, `rule r { strings: $a = "abcd" condition: `+cond+` }`, Limits{}, Scope{}, 16, 32, 48, high, high+16)
		if got := len(res.Matches) == 1; got != want || len(res.Undecided) > 0 {
			t.Errorf("%s: %v, want %v; %v", cond, got, want, res.Undecided)
		}
	}
}

// Memory can be read at any address, and what is not there is undefined.
type sparse map[addr.Addr]byte

func (m sparse) Read(p []byte, a addr.Addr) (int, error) {
	for i := range p {
		b, ok := m[a+addr.Addr(i)]
		if !ok {
			return i, io.EOF
		}
		p[i] = b
	}
	return len(p), nil
}

func TestReads(t *testing.T) {
	mem := sparse{0x1000: 0x80, 0x1001: 1, 0x1002: 2, 0x1003: 3, addr.Max: 7}
	for cond, want := range map[string]bool{
		"uint32(0x1000) == 0x03020180": true, "uint32be(0x1000) == 0x80010203": true, "int32be(0x1000) < 0": true,
		"int8(0x1000) == -128": true, "uint8(-1) == 7": true, "uint16(-1) == 7": false, "not defined uint16(0x1003)": true,
		"int16(0x1000) == 0x0180": true, "int16be(0x1000) == -32767": true,
	} {
		res := given(t, "rule r { condition: "+cond+" }", Limits{}, Scope{Memory: mem})
		if got := len(res.Matches) == 1; got != want {
			t.Errorf("%s: %v, want %v", cond, got, want)
		}
	}
}

// counted counts how often memory is read.
type counted struct {
	sparse
	reads int
}

func (c *counted) Read(p []byte, a addr.Addr) (int, error) { c.reads++; return c.sparse.Read(p, a) }

// What many rules ask for is read once. What was read at one place is not taken for what is at
// another, or for more or less of it.
func TestReadsAreRemembered(t *testing.T) {
	rnd := testenv.Seeded(t, 81, 82)
	mem := &counted{sparse: sparse{}}
	for range 200 {
		mem.sparse[addr.Addr(rnd.IntN(256))] = byte(rnd.Uint32())
	}
	var rules strings.Builder
	want := 0
	for i := range 2000 {
		at, size := rnd.IntN(256), 1<<rnd.IntN(3)
		var b [4]byte
		if n, _ := mem.sparse.Read(b[:size], addr.Addr(at)); n < size {
			fmt.Fprintf(&rules, "rule r%d { condition: not defined uint%d(%d) }\n", i, 8*size, at)
		} else {
			fmt.Fprintf(&rules, "rule r%d { condition: uint%d(%d) == %d }\n", i, 8*size, at, binary.LittleEndian.Uint32(b[:]))
		}
		want++
	}
	if res := given(t, rules.String(), Limits{}, Scope{Memory: mem}); len(res.Matches) != want {
		t.Errorf("%d rules match, want all %d", len(res.Matches), want)
	}
	mem.reads, mem.sparse[0], mem.sparse[1] = 0, 'M', 'Z'
	rules.Reset()
	for i := range 1000 {
		fmt.Fprintf(&rules, "rule r%d { condition: uint16(0) == 0x5a4d and not defined uint32(uint32(0x%x)) }\n", i, 1<<20)
	}
	if res := given(t, rules.String(), Limits{}, Scope{Memory: mem}); len(res.Matches) != 1000 || mem.reads > 4 {
		t.Errorf("%d rules match after %d reads", len(res.Matches), mem.reads)
	}
}

// Hits that are not kept are counted, and rules that ask for one are undecided.
func TestLimitOfHits(t *testing.T) {
	text := `
rule found { strings: $a = "abcd" condition: $a }
rule count { strings: $a = "abcd" condition: #a == 5 }
rule kept { strings: $a = "abcd" condition: @a[2] == 20 and $a at 10 and #a in (0..20) == 2 and $a in (0..100) and not $a at 11 }
rule beyond { strings: $a = "abcd" condition: not $a at 60 and #a in (51..60) == 0 }
rule third { strings: $a = "abcd" condition: @a[3] == 30 }
rule at { strings: $a = "abcd" condition: $a at 40 or #a == 0 }
rule in { strings: $a = "abcd" condition: not $a in (25..100) }
rule how_many { strings: $a = "abcd" condition: #a in (0..30) == 3 }
rule refers { condition: third }
rule refers_not { condition: not third }
rule pinned { strings: $a = "abcde" condition: $a at 40 }
`
	text = strings.Replace(text, "rule at ", "rule is_at ", 1)
	text = strings.Replace(text, "rule in ", "rule is_in ", 1)
	res := given(t, text, Limits{Hits: 2}, Scope{}, 10, 20, 30, 40, 50)
	if got, want := matching(res), []string{"found", "count", "kept", "beyond"}; !slices.Equal(got, want) {
		t.Errorf("%v match, want %v", got, want)
	}
	var undecided []string
	for _, u := range res.Undecided {
		undecided = append(undecided, u.Rule.Name)
		if !strings.Contains(u.Reason, "of $a that were not kept: of 5, the first 2 were") && !strings.HasPrefix(u.Rule.Name, "refers") {
			t.Errorf("%s: %s", u.Rule.Name, u.Reason)
		}
	}
	if want := []string{"third", "is_at", "is_in", "how_many", "refers", "refers_not"}; !slices.Equal(undecided, want) {
		t.Errorf("%v are undecided, want %v", undecided, want)
	}
	h := res.Matches[0].Strings[0]
	if a, n := h.At(1); h.Len() != 2 || h.Count != 5 || a != 20 || n != 4 {
		t.Errorf("%d of %d hits, the second at %v, %d bytes", h.Len(), h.Count, a, n)
	}
}

// A string that is looked for at one address needs no memory for hits elsewhere.
func TestPins(t *testing.T) {
	r := parse(t, "r.yar", `rule a { strings: $a = "abcd" condition: $a at 4000 } rule b { strings: $x = "abcd" condition: $x at 8000 }`)
	e := r.NewEvaluator(Limits{Hits: 2})
	for i := range 10000 {
		e.Add(0, addr.Addr(i), 4)
	}
	res, err := e.Evaluate(context.Background(), Scope{})
	if err != nil || len(res.Matches) != 2 || len(res.Undecided) != 0 {
		t.Fatalf("%+v, %v", res, err)
	}
	for i, m := range res.Matches {
		if a, _ := m.Strings[0].At(0); m.Strings[0].Len() != 1 || m.Strings[0].Count != 1 || a != addr.Addr(4000*(i+1)) {
			t.Errorf("%s has %d hits, the first at %v", m.Rule.Name, m.Strings[0].Len(), a)
		}
	}
}

func TestLimitOfAllHits(t *testing.T) {
	r := parse(t, "r.yar", `rule a { strings: $a = "abcd" $b = "efgh" condition: @a[2] > 0 and @b[2] > 0 }`)
	e := r.NewEvaluator(Limits{Total: 3})
	for i := range 2 {
		for p := range 2 {
			e.Add(p, addr.Addr(8*i+p), 4)
		}
	}
	res, err := e.Evaluate(context.Background(), Scope{})
	if err != nil || len(res.Undecided) != 1 || !strings.Contains(res.Undecided[0].Reason, "$b") {
		t.Errorf("%+v, %v", res, err)
	}
	e.Reset()
	e.Add(0, 1, 4)
	if res, err := e.Evaluate(context.Background(), Scope{}); err != nil || len(res.Matches)+len(res.Undecided) != 0 {
		t.Errorf("after Reset: %+v, %v", res, err)
	}
}

// Loops end, whatever they run over.
func TestLimitOfSteps(t *testing.T) {
	text := `
rule long { condition: for any i in (0..1000000000000) : (i < 0) }
rule nested { condition: for all i in (1..1000000) : (for all j in (1..1000000) : (i > 0 and j > 0)) }
rule short { condition: for all i in (1..1000) : (i > 0) }
rule end { condition: for any i in (9223372036854775806..9223372036854775807) : (i == 1) }
rule early { condition: for any i in (0..1000000000000) : (i == 5) }`
	res := given(t, text, Limits{Steps: 1e6}, Scope{})
	if got, want := matching(res), []string{"short", "early"}; !slices.Equal(got, want) {
		t.Errorf("%v match, want %v", got, want)
	}
	if len(res.Undecided) != 2 || res.Undecided[0].Reason != "its loops take more than 1000000 steps" {
		t.Errorf("undecided: %+v", res.Undecided)
	}
}

// An evaluation looks at the context every 65,536 steps, whatever its loops run over, and
// ends when the context does.
func TestCancelWhileLooping(t *testing.T) {
	const asks = 20
	for _, condition := range []string{
		"for any i in (0..1000000000000) : (i < 0)",
		"for all i in (1..1000000) : (for all j in (1..1000000) : (i > 0 and j > 0))",
		"for any i in (1..1000000000) : (for all j in (1..3) : (i < j))",
		"for 7 i in (0..1000000000000) : (uint8(i) == 1)",
	} {
		ctx := &askedContext{Context: t.Context(), left: asks}
		e := parse(t, "r.yar", "rule r { condition: "+condition+" }").NewEvaluator(Limits{Steps: asks << 16})
		if res, err := e.Evaluate(ctx, Scope{}); !errors.Is(err, context.Canceled) || res != nil {
			t.Errorf("%s: %+v, %v, with %d asks left", condition, res, err, ctx.left)
		}
		if ctx.left < -1 {
			t.Errorf("%s: the context was asked %d times after it had ended", condition, -ctx.left)
		}
	}
}

// An askedContext ends once it has been asked so many times whether it has.
type askedContext struct {
	context.Context
	left int
}

func (c *askedContext) Err() error {
	if c.left--; c.left <= 0 {
		return context.Canceled
	}
	return nil
}

// A global rule that is not decided leaves the others undecided, and one that fails settles
// them.
func TestUndecidedGlobal(t *testing.T) {
	rules := "rule a { condition: true }\nglobal rule g { condition: for any i in (0..100000000) : (i < 0) }\nrule no { condition: false }\n"
	res := given(t, rules, Limits{Steps: 1000}, Scope{})
	if len(res.Matches) != 0 || len(res.Undecided) != 2 || res.Undecided[0].Reason != "the global rule g is not decided" {
		t.Errorf("%+v", res)
	}
	res = given(t, rules+"global rule f { condition: false }", Limits{Steps: 1000}, Scope{})
	if len(res.Matches) != 0 || len(res.Undecided) != 0 {
		t.Errorf("%+v", res)
	}
}

// Several hits at one address are one: the shortest, or the longest for greedy expressions.
// Hits out of order are an error.
func TestHits(t *testing.T) {
	for greedy, want := range map[bool][]uint32{false: {3, 4, 2}, true: {5, 4, 9}} {
		h := hits{unknownFrom: noLimit}
		for _, x := range []struct {
			a uint64
			n uint32
		}{{1, 4}, {1, 3}, {1, 5}, {2, 4}, {7, 9}, {7, 2}, {7, 4}} {
			if !h.add(x.a, x.n, greedy, func() bool { return true }) {
				t.Errorf("%v is out of order", x)
			}
		}
		var got []uint32
		for i := range h.addrs {
			got = append(got, uint32(h.lengthOf(i)))
		}
		if !slices.Equal(h.addrs, []uint64{1, 2, 7}) || !slices.Equal(got, want) || h.count != 3 {
			t.Errorf("greedy %v: %v, %v, %d, want lengths %v", greedy, h.addrs, got, h.count, want)
		}
		if h.add(6, 1, greedy, nil) {
			t.Error("6 behind 7 is in order")
		}
	}
	r := parse(t, "r.yar", `rule a { strings: $a = "abcd" condition: $a }`)
	e := r.NewEvaluator(Limits{})
	e.Add(0, 9, 4)
	e.Add(0, 8, 4)
	if res, err := e.Evaluate(context.Background(), Scope{}); err == nil || res != nil || !strings.Contains(err.Error(), "hits of a.$a out of order: one at 0x8 behind one at 0x9") {
		t.Errorf("%v, %v", res, err)
	}
}

// There may be millions of hits.
func TestSizes(t *testing.T) {
	h := hits{unknownFrom: noLimit}
	for i := range uint64(1000) {
		h.add(i, 4, false, func() bool { return true })
	}
	if h.lengths != nil || unsafe.Sizeof(h.addrs[0]) != 8 {
		t.Error("a hit of one length takes more than 8 bytes")
	}
}

// Where hits are not asked for, only those are kept that a condition needs.
func TestCountOnly(t *testing.T) {
	r := parse(t, "r.yar", `
rule a { strings: $a = "abcd" $b = "efgh" condition: #a > 100 and any of them and @b[2] == 2 }
rule b { strings: $c = "ijkl" $d = "mnop" $e = "qrst" condition: for any of ($c, $d) : (# > 100) and $e in (7..7) and $d in (8..8) }`)
	e := r.NewEvaluator(Limits{CountOnly: true, Total: 3000})
	for i := range 1000 {
		for p := range 5 {
			e.Add(p, addr.Addr(i*5/2), 4)
		}
	}
	res, err := e.Evaluate(context.Background(), Scope{})
	if err != nil || len(res.Matches) != 1 || len(res.Undecided) != 0 {
		t.Fatalf("%+v, %v", res, err)
	}
	if m := res.Matches[0]; m.Strings[0].Count != 1000 || m.Strings[0].Len() != 0 || m.Strings[1].Len() != 1000 {
		t.Errorf("%d and %d hits of %d", m.Strings[0].Len(), m.Strings[1].Len(), m.Strings[0].Count)
	}
	if e.kept > 3000 || len(e.hits[2].addrs) != 0 {
		t.Errorf("%d hits were kept, %d of $c", e.kept, len(e.hits[2].addrs))
	}
}

func BenchmarkAdd(b *testing.B) {
	r, err := Parse(context.Background(), "r.yar", strings.NewReader(`rule a { strings: $a = "abcd" condition: #a > 0 }`), nil)
	if err != nil {
		b.Fatal(err)
	}
	e := r.NewEvaluator(Limits{})
	for i := range b.N {
		if i%DefaultHits == 0 {
			e.Reset()
		}
		e.Add(0, addr.Addr(i), 4)
	}
	if n := e.hits[0].count; n != uint64((b.N-1)%DefaultHits+1) {
		b.Errorf("%d hits", n)
	}
}

// A loop over a million hits.
func BenchmarkLoop(b *testing.B) {
	r, err := Parse(context.Background(), "r.yar", strings.NewReader(`rule a { strings: $a = "abcd" condition: for all i in (1..#a) : (@a[i] < 1073741824 and !a[i] == 4) }`), nil)
	if err != nil {
		b.Fatal(err)
	}
	e := r.NewEvaluator(Limits{})
	for i := range 1 << 20 {
		e.Add(0, addr.Addr(i), 4)
	}
	b.ResetTimer()
	for range b.N {
		res, err := e.Evaluate(context.Background(), Scope{})
		if err != nil || len(res.Matches) != 1 {
			b.Fatal(res, err)
		}
	}
}
