// Command bench measures vscan beside the ceiling of the machine, a plain read
// of the same memory, and beside its peers, on the same bytes in the same run. It
// checks that all of them find as much. README.md in this folder says how figures
// are made.
package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"
)

func main() {
	var o options
	flag.BoolVar(&o.short, "short", false, "small corpora, one round, no peers: counts only")
	flag.IntVar(&o.rounds, "rounds", 7, "how often each engine runs at least, in turn with the others")
	only := flag.String("only", "", "benchmarks whose name matches this `REGEXP`")
	flag.StringVar(&o.record, "record", "", "write the results into this `FOLDER`")
	flag.Parse()
	re, err := regexp.Compile(*only)
	if err == nil {
		o.only = re
		err = o.run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type options struct {
	short  bool
	rounds int
	only   *regexp.Regexp
	record string
}

// run runs all benchmarks, corpus by corpus, so that only one corpus is in memory at a
// time.
func (o *options) run() error {
	s, err := load(definitions)
	if err != nil {
		return err
	}
	if scratch, err = os.MkdirTemp("", "vscan-bench"); err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	var table report
	var corpora []string
	for _, d := range s.Benchmarks {
		if !slices.Contains(corpora, d.Corpus) {
			corpora = append(corpora, d.Corpus)
		}
	}
	for _, name := range corpora {
		if err := o.runCorpus(s, name, &table); err != nil {
			return err
		}
	}
	if o.record != "" {
		return table.write(o.record)
	}
	return nil
}

func (o *options) runCorpus(s *suite, name string, table *report) error {
	var memory []byte
	path := filepath.Join(scratch, "memory-"+slug(name))
	defer os.Remove(path)
	for i := range s.Benchmarks {
		d := &s.Benchmarks[i]
		if d.Corpus != name || !o.only.MatchString(d.Name) {
			continue
		}
		if memory == nil {
			b, reason, err := s.Corpora[name].bytes(o.short)
			if err != nil {
				return fmt.Errorf("corpus %s: %w", name, err)
			}
			if reason != "" {
				fmt.Printf("%s: skipped: corpus %s: %s\n", d.Name, name, reason)
				continue
			}
			if memory, err = share(path, b); err != nil {
				return fmt.Errorf("corpus %s: %w", name, err)
			}
		}
		if err := o.runOne(d, memory, path, table); err != nil {
			return fmt.Errorf("%s: %w", d.Name, err)
		}
	}
	return nil
}

// Engines whose median is at most quick seconds run more often than they have to, since
// medians of few runs of some milliseconds differ: for up to mostRounds rounds, and until
// patience has passed since the last round that all engines run in.
const (
	quick      = 0.1
	mostRounds = 60
	patience   = 4 * time.Second
)

// ceilings has by mode what reads all bytes in the same way, and does nothing else.
var ceilings = map[string][]string{"": {"read"}, "file": {"read:mapped", "read:blocks"}, "command": {"dd"}, "folder": {"cat"}}

// writePieces writes a file, so many bytes at a time.
func writePieces(path string, b []byte, n int) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	for part := range slices.Chunk(b, n) {
		if _, err := f.Write(part); err != nil {
			return err
		}
	}
	return f.Close()
}

// writeParts makes a folder with a file for each part.
func writeParts(folder string, parts [][]byte) error {
	if err := os.Mkdir(folder, 0o700); err != nil {
		return err
	}
	for i, part := range parts {
		if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("%04d.raw", i)), part, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// runOne runs the engines of one benchmark in turn: A B C B C A … The file at path has
// the memory.
func (o *options) runOne(d *definition, memory []byte, path string, table *report) error {
	j, err := newJob(d, memory)
	if err != nil {
		return err
	}
	if d.Hits != nil && *d.Hits != j.hits && !o.short {
		return fmt.Errorf("a naive search finds %d, the definition says %d", j.hits, *d.Hits)
	}
	if j.path = path; o.short && d.Mode == "command" {
		return nil
	}
	if d.Pieces > 0 {
		j.path += "-in-pieces"
		defer os.Remove(j.path)
		if err := writePieces(j.path, memory, d.Pieces); err != nil {
			return err
		}
	}
	if d.Mode == "folder" {
		j.path += "-folder"
		defer os.RemoveAll(j.path)
		if err := writeParts(j.path, j.parts()); err != nil {
			return err
		}
	}
	names := slices.Concat(ceilings[d.Mode], d.Engines)
	var engines []contender
	var rows []row
	for _, name := range names {
		if o.short && (name == "vectorscan" || name == "hyperscan" || strings.HasPrefix(name, "spin")) {
			continue
		}
		e, err := newEngine(name)
		if err != nil {
			return err
		}
		defer e.close()
		reason, err := e.prepare(j)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if reason != "" {
			fmt.Printf("%s: %s left out: %s\n", d.Name, name, reason)
			continue
		}
		engines, rows = append(engines, e), append(rows, row{engine: name})
	}
	rounds := o.rounds
	if o.short {
		rounds = 0
	}
	var begin time.Time // when the last round began that all engines run in
	for round := 0; round <= rounds || !o.short && round <= mostRounds && time.Since(begin) < patience; round++ {
		if round <= rounds {
			begin = time.Now()
		}
		// The order is another one in each round, since it matters to an engine which one
		// came before it. The first round is not timed.
		for _, i := range rand.Perm(len(engines)) {
			if round > rounds && rows[i].median() > quick {
				continue
			}
			took, hits, err := engines[i].run()
			if err != nil {
				return fmt.Errorf("%s: %w", rows[i].engine, err)
			}
			if hits != noHits && hits != j.hits {
				return fmt.Errorf("%s finds %d, a naive search %d", rows[i].engine, hits, j.hits)
			}
			if round > 0 {
				rows[i].times = append(rows[i].times, took)
			}
		}
	}
	built := map[string]time.Duration{}
	if len(j.literals) >= 1000 && !o.short {
		if built["vscan"], err = j.build(); err != nil {
			return err
		}
		for i, e := range engines {
			if h, ok := e.(*hyperscan); ok {
				built[rows[i].engine] = h.built
			}
		}
	}
	for i, e := range engines {
		if h, ok := e.(*hyperscan); ok {
			table.peer(rows[i].engine, h.info)
		}
	}
	table.add(d, j, rows, built)
	return nil
}

// machine returns in a few words which machine the figures are of.
func machine() string {
	cpu := "unknown processor"
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(b)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				cpu = strings.TrimSpace(value)
				break
			}
		}
	}
	return fmt.Sprintf("%s, %d processors, %s/%s, %s", cpu, runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version())
}
