package yara

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

// manyRules returns rules, the text of each made from its number.
func manyRules(n int, rule func(i int) string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(rule(i))
	}
	return b.String()
}

// cancelling is a reader that ends a context when all was read.
type cancelling struct {
	io.Reader
	end func()
}

func (c cancelling) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	if err != nil {
		c.end()
	}
	return n, err
}

// The end of a context ends the reading of rules, whatever they are and be they no rules,
// and of what they include; the error is its cause.
func TestAddEnds(t *testing.T) {
	why := errors.New("why")
	for name, rule := range map[string]func(i int) string{
		"rules": func(i int) string { return fmt.Sprintf("rule r%d { condition: true }\n", i) },
		"expressions": func(i int) string {
			return fmt.Sprintf("rule r%d { strings: $a = /x(a{1,9}b){1,9}/ condition: $a }\n", i)
		},
		"mistakes": func(i int) string { return "rule { }\n" },
		"no rules": func(i int) string { return "none 0x " },
		"includes": func(i int) string { return "include \"more\"\n" },
		"keys": func(i int) string {
			return fmt.Sprintf("rule r%d { strings: $a = \"secret\" xor wide ascii condition: $a }\n", i)
		},
		"condition": func(i int) string { return "rule a { condition: " + strings.Repeat("true and ", 20) + "true }\n" },
	} {
		ctx, end := context.WithCancelCause(t.Context())
		n := 0
		c := Compiler{Open: func(string) (io.ReadCloser, error) {
			n++
			return io.NopCloser(strings.NewReader(fmt.Sprintf("rule s%d { condition: true }", n))), nil
		}}
		err := c.Add(ctx, "", "f", cancelling{strings.NewReader(manyRules(20000, rule)), func() { end(why) }})
		if !errors.Is(err, why) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The end of a context ends Rules.
func TestRulesEnd(t *testing.T) {
	why := errors.New("why")
	var c Compiler
	text := manyRules(20000, func(i int) string { return fmt.Sprintf("rule r%d { condition: true }\n", i) })
	if err := c.Add(t.Context(), "", "f", strings.NewReader(text)); err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancelCause(t.Context())
	end(why)
	if r, err := c.Rules(ctx); err != why || r != nil {
		t.Errorf("%v, %v", r, err)
	}
}

// The end of a context ends the evaluation of conditions that take long, in each of their
// loops.
func TestEvaluateEnds(t *testing.T) {
	long := strings.Repeat("a", 1<<17)
	for _, condition := range []string{
		"for all i in (0..1000000) : (for all j in (0..1000000) : (i + j >= 0))",
		"for all i in (1..1000000) : (for any of ($*) : (for any j in (1..100) : (j < 0)))",
		`for all i in (0..100000) : (not ("` + long + `" matches /((a?){1,10}b?){1,10}c/))`,
		`for all i in (0..100000) : ("` + long + `" icontains "b" or true)`,
	} {
		r, err := Parse(t.Context(), "f", strings.NewReader(`rule r { strings: $x = "x" $y = "y" condition: `+condition+" or $x or $y }"), nil)
		if err != nil || r.Len() == 0 {
			t.Fatal(err, r.Skipped)
		}
		ctx, end := context.WithCancel(t.Context())
		end()
		e := r.NewEvaluator(Limits{Steps: 1 << 50})
		if res, err := e.Evaluate(ctx, Scope{}); !errors.Is(err, context.Canceled) || res != nil {
			t.Errorf("%.80s: %v, %v", condition, res, err)
		}
	}
}
