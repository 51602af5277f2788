package patterns

import (
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"vscan/internal/testenv"
)

// Text with modifiers and hex with jumps are compared with the yara command.
func TestAgainstYara(t *testing.T) {
	yara, err := exec.LookPath("yara")
	if err != nil {
		t.Skip("no yara")
	}
	d := hexDrawer{testenv.Rand(t)}
	const letters = "abAB1_ "
	var data []byte
	var rules strings.Builder
	var pats []Pattern
	for len(pats) < 300 {
		name := fmt.Sprintf("r%d", len(pats))
		if d.IntN(3) == 0 {
			// ~ is left out, which yara has only from 4.3 on.
			body := fmt.Sprintf("%02x ?? [%d-%d] ( %02x %02x | ?f %02x 4? ) [%d] %02x", d.pick(), d.IntN(3), 3+d.IntN(3), d.pick(), d.pick(), d.pick(), 1+d.IntN(3), d.pick())
			p, err := NewHex(name, body, body)
			if err != nil {
				t.Fatal(err)
			}
			pats = append(pats, p)
			fmt.Fprintf(&rules, "rule %s { strings: $a = { %s } condition: $a }\n", name, body)
			for range 40 {
				data = append(data, d.pick())
			}
			continue
		}
		text := make([]byte, 3+d.IntN(5))
		for i := range text {
			text[i] = letters[d.IntN(len(letters))]
		}
		var o TextOptions
		mods := ""
		add := func(on *bool, word string, in int) {
			if d.IntN(in) == 0 {
				*on = true
				mods += " " + word
			}
		}
		add(&o.Wide, "wide", 2)
		add(&o.ASCII, "ascii", 2)
		switch d.IntN(3) {
		case 0:
			add(&o.Caseless, "nocase", 2)
			add(&o.FullWord, "fullword", 2)
		case 1:
			add(&o.FullWord, "fullword", 2)
			lo := byte(d.IntN(250))
			o.Xor = &KeyRange{lo, lo + byte(d.IntN(5))}
			mods += fmt.Sprintf(" xor(%d-%d)", o.Xor.Lo, o.Xor.Hi)
		case 2:
			add(&o.Base64, "base64", 2)
			if add(&o.Base64Wide, "base64wide", 2); !o.Base64 && !o.Base64Wide {
				add(&o.Base64, "base64", 1)
			}
		}
		p, err := NewText(name, string(text), text, o)
		if err != nil {
			t.Fatal(err)
		}
		pats = append(pats, p)
		fmt.Fprintf(&rules, "rule %s { strings: $a = \"%s\"%s condition: $a }\n", name, text, mods)
		for range 3 {
			form := widen(text, d.IntN(2))
			if o.Xor != nil {
				for i := range form {
					form[i] ^= o.Xor.Lo
				}
			}
			if o.Base64 || o.Base64Wide {
				form = []byte(base64.StdEncoding.EncodeToString(append([]byte("xyz")[:d.IntN(3)], form...)))
				form = widen(form, d.IntN(2))
			}
			data = append(data, form...)
			for range d.IntN(3) {
				data = append(data, " a\x00."[d.IntN(4)])
			}
		}
	}
	dir := t.TempDir()
	in, image := filepath.Join(dir, "rules.yar"), filepath.Join(dir, "data")
	if err := os.WriteFile(in, []byte(rules.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(image, data, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(yara, "-w", "-s", "-L", in, image)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("yara: %v: %s", err, err.(*exec.ExitError).Stderr)
	}
	want := map[string][]place{}
	rule := ""
	hit := regexp.MustCompile(`^0x([0-9a-f]+):(\d+):\$a: `)
	for line := range strings.Lines(string(out)) {
		m := hit.FindStringSubmatch(line)
		if m == nil {
			rule, _, _ = strings.Cut(line, " ")
			continue
		}
		var p place
		fmt.Sscanf(m[1]+" "+m[2], "%x %d", &p.at, &p.n)
		want[rule] = append(want[rule], p)
	}
	hits := 0
	for _, p := range pats {
		s, err := Compile(context.Background(), []Pattern{p}, Target{})
		if err != nil {
			t.Fatal(err)
		}
		got := findAll(t, s, data)
		hits += len(got)
		w := want[p.Name]
		slices.SortFunc(w, func(a, b place) int { return 2*(a.at-b.at) + min(max(a.n-b.n, -1), 1) })
		if !slices.Equal(got, w) {
			line := regexp.MustCompile("(?m)^rule " + p.Name + " .*$").FindString(rules.String())
			t.Errorf("%s\n%v, yara has\n%v", line, got, w)
		}
	}
	t.Logf("%d hits in %d bytes", hits, len(data))
}

func (d hexDrawer) pick() byte { return hexBytes[d.IntN(len(hexBytes))] }
