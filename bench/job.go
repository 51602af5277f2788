package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"math/rand/v2"
	"regexp"
	"slices"
	"sort"
	"strings"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/patterns"
)

// A job is a benchmark that is ready to run: memory, and what to look for in it.
type job struct {
	*definition
	memory   []byte
	path     string // of the file, or the folder, that has the memory
	patterns []patterns.Pattern
	target   patterns.Target
	literals []literal // the patterns, where they are literals
	rules    []byte    // a file of YARA rules of which these are the strings; nil where patterns are searched for
	ranges   []addr.Range
	hits     uint64
}

// newJob makes a benchmark ready, and counts what is to be found.
func newJob(d *definition, memory []byte) (*job, error) {
	j := &job{definition: d, memory: memory}
	texts := d.Patterns
	switch {
	case d.Generate != nil:
		j.literals = d.Generate.literals(memory)
		if d.Generate.Rules > 0 {
			j.rules, j.literals = d.Generate.rules(j.literals)
		}
		for _, l := range j.literals {
			texts = append(texts, l.String())
		}
	case d.Words != nil:
		for i := range d.Words.Ranges {
			first := addr.Addr(d.Words.First) + addr.Addr(i)*addr.Addr(d.Words.Step)
			j.ranges = append(j.ranges, addr.Range{First: first, Last: first + addr.Addr(d.Words.Each)})
		}
		texts = []string{"ptr:@ranges"}
		j.target = patterns.Target{WordSize: 8, OrderKnown: true, Mapping: func(string) ([]addr.Range, error) { return j.ranges, nil }}
	}
	for _, text := range texts {
		p, err := patterns.Parse(text)
		if err != nil {
			return nil, err
		}
		j.patterns = append(j.patterns, p)
	}
	if j.literals == nil && d.Words == nil {
		set, err := patterns.Compile(context.Background(), j.patterns, j.target)
		if err != nil {
			return nil, err
		}
		for _, n := range set.Needles() {
			j.literals = append(j.literals, literal{bytes: n.Lit, mask: n.Mask})
		}
	}
	for _, part := range j.parts() {
		j.hits += j.count(part)
	}
	return j, nil
}

// parts returns what is searched each by itself: the memory, or the files that it is cut into.
func (j *job) parts() [][]byte {
	if j.Files == 0 {
		return [][]byte{j.memory}
	}
	return slices.Collect(slices.Chunk(j.memory, (len(j.memory)+j.Files-1)/j.Files))
}

// count returns how many hits there are in memory. It shares no code with what is measured: it
// finds literals by a hash of some of their bytes that have no mask, and expressions by Naive.
func (j *job) count(memory []byte) uint64 {
	n := uint64(0)
	if j.Naive != "" {
		e := regexp.MustCompile(j.Naive)
		for line := range bytes.Lines(memory) {
			n += uint64(len(e.FindAllIndex(line, -1)))
		}
		return n
	}
	if j.Words != nil {
		for i := 0; i+8 <= len(memory); i += 8 {
			v := addr.Addr(binary.LittleEndian.Uint64(memory[i:]))
			k := sort.Search(len(j.ranges), func(k int) bool { return j.ranges[k].Last >= v })
			if k < len(j.ranges) && j.ranges[k].First <= v {
				n++
			}
		}
		return n
	}
	if len(j.literals) > 0 && j.literals[0].shape != "" {
		return countShaped(j.literals, memory)
	}
	if len(j.literals) > 0 && j.literals[0].keys {
		return countKeyed(j.literals, memory)
	}
	const most = 7
	type hashed struct {
		literal
		off int // the offset of the bytes that it is hashed by
	}
	byHead := map[uint64][]hashed{} // by headKey of the bytes that plainBytes chooses
	var loose []literal
	for _, l := range j.literals {
		off, size := l.plainBytes(most)
		if size == 0 {
			loose = append(loose, l)
			continue
		}
		key := headKey(l.bytes[off:], size)
		byHead[key] = append(byHead[key], hashed{l, off})
	}
	var sizes []int
	for size := 1; size <= most; size++ {
		for key := range byHead {
			if int(key>>56) == size {
				sizes = append(sizes, size)
				break
			}
		}
	}
	var first [256]bool // the first bytes of all keys
	for key := range byHead {
		first[byte(key)] = true
	}
	for i := range memory {
		at := memory[i:]
		for _, l := range loose {
			if l.matches(at) {
				n++
			}
		}
		if !first[at[0]] {
			continue
		}
		for _, size := range sizes {
			if size > len(at) {
				continue
			}
			for _, p := range byHead[headKey(at, size)] {
				if i >= p.off && p.matches(memory[i-p.off:]) {
					n++
				}
			}
		}
	}
	return n
}

// countKeyed returns how many hits literals under any key have in memory. It looks up what two bytes and
// the one in front of both have in common, and compares the rest under the key of the first byte.
func countKeyed(lits []literal, memory []byte) (n uint64) {
	head := func(b []byte) uint16 { return uint16(b[0]^b[1])<<8 | uint16(b[0]^b[2]) }
	var byHead [1 << 16][]literal
	for _, l := range lits {
		byHead[head(l.bytes)] = append(byHead[head(l.bytes)], l)
	}
	for i := range max(len(memory)-2, 0) {
		for _, l := range byHead[head(memory[i:])] {
			if l.matches(memory[i:]) {
				n++
			}
		}
	}
	return n
}

// plainBytes returns the offset and the size of the bytes of a literal, side by side, of
// which all bits count: the first of the longest, but of at most most bytes.
func (l literal) plainBytes(most int) (off, size int) {
	plain := 0
	for i := range l.bytes {
		if plain++; l.mask != nil && l.mask[i] != 0xff {
			plain = 0
		}
		if plain > size && size < most {
			off, size = i+1-plain, plain
		}
	}
	return off, size
}

// headKey returns a key of the first size bytes of b, at most 7, and of size.
func headKey(b []byte, size int) uint64 {
	key := uint64(size) << 56
	for i := range size {
		key |= uint64(b[i]) << (8 * i)
	}
	return key
}

// space returns the memory in the layout of the benchmark.
func (j *job) space() (*engine.Space, error) {
	if j.Layout == "" {
		m, err := engine.BytesMapping("memory", 0x10000, j.memory)
		if err != nil {
			return nil, err
		}
		return engine.NewSpace(m)
	}
	const page = engine.PageSize
	order := make([]int, len(j.memory)/page)
	for i := range order {
		order[i] = i
	}
	if j.Layout == "scattered" {
		rand.New(rand.NewPCG(1, 1)).Shuffle(len(order), func(a, b int) { order[a], order[b] = order[b], order[a] })
	}
	sources := []engine.Source{engine.BytesSource("even", j.memory), engine.BytesSource("odd", j.memory)}
	mappings := make([]engine.Mapping, len(order))
	for i, k := range order {
		first := addr.Addr(0x10000 + i*page)
		mappings[i] = engine.Mapping{Range: addr.Range{First: first, Last: first + page - 1}, Source: sources[i%2], Offset: uint64(k * page)}
	}
	return engine.NewSpace(mappings...)
}

// fixed returns the only literal. It returns false where there are several, or not all
// bits of it count.
func (j *job) fixed() ([]byte, bool) {
	if len(j.literals) != 1 || j.literals[0].mask != nil {
		return nil, false
	}
	return j.literals[0].bytes, true
}

// slug returns a name with hyphens for blanks and commas, for a file or a column.
func slug(name string) string {
	return strings.Map(func(r rune) rune {
		if r == ' ' || r == ',' {
			return '-'
		}
		return r
	}, name)
}
