package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A row is what one engine did.
type row struct {
	engine string
	times  []time.Duration
}

// median returns the middle time, in seconds.
func (r *row) median() float64 {
	t := slices.Sorted(slices.Values(r.times))
	return t[len(t)/2].Seconds()
}

// A report gathers results, and prints each when it comes.
type report struct {
	lines []string
	csv   []string
	peers map[string]string
}

func (t *report) peer(name, info string) {
	if t.peers == nil {
		t.peers = map[string]string{}
	}
	t.peers[name] = info
}

// add adds one benchmark: for each engine the rate, and its ratios to a plain read and to
// the best peer, all of medians.
func (t *report) add(d *definition, j *job, rows []row, built map[string]time.Duration) {
	t.line("")
	target := ""
	if d.Target != "" {
		target = "; to reach: " + d.Target
	}
	t.line("%s: %d MiB of %s, %d hits%s", d.Name, len(j.memory)>>20, d.Corpus, j.hits, target)
	if len(rows) == 0 || len(rows[0].times) == 0 {
		t.line("  %d engines agree", len(rows))
		return
	}
	var read, peer float64
	for i := range rows {
		s := rows[i].median()
		switch {
		case isCeiling(rows[i].engine):
			if read == 0 || s < read {
				read = s
			}
		case !strings.HasPrefix(rows[i].engine, "vscan") && !strings.HasPrefix(rows[i].engine, "spin") && (peer == 0 || s < peer):
			peer = s
		}
	}
	size := float64(len(j.memory))
	for i := range rows {
		r := &rows[i]
		s := r.median()
		if n, ok := strings.CutPrefix(r.engine, "spin:"); ok {
			t.line("  %-24s %s threads take %.2f × the time of one", "spin", n, s*1000)
			continue
		}
		line := fmt.Sprintf("  %-24s %7.2f GB/s", r.engine, size/s/1e9)
		if read > 0 {
			line += fmt.Sprintf("  %5.2f × read", read/s)
		}
		if peer > 0 && strings.HasPrefix(r.engine, "vscan") {
			line += fmt.Sprintf("  %6.2f × best peer", peer/s)
		}
		if j.hits > 1_000_000 && !isCeiling(r.engine) {
			line += fmt.Sprintf("  %6.1f Mhits/s", float64(j.hits)/s/1e6)
		}
		if b := built[r.engine]; b > 0 {
			line += fmt.Sprintf("  built in %.3f s", b.Seconds())
		}
		t.line("%s", line)
		t.csv = append(t.csv, fmt.Sprintf("%q,%s,%d,%d,%q,%d,%.6f,%.6f", d.Name, d.Corpus, len(j.memory), j.hits, r.engine, len(r.times), s, built[r.engine].Seconds()))
	}
}

// isCeiling reports whether an engine only reads.
func isCeiling(engine string) bool {
	return strings.HasPrefix(engine, "read") || engine == "dd" || engine == "cat"
}

func (t *report) line(format string, args ...any) {
	s := fmt.Sprintf(format, args...)
	fmt.Println(s)
	t.lines = append(t.lines, s)
}

// write writes the results into a folder, as they were printed and as csv.
func (t *report) write(folder string) error {
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return err
	}
	head := []string{machine(), "medians, engines in turn; GB/s is 10^9 bytes a second"}
	for _, name := range slices.Sorted(maps.Keys(t.peers)) {
		head = append(head, name+": "+t.peers[name])
	}
	base := filepath.Join(folder, time.Now().UTC().Format("2006-01-02"))
	text := strings.Join(append(head, t.lines...), "\n") + "\n"
	if err := os.WriteFile(base+".txt", []byte(text), 0o666); err != nil {
		return err
	}
	csv := "benchmark,corpus,bytes,hits,engine,rounds,seconds,built_seconds\n" + strings.Join(t.csv, "\n") + "\n"
	return os.WriteFile(base+".csv", []byte(csv), 0o666)
}
