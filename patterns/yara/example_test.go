package yara_test

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"log"
	"path/filepath"
	"strings"

	"vscan/engine"
	"vscan/patterns"
	"vscan/patterns/yara"
)

// This example evaluates rules over memory that it makes itself. For a dump, the
// mappings and the target come from formats.Open.
func Example() {
	rules, err := yara.Parse(context.Background(), "rules.yar", strings.NewReader(`
		rule login {
			strings: $user = "user=" $magic = { 7F 45 4C ?? }
			condition: $user and $magic at 0x1000
		}`), nil)
	if err != nil {
		log.Fatal(err)
	}
	data, err := engine.BytesMapping("data", 0x1000, []byte("\x7fELF user=ann user=bob"))
	if err != nil {
		log.Fatal(err)
	}
	space, err := engine.NewSpace(data)
	if err != nil {
		log.Fatal(err)
	}
	set, err := patterns.Compile(context.Background(), rules.Patterns(), patterns.Target{})
	if err != nil {
		log.Fatal(err)
	}
	scanner, err := engine.Compile(context.Background(), space, set, engine.Options{})
	if err != nil {
		log.Fatal(err)
	}
	evaluator := rules.NewEvaluator(yara.Limits{})
	for hit, err := range scanner.All(context.Background()) {
		if err != nil {
			log.Fatal(err) // not everything could be read
		}
		if hit.Cut {
			evaluator.AddCut(hit.Pattern, hit.Addr, hit.Len)
		} else {
			evaluator.Add(hit.Pattern, hit.Addr, hit.Len)
		}
	}
	result, err := evaluator.Evaluate(context.Background(), yara.Scope{Memory: space})
	if err != nil {
		log.Fatal(err)
	}
	for _, m := range result.Matches {
		for _, s := range m.Strings {
			for i := range s.Len() {
				at, n := s.At(i)
				fmt.Println(m.Rule.Name, s.Name, at, n)
			}
		}
	}
	// Output:
	// login login.$user 0x1005 5
	// login login.$user 0x100e 5
	// login login.$magic 0x1000 4
}

// A compiler reads files of several namespaces, and files that they include. What
// cannot be evaluated is skipped, with the reason; the other rules run.
func ExampleCompiler() {
	disk := map[string]string{"lib/base.yar": `rule base { condition: filesize > 10 }`}
	c := yara.Compiler{Open: func(path string) (io.ReadCloser, error) {
		text, ok := disk[filepath.ToSlash(path)]
		if !ok {
			return nil, fs.ErrNotExist
		}
		return io.NopCloser(strings.NewReader(text)), nil
	}}
	if err := c.Define("level", int64(2)); err != nil {
		fmt.Println(err)
		return
	}
	for _, f := range []struct{ namespace, name, text string }{
		{"", "main.yar", `include "lib/base.yar" rule high { condition: base and level > 1 }`},
		{"other", "other.yar", `import "pe" rule base { condition: true } rule exe { condition: pe.is_pe }`},
	} {
		if err := c.Add(context.Background(), f.namespace, f.name, strings.NewReader(f.text)); err != nil {
			fmt.Println(err)
			return
		}
	}
	rules, err := c.Rules(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	for i := range rules.Len() {
		fmt.Println(rules.Rule(i).FullName())
	}
	for _, s := range rules.Skipped {
		fmt.Printf("skipped: %s:%s: %s (%s:%d)\n", s.Namespace, s.Rule, s.Reason, s.File, s.Line)
	}
	// Output:
	// base
	// high
	// other:base
	// skipped: other:exe: the module pe is not supported (other.yar:1)
}

// Strings of several rules that look for the same are one pattern; the patterns'
// indices are what Evaluator.Add takes.
func ExampleRules() {
	rules, err := yara.Parse(context.Background(), "rules.yar", strings.NewReader(`
		rule one { strings: $a = "abcd" condition: $a }
		rule two { strings: $x = "abcd" $y = { 01 02 [300] 03 } condition: $x and $y }`), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for i, p := range rules.Patterns() {
		fmt.Println(i, p.Name, p.Kind, rules.Names(i), rules.IsPart(i))
	}
	for _, s := range rules.Strings(1) {
		fmt.Println(s.ID, s.Pattern)
	}
	// Output:
	// 0 one.$a text [one.$a two.$x] false
	// 1 two.$y hex [two.$y] true
	// 2 two.$y.2 hex [] true
	// $x 0
	// $y 1
}

// The caller looks for rules.Patterns() and adds every hit, in ascending order of
// addresses. Here the first pattern was found twice.
func ExampleEvaluator() {
	rules, err := yara.Parse(context.Background(), "rules.yar", strings.NewReader(`
		rule greeting : polite {
			strings: $a = "hello" nocase
			condition: $a at 0x1000 and #a > 1
		}`), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	e := rules.NewEvaluator(yara.Limits{})
	e.Add(0, 0x1000, 5)
	e.Add(0, 0x2000, 5)
	result, err := e.Evaluate(context.Background(), yara.Scope{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, m := range result.Matches {
		for _, s := range m.Strings {
			for i := range s.Len() {
				a, n := s.At(i)
				fmt.Println(m.Rule.Name, m.Rule.Tags, s.Name, a, n)
			}
		}
	}
	// Output:
	// greeting [polite] greeting.$a 0x1000 5
	// greeting [polite] greeting.$a 0x2000 5
}
