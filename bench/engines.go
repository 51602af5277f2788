package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	ahocorasick "github.com/BobuSumisu/aho-corasick"

	"vscan/bench/internal/spin"
	"vscan/engine"
	"vscan/engine/image"
	"vscan/engine/image/formats"
	"vscan/engine/simd"
	"vscan/patterns"
)

// A contender does a job again and again. run returns how long it took and how many
// hits there were.
type contender interface {
	// prepare makes the contender ready for a job. The reason, where it is not empty,
	// says why it cannot do the job on this machine.
	prepare(j *job) (reason string, err error)
	run() (time.Duration, uint64, error)
	close()
}

// newEngine returns the contender of a name that a definition has.
func newEngine(name string) (contender, error) {
	kind, variant, _ := strings.Cut(name, ":")
	switch kind {
	case "read":
		return &plainRead{blocks: variant == "blocks"}, nil
	case "vscan":
		v := &vscan{workers: 1}
		switch {
		case variant == "" || variant == "Scan":
			v.each = variant == "Scan"
		case variant == string(image.MmapAlways) || variant == string(image.MmapNever):
			v.mmap = image.Mmap(variant)
		case strings.HasSuffix(variant, " workers"):
			n, err := strconv.Atoi(strings.TrimSuffix(variant, " workers"))
			v.workers = n
			return v, err
		default:
			level, err := simd.ParseLevel(variant)
			v.level = level
			return v, err
		}
		return v, nil
	case "spin":
		n, err := strconv.Atoi(variant)
		return &threads{n: n}, err
	case "bytes.Index":
		return &bytesIndex{}, nil
	case "aho-corasick":
		return &ahoCorasick{}, nil
	case "vectorscan", "hyperscan":
		return &hyperscan{name: kind}, nil
	case "vscan command":
		c := &command{name: kind, workers: "1"}
		if n, ok := strings.CutSuffix(variant, " workers"); ok {
			c.workers = n
		} else if variant != "" {
			c.more = []string{"--mmap", variant}
		}
		return c, nil
	case "vscan sweep", "find loop", "rg folder", "yara folder":
		n, ok := strings.CutSuffix(variant, " workers")
		if variant != "" && !ok {
			return nil, fmt.Errorf("no engine %q", name)
		}
		return &command{name: kind, workers: cmp.Or(n, "1")}, nil
	case "rg":
		return &command{name: kind, more: []string{"--" + variant}}, nil
	case "yara", "dd", "cat":
		return &command{name: kind}, nil
	}
	return nil, fmt.Errorf("no engine %q", name)
}

// noHits is the number of hits of a contender that counts none.
const noHits = ^uint64(0)

// plainRead reads every byte once, which is the ceiling for all others. It maps a file
// anew each time, or reads it block by block into one buffer.
type plainRead struct {
	blocks bool
	j      *job
}

func (e *plainRead) prepare(j *job) (string, error) { e.j = j; return "", nil }

func (e *plainRead) run() (time.Duration, uint64, error) {
	begin := time.Now()
	if e.j.Mode == "" {
		sink.Add(simd.ReadBandwidthProbe(e.j.memory))
		return time.Since(begin), noHits, nil
	}
	read := readMapped
	if e.blocks {
		read = readBlocks
	}
	err := read(e.j.path)
	return time.Since(begin), noHits, err
}

func (*plainRead) close() {}

// blockSize is how many bytes of a file are read at a time.
const blockSize = 256 << 10

// readBlocks reads a file block by block, and every byte of each block.
func readBlocks(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	buf := make([]byte, blockSize)
	for {
		n, err := f.Read(buf)
		sink.Add(simd.ReadBandwidthProbe(buf[:n]))
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// sink takes results, so that the compiler has to compute them.
var sink atomic.Uint64

// vscan scans with the library.
type vscan struct {
	workers int
	level   simd.Level
	each    bool // hits come one by one, from Scan, not in batches
	mmap    image.Mmap
	j       *job
	set     *patterns.Set
	scanner *engine.Scanner
}

func (e *vscan) prepare(j *job) (string, error) {
	if err := e.level.Check(); err != nil {
		return err.Error(), nil
	}
	e.j = j
	var err error
	if e.set, err = patterns.Compile(context.Background(), j.patterns, j.target); err != nil {
		return "", err
	}
	space, err := j.space()
	if err == nil {
		e.scanner, err = e.compile(space)
	}
	return "", err
}

// compile returns the scanner for a space.
func (e *vscan) compile(space *engine.Space) (*engine.Scanner, error) {
	return engine.Compile(context.Background(), space, e.set, engine.Options{Workers: e.workers, Kernel: e.level})
}

func (e *vscan) run() (time.Duration, uint64, error) {
	begin := time.Now()
	sc := e.scanner
	if e.j.Mode == "file" {
		img, err := formats.Open(context.Background(), e.j.path, image.Options{Format: "raw", Sequential: true, Mmap: e.mmap})
		if err != nil {
			return 0, 0, err
		}
		defer img.Close()
		space, err := engine.NewSpace(img.Mappings...)
		if err != nil {
			return 0, 0, err
		}
		if sc, err = e.compile(space); err != nil {
			return 0, 0, err
		}
	}
	hits := uint64(0)
	var stats engine.Stats
	var err error
	if e.each {
		stats, err = sc.Scan(context.Background(), func(engine.Hit) bool { hits++; return true })
	} else {
		stats, err = sc.ScanBatches(context.Background(), func(b *engine.Batch) bool { hits += b.Len(); return true })
	}
	took := time.Since(begin)
	if err == nil && !stats.Complete() {
		err = fmt.Errorf("the scan is not complete: %+v", stats)
	}
	return took, hits, err
}

func (*vscan) close() {}

// build returns how long it takes to compile the patterns, and a scanner for memory.
func (j *job) build() (time.Duration, error) {
	space, err := j.space()
	if err != nil {
		return 0, err
	}
	begin := time.Now()
	set, err := patterns.Compile(context.Background(), j.patterns, j.target)
	if err == nil {
		_, err = engine.Compile(context.Background(), space, set, engine.Options{Workers: 1})
	}
	return time.Since(begin), err
}

// threads shows how much of the machine n threads have at the time: its time is what
// [spin.Ratio] returns, in milliseconds.
type threads struct{ n int }

func (e *threads) prepare(*job) (string, error) { return "", nil }

func (e *threads) run() (time.Duration, uint64, error) {
	return time.Duration(spin.Ratio(e.n) * float64(time.Millisecond)), noHits, nil
}

func (*threads) close() {}

// bytesIndex calls bytes.Index in a loop.
type bytesIndex struct {
	j   *job
	lit []byte
}

func (e *bytesIndex) prepare(j *job) (string, error) {
	lit, ok := j.fixed()
	if !ok {
		return "not one literal", nil
	}
	e.j, e.lit = j, lit
	return "", nil
}

func (e *bytesIndex) run() (time.Duration, uint64, error) {
	begin := time.Now()
	n := uint64(0)
	for i := 0; ; i++ {
		k := bytes.Index(e.j.memory[i:], e.lit)
		if k < 0 {
			return time.Since(begin), n, nil
		}
		i += k
		n++
	}
}

func (*bytesIndex) close() {}

// ahoCorasick searches with github.com/BobuSumisu/aho-corasick.
type ahoCorasick struct {
	j    *job
	trie *ahocorasick.Trie
}

func (e *ahoCorasick) prepare(j *job) (string, error) {
	b := ahocorasick.NewTrieBuilder()
	for _, l := range j.literals {
		if l.mask != nil || l.expression() != "" {
			return "not literals all", nil
		}
		b.AddPattern(l.bytes)
	}
	e.j, e.trie = j, b.Build()
	return "", nil
}

func (e *ahoCorasick) run() (time.Duration, uint64, error) {
	begin := time.Now()
	n := uint64(0)
	e.trie.Walk(e.j.memory, func(_, _, _ int64) bool { n++; return true })
	return time.Since(begin), n, nil
}

func (*ahoCorasick) close() {}

// writeTemp writes b into a file in dir that is named after a benchmark, and returns its
// path.
func writeTemp(dir, name string, b []byte) (string, error) {
	path := dir + "/" + slug(name)
	return path, os.WriteFile(path, b, 0o600)
}
