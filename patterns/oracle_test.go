package patterns

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"vscan/internal/testenv"
)

// A place is where a pattern is found: an offset, and the length of the match.
type place struct{ at, n int }

// findAll returns where the pattern of a set is found in b, by the meaning of needles and
// expressions: at each offset the first of the lengths, as a slow search would find them.
// It also asks expressions at the places that their anchors give.
func findAll(t testing.TB, s *Set, b []byte) []place {
	t.Helper()
	found := map[place]bool{}
	for _, n := range s.Needles() {
		for at := 0; at+n.Len() <= len(b); at++ {
			if n.Words != nil && n.Words.Contains(n.Words.Order.Uint(b[at:at+n.Len()])) || n.Words == nil && holds(n.Lit, n.Mask, n.Keys, b[at:]) {
				found[place{at, n.Len()}] = true
			}
		}
	}
	m := &Memory{Bytes: b}
	for _, e := range s.Exprs() {
		for at := range b {
			n := e.Matcher.Match(m, at)
			if n == 0 {
				continue
			}
			found[place{at, n}] = true
			anchored := len(e.Anchors) == 0
			for _, a := range e.Anchors {
				for off := a.First; off <= a.Last && off+len(a.Lit) <= n; off++ {
					anchored = anchored || holds(a.Lit, a.Mask, a.Keys, b[at+off:])
				}
			}
			if !anchored {
				t.Fatalf("%q: %x holds none of %+v", s.Patterns()[0].Written, b[at:at+n], e.Anchors)
			}
		}
	}
	var all []place
	for p := range found {
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b place) int { return 2*(a.at-b.at) + min(max(a.n-b.n, -1), 1) })
	return all
}

func holds(lit, mask []byte, keys Keys, b []byte) bool {
	if len(b) < len(lit) {
		return false
	}
	if keys.Any {
		for key := int(keys.Lo); key <= int(keys.Hi); key++ {
			text := bytes.Clone(lit)
			for i := range text {
				text[i] ^= byte(key)
			}
			if bytes.HasPrefix(b, text) {
				return true
			}
		}
		return false
	}
	for i, c := range lit {
		if mask != nil && b[i]&mask[i] != c || mask == nil && b[i] != c {
			return false
		}
	}
	return true
}

// A hexDrawer draws bodies of hex, and the same as regular expressions of Python and, where
// YARA has it, as hexadecimal strings of YARA.
type hexDrawer struct{ *rand.Rand }

var hexBytes = []byte{0x41, 0x42, 0x4f, 0x1f, 0x00, 0xff}

func (d hexDrawer) one() (ours, python string) {
	digits := fmt.Sprintf("%02x", hexBytes[d.IntN(len(hexBytes))])
	not := ""
	if d.IntN(6) == 0 {
		not = "~"
	}
	switch d.IntN(6) {
	case 0:
		digits = digits[:1] + "?"
	case 1:
		digits = "?" + digits[1:]
	case 2:
		if not == "" {
			return "??", "."
		}
	}
	python = "["
	if not != "" {
		python += "^"
	}
	switch {
	case digits[0] == '?':
		for _, c := range "0123456789abcdef" {
			python += `\x` + string(c) + digits[1:]
		}
	case digits[1] == '?':
		python += `\x` + digits[:1] + `0-\x` + digits[:1] + "f"
	default:
		python += `\x` + digits
	}
	return not + digits, python + "]"
}

func (d hexDrawer) sequence(depth int) (ours, python string) {
	n := 1 + d.IntN(4)
	for i := range n {
		var a, b string
		switch k := d.IntN(8); {
		case k == 0 && i > 0 && i < n-1:
			lo := d.IntN(4)
			hi := lo + d.IntN(4)
			switch d.IntN(4) {
			case 0:
				a, b = fmt.Sprintf("[%d]", lo), fmt.Sprintf(".{%d}", lo)
			case 1:
				a, b = fmt.Sprintf("[%d-%d]", lo, hi), fmt.Sprintf(".{%d,%d}", lo, hi)
			case 2:
				a, b = fmt.Sprintf("[%d-]", lo), fmt.Sprintf(".{%d,}", lo)
			case 3:
				a, b = "[-]", ".*"
			}
		case k <= 2 && depth > 0:
			var as, bs []string
			for range 1 + d.IntN(3) {
				a, b := d.sequence(depth - 1)
				as, bs = append(as, a), append(bs, b)
			}
			a, b = "( "+strings.Join(as, " | ")+" )", "(?:"+strings.Join(bs, "|")+")"
		default:
			a, b = d.one()
		}
		ours, python = ours+a+" ", python+b
	}
	return ours, python
}

// Bodies of hex are compared with Python's re at every offset of random memory: the
// shortest match counts.
func TestHexAgainstPython(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3")
	}
	d := hexDrawer{testenv.Rand(t)}
	var in strings.Builder
	var asked, got []string
	programs, fixed, hits := 0, 0, 0
	for len(got) < 10_000 {
		body, re := d.sequence(2)
		p, err := Parse("hex:" + body)
		if err != nil {
			if strings.Contains(err.Error(), "nothing but ?") {
				continue
			}
			t.Fatal(err)
		}
		limit := 1 + d.IntN(12)
		if _, ok := p.body.(literals); ok {
			fixed++
			limit = 100
		} else {
			programs++
		}
		if !p.Endless() { // it has a limit of its own
			limit = 100
		}
		s, err := Compile(context.Background(), []Pattern{p}, Target{MaxMatch: limit})
		if err != nil && !strings.Contains(err.Error(), "more than the limit") {
			t.Fatal(err)
		}
		for range 3 {
			b := make([]byte, 1+d.IntN(16))
			for i := range b {
				b[i] = hexBytes[d.IntN(len(hexBytes))]
			}
			answer := ""
			if err == nil {
				for _, f := range findAll(t, s, b) {
					answer += fmt.Sprintf("%d:%d ", f.at, f.n)
					hits++
				}
			}
			fmt.Fprintln(&in, hex.EncodeToString([]byte(re)), hex.EncodeToString(b), limit)
			asked, got = append(asked, fmt.Sprintf("%s in %x, limit %d", body, b, limit)), append(got, answer)
		}
	}
	cmd := exec.Command(python, "-c", `
import sys, re
for line in sys.stdin:
    e, b, limit = line.split()
    e, b, limit = re.compile(bytes.fromhex(e), re.S), bytes.fromhex(b), int(limit)
    out = ""
    for at in range(len(b)):
        for n in range(1, min(limit, len(b) - at) + 1):
            if e.fullmatch(b, at, at + n):
                out += "%d:%d " % (at, n)
                break
    print(out)
`)
	cmd.Stdin = strings.NewReader(in.String())
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, err.(*exec.ExitError).Stderr)
	}
	answers := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	if len(answers) != len(got) {
		t.Fatalf("%d answers to %d questions", len(answers), len(got))
	}
	for i, want := range answers {
		if got[i] != want {
			t.Errorf("%s: %s, want %s", asked[i], got[i], want)
		}
	}
	t.Logf("%d programs, %d of literals, %d hits", programs, fixed, hits)
	if programs < 1000 || fixed < 300 || hits < 1000 {
		t.Error("too few of a kind")
	}
}

// Text with every combination of flags is compared with the definition of each flag,
// written once more in another way.
func TestTextAgainstDefinition(t *testing.T) {
	d := testenv.Rand(t)
	const letters = "aAbB1_ \x00"
	hits := 0
	for range 10_000 {
		text := make([]byte, 1+d.IntN(4))
		for i := range text {
			text[i] = letters[d.IntN(len(letters)-1)]
		}
		o := TextOptions{Caseless: d.IntN(2) == 0, Wide: d.IntN(2) == 0, WideBE: d.IntN(3) == 0, ASCII: d.IntN(2) == 0, FullWord: d.IntN(2) == 0}
		switch d.IntN(4) {
		case 0:
			o.Caseless = false
			lo := byte(d.IntN(256))
			o.Xor = &KeyRange{lo, lo + byte(d.IntN(min(4, 256-int(lo))))}
			if d.IntN(3) == 0 {
				o.Xor = &KeyRange{byte(d.IntN(2)), 255}
			}
		case 1:
			o.Caseless, o.FullWord = false, false
			o.Base64, o.Base64Wide = d.IntN(2) == 0, d.IntN(2) == 0
		}
		// The text is put into the memory in some of its encodings.
		var b []byte
		for len(b) < 60 {
			form := widen(text, d.IntN(3))
			switch {
			case o.Xor != nil && d.IntN(3) > 0:
				key := o.Xor.Lo + byte(d.IntN(int(o.Xor.Hi-o.Xor.Lo)+1))
				for i := range form {
					form[i] ^= key
				}
			case o.Base64 || o.Base64Wide:
				front := []byte("xyz")[:d.IntN(3)]
				form = []byte(base64.StdEncoding.EncodeToString(append(append(front, form...), "tail"[:d.IntN(4)]...)))
				form = widen(form, d.IntN(2))
			case o.Caseless && d.IntN(2) == 0:
				form = bytes.ToUpper(form)
			}
			b = append(b, form...)
			for range d.IntN(4) {
				b = append(b, letters[d.IntN(len(letters))])
			}
		}
		p, err := NewText("n", "s", text, o)
		if err != nil {
			t.Fatalf("%q %+v: %v", text, o, err)
		}
		s, err := Compile(context.Background(), []Pattern{p}, Target{})
		if err != nil {
			t.Fatal(err)
		}
		got, want := findAll(t, s, b), defined(text, o, b)
		if !slices.Equal(got, want) {
			t.Fatalf("%q %+v in %q: %v, want %v", text, o, b, got, want)
		}
		hits += len(got)
	}
	t.Logf("%d hits", hits)
	if hits < 10_000 {
		t.Error("too few to mean anything")
	}
}

// widen returns text as it stands (0), with zeros behind (1) or in front (2).
func widen(text []byte, how int) []byte {
	var out []byte
	for _, c := range text {
		switch how {
		case 1:
			out = append(out, c, 0)
		case 2:
			out = append(out, 0, c)
		default:
			out = append(out, c)
		}
	}
	return out
}

// defined returns where text is in b, by the meaning of the options.
func defined(text []byte, o TextOptions, b []byte) (all []place) {
	lower := func(b []byte) []byte { return bytes.ToLower(b) } // all of it is ASCII or no letter
	lo, hi := 0, 0
	if o.Xor != nil {
		lo, hi = int(o.Xor.Lo), int(o.Xor.Hi)
	}
	found := map[place]bool{}
	for how, on := range []bool{o.ASCII || !o.Wide && !o.WideBE, o.Wide, o.WideBE} {
		if !on {
			continue
		}
		form := widen(text, how)
		if o.Base64 || o.Base64Wide {
			for place := range encoded(form, o, b) {
				found[place] = true
			}
			continue
		}
		for key := lo; key <= hi; key++ {
			plain := make([]byte, len(b)) // b without the key
			for i := range b {
				plain[i] = b[i] ^ byte(key)
			}
			for at := 0; at+len(form) <= len(b); at++ {
				here := plain[at : at+len(form)]
				if !bytes.Equal(here, form) && !(o.Caseless && bytes.Equal(lower(here), lower(form))) {
					continue
				}
				unit := len(form) / len(text)
				alone := func(c []byte) bool {
					if len(c) == 2 && how == 2 {
						c = []byte{c[1], c[0]}
					}
					if len(c) < unit || unit == 2 && c[1] != 0 {
						return true
					}
					_, err := strconv.ParseUint(string(c[:1]), 36, 64)
					return err != nil
				}
				before, behind := b[max(at-unit, 0):at], b[at+len(form):min(at+len(form)+unit, len(b))]
				if o.FullWord && (!alone(before) || !alone(behind)) {
					continue
				}
				found[place{at, len(form)}] = true
			}
		}
	}
	for p := range found {
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b place) int { return 2*(a.at-b.at) + min(max(a.n-b.n, -1), 1) })
	return all
}

// encoded returns where those digits of base64 stand in b that stay the same whatever lies
// around the encoded text that they are made of.
func encoded(form []byte, o TextOptions, b []byte) map[place]bool {
	found := map[place]bool{}
	for front := range 3 {
		var same []byte // the digits; 0 for those that are not the same
		for _, around := range []byte{0x00, 0xff, 0x5a} {
			pad := bytes.Repeat([]byte{around}, 3)
			digits := []byte(base64.RawStdEncoding.EncodeToString(slices.Concat(pad[:front], form, pad)))
			if same == nil {
				same = digits
			}
			for i := range same {
				if same[i] != digits[i] {
					same[i] = 0
				}
			}
		}
		same = bytes.Trim(same, "\x00")
		// Digits that depend on what lies in front or behind differ from one of these,
		// unless they come from 0x5a.
		for how, on := range []bool{o.Base64, o.Base64Wide} {
			if !on || len(same) == 0 {
				continue
			}
			lit := widen(same, how)
			for at := 0; at+len(lit) <= len(b); at++ {
				if bytes.HasPrefix(b[at:], lit) {
					found[place{at, len(lit)}] = true
				}
			}
		}
	}
	return found
}
