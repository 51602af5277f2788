package automaton

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"vscan/internal/testenv"
)

// sieved draws an expression with repetitions long and short, of which many have exact sieves.
func (d drawer) sieved() string {
	one := func() string {
		return []string{"a", "b", "[ab]", "[^a]", `[\s\S]`, ".", `\x00`, `[^\x00]`, `\w`}[d.IntN(9)]
	}
	times := func() string {
		lo := []int{0, 1, 2, 3, 7, 30, 63, 64, 65, 100}[d.IntN(10)]
		s := []string{fmt.Sprintf("{%d}", lo+1), fmt.Sprintf("{%d,}", lo), fmt.Sprintf("{%d,%d}", lo, lo+1+d.IntN(90))}[d.IntN(3)]
		return s + []string{"", "?", "?"}[d.IntN(3)]
	}
	if d.IntN(5) == 0 { // one jump
		lo := d.IntN(70)
		return one() + one() + fmt.Sprintf("%s{%d,%d}?", one(), lo, lo+1+d.IntN(90)) + one() + one()
	}
	if d.IntN(5) == 0 { // several
		s := []string{"", `\b`, `\B`}[d.IntN(3)] + one()
		for range 2 + d.IntN(3) {
			lo := d.IntN(10)
			over := []string{`[\s\S]`, ".", "[ab]", one(), "(?:..)"}[d.IntN(5)]
			s += fmt.Sprintf("%s{%d,%d}%s", over, lo, lo+1+d.IntN(90), []string{"", "?"}[d.IntN(2)]) + one()
		}
		return s
	}
	var s strings.Builder
	for range 1 + d.IntN(5) {
		switch d.IntN(9) {
		case 0, 1, 2:
			s.WriteString(one() + times())
		case 3:
			s.WriteString("(?:" + one() + one() + ")" + times())
		case 4:
			s.WriteString("(?:" + one() + "|" + one() + one() + ")" + []string{"", "*", "+", "{2,5}", "{3}", "{5,90}", "{0,90}?"}[d.IntN(7)])
		case 5:
			s.WriteString("(?:" + one() + "?){" + fmt.Sprint(1+d.IntN(40)) + "}")
		case 6:
			if d.IntN(2) == 0 {
				s.WriteString([]string{`\b`, `\B`, `^`, `$`, `(?m:^)`, `(?m:$)`}[d.IntN(6)])
			}
		default:
			s.WriteString(one())
		}
	}
	return s.String()
}

// A sieve finds all places at which a match begins, where it is exact no others, and where it tells
// how long matches are, that.
func TestSieve(t *testing.T) {
	d := drawer{testenv.Rand(t)}
	exact, bounded, jumps, fixed, out := 0, 0, 0, 0, 0
	var told [4]int // lengths, by the number of jumps
	looked := 0     // those with looks
	for range testenv.Rounds(500, 1500, 100_000) {
		expr, flags := d.sieved(), Flags(d.IntN(8))
		if d.IntN(3) == 0 {
			e := d.expression()
			expr, flags = e.ours, e.flags
		}
		n, err := ParseRegexp(expr, flags)
		if err != nil {
			t.Fatalf("%q: %v", expr, err)
		}
		limit := []int{1 + d.IntN(300), 2000}[d.IntN(2)]
		p, err := Compile(n, Options{Limit: limit, Semantics: Semantics(d.IntN(3)), Encoding: Encoding(d.IntN(8) / 6)})
		if err != nil {
			continue
		}
		k := p.machine().sieve()
		if k == nil {
			continue
		}
		b := bytes.Repeat(d.memory(), 1+d.IntN(20))
		for d.IntN(3) != 0 {
			b = append(b, bytes.Repeat([]byte{"ab\x00"[d.IntN(3)]}, 1+d.IntN(200))...)
		}
		for range d.IntN(1000) {
			b = append(b, "ab\x00"[d.IntN(3)])
		}
		from := d.IntN(len(b))
		track := p.NewTrack()
		track.begin()
		track.back.begin(b, from, 0)
		track.back.to = from + 1 + d.IntN(len(b)-from)
		track.back.places = make([]uint64, (track.back.to-from+63)/64)
		k.places(b, from, track.back.to, p.MaxLen(), track.back.places, &track.back.ends)
		track.back.by = k
		_, longest := p.node.Lengths()
		looks := strings.ContainsAny(expr, `^$`) || strings.Contains(strings.ToLower(expr), `\b`) || strings.Contains(strings.ToLower(expr), `\a`) || strings.Contains(expr, `\z`)
		isExact := k.exact && !k.empty && !looks && longest >= 0 && longest <= limit
		switch {
		case len(k.jumps) > 0:
			jumps++
		case k.tells:
			fixed++
		}
		if isExact {
			exact++
		} else if !k.exact {
			bounded++
		}
		for at := from; at < track.back.to; at++ {
			want := p.Match(b, at, nil)
			i := at - from
			place := track.back.places[i/64]>>(i%64)&1 != 0
			if !place {
				out++
			}
			if want > 0 && !place || isExact && place && want == 0 {
				t.Fatalf("%q (flags %d, limit %d, semantics %d) in %q from %d to %d: place at %d: %v, but a match of %d", expr, flags, limit, p.options.Semantics, b, from, track.back.to, at, place, want)
			}
			if n, known := track.back.match(at, p.MaxLen()); known && n != want {
				t.Fatalf("%q (flags %d, limit %d, semantics %d) in %q from %d to %d: a match of %d at %d, want %d", expr, flags, limit, p.options.Semantics, b, from, track.back.to, n, at, want)
			} else if mayNot := len(k.jumps) > 1 && longest != p.MaxLen() || slices.ContainsFunc(k.jumps, func(j sieveJump) bool { return j.steps() }); known != (!place || track.back.ends.tell) && (known || !mayNot) {
				// Of several jumps that may go on beyond the limit, and of many turns, how long a match is need not be told.
				t.Fatalf("%q: a place that is %v is known: %v", expr, place, known)
			} else if place && known {
				if k.looks {
					looked++
				}
				told[min(len(k.jumps), len(told)-1)]++
			}
		}
		toldAsAsked(t, track, from, len(b), d.IntN(2) == 0, 1+d.IntN(70))
	}
	t.Logf("%d exact, %d bounded, %d with a jump, %d of one length, %d places ruled out; %d lengths told by jumps, %d with looks", exact, bounded, jumps, fixed, out, told, looked)
	if slices.Contains(told[:], 0) || looked == 0 || exact == 0 || bounded == 0 || jumps == 0 || fixed == 0 || out == 0 {
		t.Error("too few to mean anything")
	}
}

// Where all jumps are lazy, and one behind the first is of turns of two bytes, the match that is tried first is not
// the shortest, and where it is longer than the limit, another one can count.
func TestLazyTurnsBeyondTheLimit(t *testing.T) {
	b := []byte("x-d-------e--------d----------------------------e")
	for _, c := range []struct {
		expr string
		want int
	}{
		{`x.{0,5}?(?:..){0,9}?d.{0,50}?e`, 11},
		{`x(?:..){0,9}?d.{0,50}?e`, 0}, // the turns lead to one d only
	} {
		p := compile(t, c.expr, 0, Options{Limit: 30})
		if n := p.Match(b, 0, nil); n != c.want {
			t.Fatalf("%s: a match of %d, want %d", c.expr, n, c.want)
		}
		track := p.NewTrack()
		track.begin()
		track.sift(p.machine().sieve(), b, 0)
		if n, known := track.back.match(0, p.MaxLen()); known && n != c.want {
			t.Errorf("%s: a match of %d is told, want %d", c.expr, n, c.want)
		}
	}
}

// A sieve that has met a fault in mapped memory leaves nothing to the next one.
func TestSieveAfterFault(t *testing.T) {
	p := compile(t, `a.{2,9}b[c-e]+.`, 0, Options{})
	k := p.machine().sieve()
	b := bytes.Repeat([]byte("aabbcde--x"), 100)
	for range 10 {
		func() {
			defer func() {
				if recover() == nil {
					t.Fatal("no panic")
				}
			}()
			var ends jumpEnds
			k.places(b[:20], 0, 20, 100, make([]uint64, 9), &ends) // it panics, since there are too many words of places
		}()
		track := p.NewTrack()
		track.begin()
		track.sift(k, b, 0)
		for at := range b {
			want := p.Match(b, at, nil)
			if n, known := track.back.match(at, p.MaxLen()); known && n != want {
				t.Fatalf("a match of %d at %d, want %d", n, at, want)
			}
		}
	}
}

// toldAsAsked fails unless what a track tells of its places, some at a time, is what it answers for each.
func toldAsAsked(t *testing.T, track *Track, from, to int, apart bool, some int) {
	t.Helper()
	for at := from; ; {
		list, next := track.Told(at, to, apart, make([]Told, 0, some))
		for _, m := range list {
			for ; at < int(m.At); at++ {
				if n, known := track.back.match(at, track.p.maxLen); n != 0 || !known {
					t.Fatalf("%v: nothing told of %d, but a match of %d, known: %v", track.p.node, at, n, known)
				}
			}
			if n, known := track.back.match(at, track.p.maxLen); n != int(m.Len) || !known {
				t.Fatalf("%v: a match of %d told at %d, want %d, known: %v", track.p.node, m.Len, at, n, known)
			}
			if at++; apart {
				at += int(m.Len) - 1
			}
		}
		for ; at < next; at++ {
			if n, known := track.back.match(at, track.p.maxLen); n != 0 || !known {
				t.Fatalf("%v: nothing told of %d, but a match of %d, known: %v", track.p.node, at, n, known)
			}
		}
		if len(list) < some {
			if n, known := track.back.match(next, track.p.maxLen); known && track.back.ends.tell {
				t.Fatalf("%v: a match of %d at %d is known, and not told", track.p.node, n, next)
			}
			return
		}
	}
}

// Where memory looks random to an automaton, what it takes does not depend on that: places are found, and
// lengths told, without many steps or states.
func TestSieveWork(t *testing.T) {
	const size = 256 << 10
	rnd := testenv.Seeded(t, 11, 12)
	b := make([]byte, size)
	for i := range b {
		b[i] = "ab"[rnd.IntN(2)]
	}
	for _, c := range []struct {
		expr      string
		semantics Semantics
		told      bool // whether it tells lengths
	}{
		{`a[\s\S]{200}b`, First, true}, {`aa[\s\S]{200}?[^a]{2}`, Longest, true}, {`a[\s\S]{0,900}?bb`, Shortest, true}, {`a[\s\S]{90,900}?bab`, First, true},
		{`a[ab]{300}c`, First, true}, {`(ab|ba|aa)+b{30}`, First, true}, {`^.*$`, First, false}, {`\b\w+\b`, First, true}, {`a.{0,100}a.{0,100}z`, First, true}, {`a.{5,200}b.{5,200}a`, First, true}, {`a.{5,200}b.{5,200}a`, Shortest, true}, {`a.{5,200}b.{5,200}a`, Longest, true}, {`a+b+`, First, true},
	} {
		track := compile(t, c.expr, 0, Options{Limit: 4300, Semantics: c.semantics}).NewTrack()
		asked := 0
		for at := 0; at < len(b); at++ {
			if at = track.Next(b, at, len(b)); at < len(b) {
				asked++
				n := track.Match(b, at, nil)
				if asked%997 == 0 && n != track.program.Match(b, at, nil) {
					t.Fatalf("%s: a match of %d at %d, want %d", c.expr, n, at, track.program.Match(b, at, nil))
				}
			}
		}
		if track.back.by == nil || track.back.by.tells != c.told {
			t.Errorf("%s: the sieve is %+v", c.expr, track.back.by)
		}
		if track.Steps() > size {
			t.Errorf("%s: %d steps at %d places for %d bytes", c.expr, track.Steps(), asked, size)
		}
	}
}

// A place that takes much, alone in much memory, does not have the memory behind it gone through by a sieve, nor by going
// back; many of them side by side do, also behind much memory without any.
func TestSieveWhereDense(t *testing.T) {
	const far, dense = 1 << 18, 17 << 18
	head := strings.Repeat("a.long.name.", 4)
	place := head + "....x"
	p := compile(t, regexp.QuoteMeta(head)+`.{1,8}z.{3}`, 0, Options{})
	took := float64(len(place) + perPlace) // about what a place takes
	for _, apart := range []int{len(place), len(head) / 4} {
		if took/float64(apart) < p.machine().sieve().perByte() {
			continue // where sieves are slow, these are not dense
		}
		b := bytes.Repeat([]byte{'.'}, 20*far)
		for i := range 15 {
			copy(b[(i+1)*far:], place)
		}
		for i := dense; i < dense+far; i += apart {
			copy(b[i:], place[:min(apart, len(place))])
		}
		track := p.NewTrack()
		for from := 0; from < dense; from += 4 * far { // as for blocks of memory
			track.Reset(from)
			for at := from; at < min(from+4*far, dense); at++ {
				if !bytes.HasPrefix(b[at:], []byte(head)) {
					continue
				}
				if _, n := track.Find(b, at, at+1, nil, 1<<20, nil); n != 0 {
					t.Fatalf("%d at %d", n, at)
				}
				if track.back.to > 0 {
					t.Fatalf("all places from %d to %d were found out", track.back.from, track.back.to)
				}
			}
		}
		track.Reset(dense)
		asked := 0
		for at := dense; at < dense+far && track.back.to == 0; at++ {
			if bytes.HasPrefix(b[at:], []byte(head)) {
				track.Find(b, at, at+1, nil, 1<<20, nil)
				asked++
			}
		}
		if asked == 0 || track.back.to == 0 {
			t.Errorf("%d places, one each %d bytes, were asked one by one", asked, apart)
		}
	}
}
