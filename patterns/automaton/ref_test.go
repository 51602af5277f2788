package automaton

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"vscan/internal/testenv"
)

// An expression is one regular expression, written for each of its readers.
type expression struct {
	ours, gos, python string
	flags             Flags
}

// A drawer draws expressions and memory.
type drawer struct{ *rand.Rand }

// letters is what expressions and memory are made of. There are few, so that they meet.
var letters = []byte{'a', 'b', 'A', 'k', '_', '1', ' ', '\n', 0, 0x80, 0xff, 'a', 'b'}

func (d drawer) letter() byte { return letters[d.IntN(len(letters))] }

// one returns the ways to write one byte, in a class or outside of one. Go's regexp reads
// memory with 0xe000 added to bytes above 0x7f.
func (d drawer) one(b byte) (ours, gos, python string) {
	if b < 0x80 && b != 0 && b != '\n' && d.IntN(2) == 0 {
		return string(b), string(b), string(b)
	}
	python = fmt.Sprintf(`\x%02x`, b)
	gos = fmt.Sprintf(`\x{%x}`, goRune(b))
	switch d.IntN(4) {
	case 0:
		return fmt.Sprintf(`\x{%x}`, b), gos, python
	case 1:
		return fmt.Sprintf(`\%03o`, b), gos, python
	case 2:
		if b >= 0x80 {
			return string([]byte{b}), gos, python
		}
	}
	return python, gos, python
}

func goRune(b byte) rune {
	if b < 0x80 {
		return rune(b)
	}
	return 0xe000 + rune(b)
}

func (d drawer) class() (ours, gos, python string) {
	not := ""
	if d.IntN(3) == 0 {
		not = "^"
	}
	ours, gos, python = "["+not, "["+not, "["+not
	for range 1 + d.IntN(3) {
		lo, hi := d.letter(), d.letter()
		if lo > hi {
			lo, hi = hi, lo
		}
		a, b, c := d.one(lo)
		ours, gos, python = ours+a, gos+b, python+c
		// Go has no byte between 0x7f and 0x80 but characters, which are in no memory.
		if d.IntN(3) == 0 {
			a, b, c = d.one(hi)
			ours, gos, python = ours+"-"+a, gos+"-"+b, python+"-"+c
		}
	}
	return ours + "]", gos + "]", python + "]"
}

func (d drawer) expr(depth int) (ours, gos, python string) {
	same := func(s string) (string, string, string) { return s, s, s }
	kind := d.IntN(16)
	if depth <= 0 {
		kind = d.IntN(8)
	}
	switch kind {
	case 0, 1, 2, 3:
		return d.one(d.letter())
	case 4, 5:
		return d.class()
	case 6:
		return same([]string{".", `\w`, `\W`, `\d`, `\D`, `\s`, `\S`}[d.IntN(7)])
	case 7:
		switch d.IntN(6) {
		case 0:
			return same("^")
		case 1:
			return "$", "$", "$"
		case 2:
			return `\z`, `\z`, `\Z`
		case 3:
			return same(`\A`)
		}
		return same([]string{`\b`, `\B`}[d.IntN(2)])
	case 8, 9, 10, 11:
		for range 1 + d.IntN(4) {
			a, b, c := d.expr(depth - 1)
			ours, gos, python = ours+a, gos+b, python+c
		}
		return ours, gos, python
	case 12, 13:
		for i := range 2 + d.IntN(3) {
			a, b, c := d.expr(depth - 1)
			if i > 0 {
				ours, gos, python = ours+"|", gos+"|", python+"|"
			}
			ours, gos, python = ours+a, gos+b, python+c
		}
		open := []string{"(", "(?:"}[d.IntN(2)]
		return open + ours + ")", open + gos + ")", open + python + ")"
	}
	a, b, c := d.expr(depth - 1)
	times := []string{"*", "+", "?", "{2}", "{1,3}", "{2,}", "{0,2}", "*?", "+?", "??", "{1,3}?", "{2,}?"}[d.IntN(12)]
	return "(?:" + a + ")" + times, "(?:" + b + ")" + times, "(?:" + c + ")" + times
}

func (d drawer) expression() expression {
	var e expression
	e.flags = Flags(d.IntN(8))
	e.ours, e.gos, e.python = d.expr(3)
	if d.IntN(4) == 0 {
		// This is the beginning of an e-mail address.
		a, b, c := d.class()
		times := []string{"+", "*", "{1,3}", "?", "{4,}", "{5,7}"}[d.IntN(6)]
		x, y, z := d.one(d.letter())
		e.ours, e.gos, e.python = a+times+x+e.ours, b+times+y+e.gos, c+times+z+e.python
	}
	letters := ""
	for i, l := range []string{"i", "s", "m"} {
		if e.flags>>i&1 != 0 {
			letters += l
		}
	}
	if letters != "" {
		e.gos = "(?" + letters + ":" + e.gos + ")"
		e.python = "(?" + letters + ")" + e.python
	}
	if e.flags&MultiLine == 0 {
		e.python = strings.ReplaceAll(e.python, "$", `\Z`)
	}
	return e
}

func (d drawer) memory() []byte {
	b := make([]byte, 1+d.IntN(24))
	few := 2 + d.IntN(len(letters)-1)
	for i := range b {
		b[i] = letters[d.IntN(few)]
	}
	return b
}

// lengths returns the lengths of all matches of n in b[at:], in the order in which a
// backtracking search finds them, and false if that takes too long.
func backtrack(n *Node, b []byte, at, limit int) (lengths []int, ok bool) {
	fuel := 20_000
	seen := map[int]bool{}
	var run func(n *Node, i int, then func(int))
	var again func(n *Node, count, i int, then func(int))
	run = func(n *Node, i int, then func(int)) {
		if fuel--; fuel < 0 {
			return
		}
		switch n.Op {
		case OpSet:
			if i < len(b) && n.Set.Has(b[i]) {
				then(i + 1)
			}
		case OpLook:
			before, behind := neighbourNone, neighbourNone
			if i > 0 {
				before = neighbourOf(b[i-1])
			}
			if i < len(b) {
				behind = neighbourOf(b[i])
			}
			if looksBetween(before, behind)&n.Look != 0 {
				then(i)
			}
		case OpCat:
			if len(n.Subs) == 0 {
				then(i)
				return
			}
			run(n.Subs[0], i, func(j int) { run(&Node{Op: OpCat, Subs: n.Subs[1:]}, j, then) })
		case OpAlt:
			for _, sub := range n.Subs {
				run(sub, i, then)
			}
		case OpRepeat:
			again(n, 0, i, then)
		}
	}
	again = func(n *Node, count, i int, then func(int)) {
		more := func() {
			if n.Max < 0 || count < n.Max {
				run(n.Subs[0], i, func(j int) {
					if j > i || count < n.Min {
						again(n, count+1, j, then)
					}
				})
			}
		}
		if count < n.Min {
			more()
			return
		}
		if n.Lazy {
			then(i)
			more()
		} else {
			more()
			then(i)
		}
	}
	run(n, at, func(j int) {
		if l := j - at; l > 0 && l <= limit && !seen[l] {
			seen[l] = true
			lengths = append(lengths, l)
		}
	})
	return lengths, fuel >= 0
}

// loopsEmpty reports whether something is repeated that can be empty. What is tried first
// is then a matter of taste.
func loopsEmpty(n *Node) bool {
	if n.Op == OpRepeat {
		if least, _ := n.Subs[0].Lengths(); least == 0 {
			return true
		}
	}
	for _, sub := range n.Subs {
		if loopsEmpty(sub) {
			return true
		}
	}
	return false
}

func pick(lengths []int, s Semantics) int {
	best := 0
	for i, l := range lengths {
		if i == 0 || s == Longest && l > best || s == Shortest && l < best {
			best = l
		}
	}
	return best
}

// split returns memory in three parts, of which Match is given the middle one.
func split(d drawer, b []byte, at int) (mid []byte, off int, beyond func(int) (byte, bool)) {
	from := d.IntN(at + 1)
	to := len(b)
	return b[from:to], from, func(i int) (byte, bool) {
		if i += from; i >= 0 && i < len(b) {
			return b[i], true
		}
		return 0, false
	}
}

// holdsAnchor reports whether a match holds one of the anchors where the anchor says, followed by what it says.
func holdsAnchor(anchors []Anchor, match []byte) bool {
	for _, a := range anchors {
		for off := a.First; off <= a.Last && off+len(a.Lit) <= len(match); off++ {
			same := true
			for i, c := range a.Lit {
				m := byte(0xff)
				if a.Mask != nil {
					m = a.Mask[i]
				}
				same = same && match[off+i]&m == c
			}
			if end := off + len(a.Lit); same && (a.After.Len() == 0 || end < len(match) && a.After.Has(match[end])) {
				return true
			}
		}
	}
	return false
}

// shorter is the factor by which random tests are cut down unless they run at full length.
func shorter() int { return testenv.Rounds(8, 2, 1) }

// Random expressions in random memory are compared with a backtracking search of their
// nodes and with Go's regexp.
func TestAgainstReference(t *testing.T) {
	d := drawer{testenv.Rand(t)}
	compared, withGo, anchored, led, uniform := 0, 0, 0, 0, 0
	for range 3200 / shorter() {
		e := d.expression()
		n, err := ParseRegexp(e.ours, e.flags)
		if err != nil {
			t.Fatalf("%q: %v", e.ours, err)
		}
		goRE, err := regexp.Compile(e.gos)
		if err != nil {
			t.Fatalf("%q: %v", e.gos, err)
		}
		limit := 1 + d.IntN(40)
		var progs [3]*Program
		for s := range progs {
			if progs[s], err = Compile(n, Options{Limit: limit, Semantics: Semantics(s)}); err != nil {
				break
			}
			if d.IntN(3) == 0 {
				progs[s].machine().tables.most = 0 // no more tables
			} else if d.IntN(3) == 0 {
				progs[s].machine().tables.most = 1000 // they are emptied now and then
			}
		}
		loops := loopsEmpty(n)
		for range 4 {
			b := d.memory()
			at := d.IntN(len(b))
			lengths, ok := backtrack(n, b, at, limit)
			if err != nil {
				if len(lengths) > 0 {
					t.Fatalf("%q: %v, but %q matches at %d", e.ours, err, b, at)
				}
				continue
			}
			if !ok {
				continue
			}
			compared++
			for s, p := range progs {
				mid, off, beyond := split(d, b, at)
				got := p.Match(mid, at-off, beyond)
				want := pick(lengths, Semantics(s))
				if Semantics(s) == First && loops {
					if (got == 0) != (want == 0) {
						t.Fatalf("%q (flags %d, limit %d) in %q at %d: %d, want %d", e.ours, e.flags, limit, b, at, got, want)
					}
				} else if got != want {
					t.Fatalf("%q (flags %d, limit %d, semantics %d) in %q at %d: %d, want %d", e.ours, e.flags, limit, s, b, at, got, want)
				}
				if got > 0 {
					if got < p.MinLen() || got > p.MaxLen() {
						t.Fatalf("%q: %d bytes, of %d to %d", e.ours, got, p.MinLen(), p.MaxLen())
					}
					// Next leads there from anywhere in front, in each of its ways.
					var known scanned
					ways := []func(b []byte, from, to int) int{p.Next}
					if l := newLead(n, p.machine(), math.Inf(1)); l != nil {
						led++
						ways = append(ways, func(b []byte, from, to int) int { return l.next(b, from, to, &known) })
					}
					if s := newUniformLead(n, p.machine(), p.minLen, math.Inf(-1)); s != nil {
						uniform++
						ways = append(ways, func(b []byte, from, to int) int { return s.next(b, from, to, &known) })
					}
					for way, nextOf := range ways {
						from, to := d.IntN(at+1), at+1+d.IntN(len(b)-at)
						known = scanned{}
						next := nextOf(b, from, to)
						for next < at {
							next = nextOf(b, next+1, to)
						}
						if next != at {
							t.Fatalf("%q in %q at %d: way %d from %d to %d leads to %d", e.ours, b, at, way, from, to, next)
						}
					}
					if a := n.anchors(p.maxLen, All, math.Inf(1)); a != nil {
						anchored++
						if !holdsAnchor(a, b[at:at+got]) {
							t.Fatalf("%q: %x holds none of %+v", e.ours, b[at:at+got], a)
						}
					}
				}
				if Semantics(s) != First || limit < len(b) {
					continue
				}
				// Go cannot start at a place, so everything in front is skipped.
				var text strings.Builder
				for _, c := range b {
					text.WriteRune(goRune(c))
				}
				re, err := regexp.Compile(fmt.Sprintf(`\A(?s:.{%d})(%s)`, at, goRE))
				if err != nil {
					t.Fatal(err)
				}
				m := re.FindStringSubmatch(text.String())
				if m == nil && got > 0 {
					t.Fatalf("%q in %q at %d: %d, Go none", e.ours, b, at, got)
				} else if m != nil && m[1] != "" {
					withGo++
					if n := len([]rune(m[1])); n != got {
						t.Fatalf("%q in %q at %d: %d, Go %d", e.ours, b, at, got, n)
					}
				}
			}
		}
	}
	t.Logf("%d places, %d matches compared with Go's, %d with anchors, %d with a lead, %d with a uniform lead", compared, withGo, anchored, led, uniform)
	if compared < 10_000/shorter() || withGo < 1000/shorter() {
		t.Error("too few to mean anything")
	}
}

// In memory made of wide characters, matches are those of the memory without the zeros, and
// twice as long.
func TestWide(t *testing.T) {
	d := drawer{testenv.Rand(t)}
	matches := 0
	for range 3000 / shorter() {
		e := d.expression()
		n, err := ParseRegexp(e.ours, e.flags)
		if err != nil {
			t.Fatalf("%q: %v", e.ours, err)
		}
		o := Options{Limit: 1 + d.IntN(40), Semantics: Semantics(d.IntN(3))}
		narrow, err := Compile(n, o)
		if err != nil {
			continue
		}
		o.Limit *= 2
		o.Encoding = Encoding(1 + d.IntN(2))
		wide, err := Compile(n, o)
		if err != nil {
			t.Fatalf("%q: %v", e.ours, err)
		}
		for range 4 {
			b := d.memory()
			at := d.IntN(len(b))
			zeros := make([]byte, 2*len(b))
			for i, c := range b {
				zeros[2*i+int(o.Encoding-WideLE)] = c
			}
			want := narrow.Match(b, at, nil)
			mid, off, beyond := split(d, zeros, 2*at)
			if got := wide.Match(mid, 2*at-off, beyond); got != 2*want {
				t.Fatalf("%q %+v in %q at %d: %d, want %d", e.ours, o, b, at, got, 2*want)
			}
			if want > 0 {
				matches++
				if a := wide.Anchors(); a != nil && !holdsAnchor(a, zeros[2*at:2*at+2*want]) {
					t.Fatalf("%q %+v in %q at %d holds none of %+v", e.ours, o, b, at, a)
				}
			}
		}
	}
	t.Logf("%d matches", matches)
	if matches < 1000/shorter() {
		t.Error("too few to mean anything")
	}
}

// Random expressions are compared with Python's re, on bytes.
func TestAgainstPython(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3")
	}
	d := drawer{testenv.Rand(t)}
	type question struct {
		Expr, Memory string
		At           int
	}
	type asked struct {
		e   expression
		b   []byte
		at  int
		got int
	}
	var all []asked
	var in strings.Builder
	for len(all) < 12_000/shorter() {
		e := d.expression()
		n, err := ParseRegexp(e.ours, e.flags)
		if err != nil {
			t.Fatalf("%q: %v", e.ours, err)
		}
		p, err := Compile(n, Options{Limit: 100})
		if err != nil || loopsEmpty(n) {
			continue
		}
		for range 2 {
			b := d.memory()
			at := d.IntN(len(b))
			all = append(all, asked{e, b, at, p.Match(b, at, nil)})
			q, _ := json.Marshal(question{hex.EncodeToString([]byte(e.python)), hex.EncodeToString(b), at})
			in.Write(append(q, '\n'))
		}
	}
	cmd := exec.Command(python, "-W", "ignore", "-c", `
import sys, json, re
for line in sys.stdin:
    q = json.loads(line)
    m = re.compile(bytes.fromhex(q["Expr"])).match(bytes.fromhex(q["Memory"]), q["At"])
    print(-1 if m is None else m.end() - m.start())
`)
	cmd.Stdin = strings.NewReader(in.String())
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("python3: %v: %s", err, err.(*exec.ExitError).Stderr)
	}
	matches, k := 0, 0
	for s := bufio.NewScanner(strings.NewReader(string(out))); s.Scan(); k++ {
		var want int
		fmt.Sscan(s.Text(), &want)
		q := all[k]
		if want > 0 {
			matches++
		}
		if want != 0 && max(want, 0) != q.got {
			t.Errorf("%q (flags %d) in %q at %d: %d, Python has %d", q.e.ours, q.e.flags, q.b, q.at, q.got, want)
		}
	}
	t.Logf("%d of %d match", matches, k)
	if k != len(all) || matches < 1000/shorter() {
		t.Errorf("%d answers of %d, %d matches", k, len(all), matches)
	}
}
