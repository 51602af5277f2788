package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
)

// rules deals literals out to YARA rules, as rule sets that people write have them: most rules have
// few strings, some have dozens, and a part of all strings stands in several rules. It returns the
// file, and the strings in it.
func (g *generate) rules(literals []literal) (file []byte, strings []literal) {
	rnd := rand.New(rand.NewPCG(g.Seed, uint64(g.Rules)))
	var out bytes.Buffer
	for n, i := 0, 0; i < len(literals); n++ {
		size := 1 + int(rnd.ExpFloat64()*float64(g.Rules-1))
		var own []literal
		for len(own) < size && i < len(literals) {
			if i > 0 && rnd.Float64() < g.Copies {
				own = append(own, literals[rnd.IntN(i)])
				continue
			}
			own = append(own, literals[i])
			i++
		}
		out.Write(yaraRule(fmt.Sprintf("made_up_%d", n), own))
		strings = append(strings, own...)
	}
	return out.Bytes(), strings
}

// inRule returns the literal as a string of a rule, between quotes where it is text.
func (l literal) inRule() string {
	odd := func(c rune) bool { return c < ' ' || c > '~' || c == '"' || c == '\\' }
	if l.mask == nil && !l.wide && !l.digits && !bytes.ContainsFunc(l.bytes, odd) {
		return `"` + string(l.bytes) + `"`
	}
	return l.yara()
}

// yaraRule returns a rule that matches where any of some literals is.
func yaraRule(name string, literals []literal) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "rule %s {\nmeta:\n  description = \"made up\"\n  author = \"bench\"\nstrings:\n", name)
	for i, l := range literals {
		fmt.Fprintf(&b, "  $s%d = %s\n", i, l.inRule())
	}
	b.WriteString("condition: any of them }\n")
	return b.Bytes()
}
