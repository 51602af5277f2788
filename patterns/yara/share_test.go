package yara

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// Strings that look for the same are one pattern, written as the first of them that runs is,
// whether or not they are written alike.
func TestSharedStrings(t *testing.T) {
	r := parse(t, "shared.yar", `
		rule skipped { strings: $a = "ab\x63" $h = { 41  42 ?? 43 } condition: pe.x and $a and $h }
		rule other { strings: $a = "abc" wide private $b = "ab\x63" nocase condition: all of them }
		rule one { strings: $a = "abc" $h = { 41 42 ?? 43 } $r = /a+b/i condition: any of them }
		rule two { strings: $a = "ab\x63" $h = { 41  42 ?? 43 } $r = /a+b/ nocase condition: any of them }
		rule three { strings: $ = "abc" private $h = { 4142??43 } $r = /a+b/ condition: any of them }
	`)
	var got []string
	for i, p := range r.Patterns() {
		got = append(got, fmt.Sprintf("%s %s at %d of %s: %s", p.Name, p.Written, p.Line, r.RuleOf(i).Name, strings.Join(r.Names(i), " ")))
	}
	want := []string{
		`other.$a "abc" at 3 of other: `,
		`other.$b "ab\x63" at 3 of other: other.$b`,
		`one.$a "abc" at 4 of one: one.$a two.$a`,
		`one.$h { 41 42 ?? 43 } at 4 of one: one.$h two.$h three.$h`,
		`one.$r /a+b/i at 4 of one: one.$r two.$r`,
		`three.$r /a+b/ at 6 of three: three.$r`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	var ids []string
	for i := range r.Len() {
		for _, s := range r.Strings(i) {
			ids = append(ids, fmt.Sprint(s.ID, s.Pattern, s.Private))
		}
	}
	if got, want := strings.Join(ids, " "), "$a0 true $b1 false $a2 false $h3 false $r4 false $a2 false $h3 false $r4 false $12 true $h3 false $r5 false"; got != want {
		t.Errorf("strings %s, want %s", got, want)
	}
}

// A string that cannot be looked for is refused in each rule that has it, also if only a part
// behind a long jump is why.
func TestRefusedAlike(t *testing.T) {
	for _, s := range []string{
		`{ 41 42 [-] ( 43 | 44 45 [0-150] 46 ) ` + strings.Repeat("( 47 [1-150] 48 | 49 ) ", 800) + `}`,
		`/(a|b){30000}c(d|e){20000}/`,
		`{ ?? }`,
	} {
		text := "rule one { strings: $a = " + s + " condition: $a }\n" + "rule two { strings: $b = " + s + " condition: $b }\n"
		r := parse(t, "refused.yar", text)
		var got []string
		for _, k := range r.Skipped {
			got = append(got, k.Rule+" "+k.Reason)
		}
		if len(got) != 2 || r.Len() != 0 || strings.Replace(strings.Replace(got[0], "one", "two", 1), "$a", "$b", 1) != got[1] {
			t.Errorf("%.40s: %d rules run, left out are\n%s", s, r.Len(), strings.Join(got, "\n"))
		}
	}
}

// Of the strings that are written alike, one is compiled.
func TestCompiledOnce(t *testing.T) {
	rules := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "rule r%d { strings: $a = { 41 ( 42 | 43 44 ) 45 [2-4] 46 47 48 49 } $b = /[a-f]{4}x(yz|zy+)/ wide condition: any of them }\n", i)
		}
		return b.String()
	}
	one := testing.AllocsPerRun(3, func() { parse(t, "one.yar", rules(1)) })
	many := testing.AllocsPerRun(3, func() { parse(t, "many.yar", rules(101)) })
	if each := (many - one) / 100; each > 40 {
		t.Errorf("another rule with the same strings takes %.0f allocations, want at most 40", each)
	}
}
