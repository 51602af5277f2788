package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// A corpus says where memory comes from: it is made up, or that of a process, or a
// file.
type corpus struct {
	Mebibytes int
	Seed      uint64
	// These are how many of 100 pages are of each kind.
	Zero, Pointers, Text, Prose, Lines, Code, Random, Noise int
	Words                                                   int     // how many different words prose has
	Zeros                                                   float64 // the share of zero bytes in noise, from 0 to 1
	Letters                                                 string  // what all bytes are drawn from, in place of pages

	Process     []string // a command that prints a line when it is ready, and waits
	Environment string   // the environment variable that has the path of a file
}

// needle is a literal that stands three times in each corpus that is made up of pages.
const needle = "\x7fneedle\xf9\x17"

// bytes returns the bytes of the corpus; with short, made-up ones are smaller. Where
// it returns neither bytes nor an error, the corpus cannot be had on this machine,
// for the reason that it returns.
func (c corpus) bytes(short bool) (b []byte, reason string, err error) {
	switch {
	case c.Environment != "":
		path := os.Getenv(c.Environment)
		if path == "" {
			return nil, "no $" + c.Environment, nil
		}
		b, err = os.ReadFile(path)
		return b, "", err
	case c.Process != nil && short:
		return nil, "not in the short form", nil
	case c.Process != nil:
		return c.gcore()
	}
	size := c.Mebibytes << 20
	if short {
		size = 2 << 20
	}
	b = make([]byte, size)
	c.fill(b)
	return b, "", nil
}

// names are the words of made-up text; each has a number behind it.
var names = strings.Fields("kmalloc inode socket /usr/lib/x GET /index error: no session user@host")

// fill makes the corpus up, page by page. The same corpus has the same bytes on every
// machine.
func (c corpus) fill(b []byte) {
	rnd := rand.New(rand.NewPCG(c.Seed, 42))
	if c.Letters != "" {
		for i := range b {
			b[i] = c.Letters[rnd.IntN(len(c.Letters))]
		}
		return
	}
	prose := proseOf(c.Words)
	for at := 0; at < len(b); at += 4096 {
		page := b[at:min(at+4096, len(b))]
		page[0] = 1 // until it is written, a page is the one zero page that all share,
		page[0] = 0 // and that is always in the cache
		k := rnd.IntN(100)
		for _, kind := range []struct {
			share int
			fill  func(*rand.Rand, []byte)
		}{
			{c.Zero, func(*rand.Rand, []byte) {}}, {c.Pointers, pointers}, {c.Text, text}, {c.Prose, prose}, {c.Lines, lines}, {c.Code, code}, {c.Random, random}, {c.Noise, c.noise},
		} {
			if k -= kind.share; k < 0 {
				kind.fill(rnd, page)
				break
			}
		}
	}
	for _, at := range []int{7, len(b) / 3, len(b) - len(needle)} {
		copy(b[at:], needle)
	}
}

// pointers fills a page with words, of which a third are zero and the others
// pointers into 4 GiB.
func pointers(rnd *rand.Rand, page []byte) {
	for i := 0; i+8 <= len(page); i += 8 {
		if v := rnd.Uint64(); v%3 != 0 {
			binary.LittleEndian.PutUint64(page[i:], 0x7f0000000000+v>>32)
		}
	}
}

// text fills a page with names and numbers, as a log has them.
func text(rnd *rand.Rand, page []byte) {
	for n := 0; n < len(page); {
		n += copy(page[n:], fmt.Sprintf("%s_%x ", names[rnd.IntN(len(names))], rnd.Uint32()))
	}
}

// proseOf returns what fills a page with words in random order, n different ones that are always the
// same.
func proseOf(n int) func(*rand.Rand, []byte) {
	rnd := rand.New(rand.NewPCG(1, 43))
	words := make([]string, n)
	for i := range words {
		for range 1 + rnd.IntN(4) {
			words[i] += string("bcdfghklmnprstvwz"[rnd.IntN(17)]) + string("aeiou"[rnd.IntN(5)]) + []string{"", "", "n", "r", "s", "t"}[rnd.IntN(6)]
		}
		words[i] += " "
	}
	return func(rnd *rand.Rand, page []byte) {
		for n := 0; n < len(page); {
			n += copy(page[n:], words[rnd.IntN(len(words))])
		}
	}
}

// lines fills a page with lines of what programs write: sentences, settings, addresses of
// people and of pages. Its last byte ends a line.
func lines(rnd *rand.Rand, page []byte) {
	word := func() string { return sentences[rnd.IntN(len(sentences))] }
	for n := 0; n < len(page); {
		var line string
		switch k := rnd.IntN(16); {
		case k == 0:
			line = fmt.Sprintf("%s_%s = %x", word(), word(), rnd.Uint32())
		case k == 1:
			line = fmt.Sprintf("https://%s.%s.org/%s?id=%d", word(), word(), word(), rnd.IntN(1e5))
		case k == 2:
			line = fmt.Sprintf("From: %s.%s@%s.example.com 2026-%02d-%02d", word(), word(), word(), 1+rnd.IntN(12), 1+rnd.IntN(28))
		default:
			line = strings.ToUpper(word()[:1])
			for range 3 + rnd.IntN(12) {
				line += word() + " "
			}
		}
		n += copy(page[n:], line+"\n")
	}
	page[len(page)-1] = '\n'
}

// sentences are the words of lines.
var sentences = strings.Fields(`the a of to and in that he was it his is with as had you for at not be my have from which this
	holmes watson street morning evening police inspector door window house reading writing nothing something standing
	copyright session kernel module error warning interface password listening connection memory running
	attention information direction question observation station`)

// instructions are common ones of amd64; operands are made up.
var instructions = []string{"\x48\x89\xe5", "\x48\x8b\x05", "\xe8", "\x0f\x1f\x40\x00", "\xc3\xcc\xcc", "\x48\x83\xec\x28", "\x55\x41\x57\x41\x56",
	"\x0f\x84", "\x48\x8d\x3d", "\x31\xc0", "\x85\xc0\x74", "\x48\x89\x45\xf8", "\x5d\xc3\x66\x90"}

// code fills a page with instructions, each followed by up to four random bytes.
func code(rnd *rand.Rand, page []byte) {
	for n := 0; n < len(page); {
		n += copy(page[n:], instructions[rnd.IntN(len(instructions))])
		for range rnd.IntN(5) {
			if n < len(page) {
				page[n] = byte(rnd.Uint32() >> (8 * rnd.IntN(4)))
				n++
			}
		}
	}
}

// random fills a page with random bytes.
func random(rnd *rand.Rand, page []byte) {
	for i := 0; i+8 <= len(page); i += 8 {
		binary.LittleEndian.PutUint64(page[i:], rnd.Uint64())
	}
}

// noise fills a page with random bytes, of which a share of c.Zeros is zero.
func (c corpus) noise(rnd *rand.Rand, page []byte) {
	for i := range page {
		if page[i] = 1 + byte(rnd.Uint32()%255); rnd.Float64() < c.Zeros {
			page[i] = 0
		}
	}
}

// gcore starts the process, and returns its memory as gdb's gcore dumps it. A reason
// says why that is not possible on this machine.
func (c corpus) gcore() (b []byte, reason string, err error) {
	for _, tool := range []string{c.Process[0], "gcore"} {
		if _, err := exec.LookPath(tool); err != nil {
			return nil, "no " + tool + " here", nil
		}
	}
	cmd := exec.Command(c.Process[0], c.Process[1:]...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, "", err
	}
	if err := cmd.Start(); err != nil {
		return nil, "", err
	}
	defer func() { cmd.Process.Kill(); cmd.Wait() }()
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		return nil, "", fmt.Errorf("%s: %w", c.Process[0], err)
	}
	dir, err := os.MkdirTemp("", "vscan-bench")
	if err != nil {
		return nil, "", err
	}
	defer os.RemoveAll(dir)
	if out, err := exec.Command("gcore", "-o", filepath.Join(dir, "core"), fmt.Sprint(cmd.Process.Pid)).CombinedOutput(); err != nil {
		return nil, fmt.Sprintf("gcore: %v: %.200s", err, out), nil
	}
	b, err = os.ReadFile(filepath.Join(dir, fmt.Sprintf("core.%d", cmd.Process.Pid)))
	return b, "", err
}

// literals makes literals up. None begins with a zero byte, since peers refuse these,
// and no two are the same.
func (g *generate) literals(memory []byte) []literal {
	rnd := rand.New(rand.NewPCG(g.Seed, uint64(g.Count)))
	seen := map[string]bool{}
	common := g.commonHeads(memory)
	var out []literal
	for tries := 0; len(out) < g.Count && tries < 1000*g.Count+1000; tries++ {
		b := make([]byte, g.Min+rnd.IntN(g.Max-g.Min+1))
		if rnd.Float64() < g.Sampled {
			copy(b, memory[rnd.IntN(len(memory)-len(b)):])
		} else {
			for i := range b {
				b[i] = byte(rnd.Uint32())
				if g.Text {
					b[i] = "abcdefghijklmnopqrstuvwxyz_0123456789"[rnd.IntN(37)]
				}
			}
		}
		if !g.suits(b) || common(b) {
			continue
		}
		if g.Changed > 0 && len(out)%8 > 0 {
			g.change(rnd, b, memory)
		}
		if seen[string(b)] || b[0] == 0 {
			continue
		}
		seen[string(b)] = true
		l := literal{bytes: b, keys: g.Keys, shape: g.Shape}
		switch share := rnd.Float64(); {
		case share < g.Masked:
			l.mask = make([]byte, len(b))
			for i := range b {
				l.mask[i] = [...]byte{0xff, 0xff, 0xff, 0xf0, 0x0f, 0xff, 0xff, 0xf0, 0xff, 0x00}[rnd.IntN(10)]
			}
			l.mask[0], l.mask[len(b)-1] = 0xff, 0xff
		case share < g.Masked+g.Nocase+g.Wide+g.Regexp && share >= g.Masked+g.Nocase:
			if l.wide = share < g.Masked+g.Nocase+g.Wide; !l.wide {
				l.digits = true
			}
			for i := range b {
				b[i] = "abcdefghijklmnopqrstuvwxyz_"[rnd.IntN(27)]
				if l.wide && i%2 == 1 {
					b[i] = 0
				}
			}
			l.bytes = b[:len(b)&^1]
		case share < g.Masked+g.Nocase:
			l.mask = make([]byte, len(b))
			for i := range b {
				b[i] = "abcdefghijklmnopqrstuvwxyz_0123456789"[rnd.IntN(37)]
				l.mask[i] = 0xff
				if b[i] >= 'a' {
					l.mask[i] = 0xdf
				}
			}
		}
		for i := range l.mask {
			l.bytes[i] &= l.mask[i]
		}
		out = append(out, l)
	}
	return out
}

// change gives each byte of b, with the probability Changed, another value: that of a byte of text from
// memory.
func (g *generate) change(rnd *rand.Rand, b, memory []byte) {
	for i := range b {
		if rnd.Float64() >= g.Changed {
			continue
		}
		for b[i] = 0; b[i] < ' ' || b[i] > '~'; {
			b[i] = memory[rnd.IntN(len(memory))]
		}
	}
}

// suits reports whether somebody might look for b: its bytes are not all alike, and
// with Text, they are printable, with Shape, lower case letters.
func (g *generate) suits(b []byte) bool {
	var seen [256]bool
	distinct := 0
	for _, c := range b {
		if !seen[c] {
			seen[c] = true
			distinct++
		}
		if g.Shape != "" && (c < 'a' || c > 'z') || g.Text && (c < ' ' || c > '~' || c == '"' || c == '\\') {
			return false
		}
	}
	return b[0] != 0 && distinct >= min(6, len(b)/2+1)
}

// commonHeads returns a function that reports of a literal whether its first eight
// bytes are all over the corpus: whether they are there more than twice in the first
// 16 MiB. With Common, it reports that of no literal.
func (g *generate) commonHeads(memory []byte) func(b []byte) bool {
	const head, sample = 8, 16 << 20
	if g.Common || g.Min < head {
		return func([]byte) bool { return false }
	}
	counts := make([]uint8, 1<<26) // by hash
	slot := func(b []byte) uint64 { return binary.LittleEndian.Uint64(b) * 0x9e3779b97f4a7c15 >> (64 - 26) }
	for i := 0; i+head <= min(sample, len(memory)); i++ {
		if n := &counts[slot(memory[i:])]; *n < 255 {
			*n++
		}
	}
	return func(b []byte) bool { return counts[slot(b)] > 2 }
}
