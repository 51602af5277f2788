package yara

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/patterns"
)

// scan hands the hits of an engine's scan to an evaluator.
func scan(t *testing.T, r *Rules, space *engine.Space, opt engine.Options, add func(*Evaluator, engine.Hit)) *Result {
	t.Helper()
	set, err := patterns.Compile(context.Background(), r.Patterns(), patterns.Target{})
	if err != nil {
		t.Fatal(err)
	}
	sc, err := engine.Compile(context.Background(), space, set, opt)
	if err != nil {
		t.Fatal(err)
	}
	e := r.NewEvaluator(Limits{})
	if _, err := sc.Scan(context.Background(), func(h engine.Hit) bool { add(e, h); return true }); err != nil {
		t.Fatal(err)
	}
	res, err := e.Evaluate(context.Background(), Scope{Memory: space, FileSize: uint64(len(sample())), FileSizeKnown: true})
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func space(t *testing.T, data []byte, base addr.Addr, cuts ...int) *engine.Space {
	t.Helper()
	var ms []engine.Mapping
	for from := 0; from < len(data); {
		to := len(data)
		if len(cuts) > 0 {
			to, cuts = cuts[0], cuts[1:]
		}
		m, err := engine.BytesMapping("data", base+addr.Addr(from), data[from:to])
		if err != nil {
			t.Fatal(err)
		}
		ms = append(ms, m)
		from = to
	}
	s, err := engine.NewSpace(ms...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Hits of the engine, of mappings side by side and of small shards, lead to the same result
// as hits that were found naively.
func TestThroughEngine(t *testing.T) {
	data := sample()
	files, _ := filepath.Glob("testdata/*.yar")
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		r := parse(t, f, string(text))
		want := report(evaluate(t, r, data))
		for _, opt := range []engine.Options{{}, {Workers: 3, ShardSize: 512}} {
			got := report(scan(t, r, space(t, data, 0, 10, 11, 100, 4000), opt, func(e *Evaluator, h engine.Hit) { e.Add(h.Pattern, h.Addr, h.Len) }))
			if !slices.Equal(got, want) {
				t.Errorf("%s: %d lines, want %d\n%s", f, len(got), len(want), strings.ReplaceAll(diff(got, want), "yara", "naive"))
			}
		}
	}
}

// Rules can be asked of one mapping at a time. Addresses are those of the space, in the
// upper half too.
func TestScopes(t *testing.T) {
	const base = addr.Addr(0xffff_8000_0000_0000)
	r := parse(t, "r.yar", `
rule both { strings: $a = "left" $b = "right" condition: all of them }
rule left { strings: $a = "left" condition: $a and uint8(@a) == 0x6c and @a[1] < 0 }
rule right { strings: $a = "right" $l = "left" condition: $a and not $l and uint32be(@a) == 0x72696768 }
rule two { strings: $a = "i" condition: #a in (@a[1]..@a[1] + 100) == 2 }`)
	data := []byte("..left..xx..right..i")
	s := space(t, data, base, 10)
	inside := func(first, last addr.Addr) func(*Evaluator, engine.Hit) {
		return func(e *Evaluator, h engine.Hit) {
			if h.Addr >= first && h.Addr <= last {
				e.Add(h.Pattern, h.Addr, h.Len)
			}
		}
	}
	for _, c := range []struct {
		first, last addr.Addr
		want        []string
	}{
		{base, base + 9, []string{"left"}},
		{base + 10, base + 19, []string{"right", "two"}},
		{base, base + 19, []string{"both", "left", "two"}},
	} {
		if got := matching(scan(t, r, s, engine.Options{}, inside(c.first, c.last))); !slices.Equal(got, c.want) {
			t.Errorf("%v..%v: %v match, want %v", c.first, c.last, got, c.want)
		}
	}
}
