//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"vscan/internal/testenv"
)

// interruptCase is a command that goes on for long, or for ever, until it is interrupted.
type interruptCase struct {
	args    []string
	blocked bool   // standard output is a pipe that nobody reads
	silent  bool   // standard error is, too
	stdin   string // what standard input begins with; it never ends
	told    string // what is told, unless silent
}

// Whatever the program is doing, it ends when it is asked to. The guard of a minute is
// against hangs; how long it took is logged.
func TestInterrupts(t *testing.T) {
	if testing.Short() {
		t.Skip("runs programs that do much")
	}
	in := makeInterruptFiles(t)
	cases := interruptCases()
	signals := []syscall.Signal{syscall.SIGINT, syscall.SIGTERM}
	names := slices.Sorted(maps.Keys(cases))
	for _, name := range testenv.Some(t, len(names)/3, names) {
		c := cases[name]
		t.Run(name, func(t *testing.T) {
			t.Parallel() // most of the time is waiting
			// Both signals for each case take a minute.
			for _, s := range testenv.Some(t, 1, signals) {
				t.Run(s.String(), func(t *testing.T) {
					t.Parallel()
					c.run(t, in, s)
				})
			}
		})
	}
}

// run runs the command, waits until it is well under way, and interrupts it.
func (c *interruptCase) run(t *testing.T, dir string, s syscall.Signal) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "vscan", c.args...)
	cmd.Dir = dir
	pipe := func() (r, w *os.File) {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { r.Close(); w.Close() })
		return r, w
	}
	fromUs, toIt := pipe()
	if _, err := toIt.WriteString(c.stdin); err != nil {
		t.Fatal(err)
	}
	cmd.Stdin = fromUs
	var told bytes.Buffer
	if cmd.Stderr = &told; c.silent {
		_, cmd.Stderr = pipe()
	}
	if c.blocked {
		_, cmd.Stdout = pipe()
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(c.head())
	waitUntilStarted(cmd.Process.Pid)
	began := time.Now()
	if err := cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
	err := cmd.Wait()
	t.Logf("%v: ended after %v", c.args, time.Since(began).Round(time.Millisecond))
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 130 {
		t.Errorf("%v, want exit code 130\n%s", err, told.String())
	}
	if !c.silent && !strings.Contains(told.String(), c.told) {
		t.Errorf("told %q, want %q", told.String(), c.told)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".*.tmp")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

// head is how long the command runs before it is interrupted: where it waits for its reader
// or its writer, or tests run at full length, a second, and less where it takes all processors.
func (c *interruptCase) head() time.Duration {
	if c.blocked || c.stdin != "" || testenv.Long() {
		return time.Second
	}
	return time.Second / 2
}

// waitUntilStarted waits until a program has run for longer than it takes to start, or waits
// for something, where the system tells it as Linux does. On a busy machine that may take long.
func waitUntilStarted(pid int) {
	const (
		started = 20 // hundredths of a second of processor time
		idle    = 25 // looks in a row at which it has used no more
	)
	before, same := -1, 0
	for range 1500 {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		_, after, found := strings.Cut(string(stat), ") ") // behind the name
		fields := strings.Fields(after)
		if err != nil || !found || len(fields) < 13 {
			return
		}
		user, _ := strconv.Atoi(fields[11])
		system, _ := strconv.Atoi(fields[12])
		if same++; user+system != before {
			before, same = user+system, 0
		}
		if before >= started || same >= idle {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// makeInterruptFiles makes what the commands read, and returns the folder.
func makeInterruptFiles(t *testing.T) string {
	dir := t.TempDir()
	write := func(name string, n int, line func(i int) string) {
		var b bytes.Buffer
		for i := range n {
			b.WriteString(line(i))
		}
		if err := os.WriteFile(filepath.Join(dir, name), b.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	write("image.raw", 1<<16, func(i int) string { return fmt.Sprintf("image %d\n", i) })
	write("words", 1<<20, func(i int) string { return fmt.Sprintf("%x%x\n", i*2654435761, i) })
	write("few words", 5000, func(i int) string { return fmt.Sprintf("word %d\n", i) })
	write("expressions", 1<<20, func(i int) string { return fmt.Sprintf("re:x%d(a{1,9}b{1,9}){1,9}\n", i) })
	write("rules.yar", 1<<19, func(i int) string {
		return fmt.Sprintf("rule r%d { strings: $a = \"text %d\" $b = /x%d([a-z]{1,9}y){1,9}/ condition: $a or #b > 2 }\n", i, i, i)
	})
	write("xor.yar", 1<<18, func(i int) string {
		return fmt.Sprintf("rule r%d { strings: $a = \"secret %d\" xor(0-255) wide ascii condition: $a }\n", i, i)
	})
	write("plain.yar", 5000, func(i int) string { return fmt.Sprintf("rule r%d { condition: true }\n", i) })
	write("loops.yar", 100, func(i int) string {
		return fmt.Sprintf("rule r%d { condition: for all i in (0..100000) : (for all j in (0..100000) : (i + j >= 0)) }\n", i)
	})
	write("places.yar", 100, func(i int) string {
		return fmt.Sprintf("rule r%d { strings: $a = /[a-z]/ condition: for all i in (1..#a) : (for all j in (1..#a) : (@a[i] + @a[j] >= 0)) }\n", i)
	})
	write("matches.yar", 20, func(i int) string {
		return fmt.Sprintf("rule r%d { condition: \"%s\" matches /((a?){1,10}b?){1,10}c/ }\n", i, strings.Repeat("a", 1<<20))
	})
	// A word in two is a pointer, so that pages of references are of many sizes.
	var words []byte
	for i := range uint64(1 << 16) {
		words = binary.LittleEndian.AppendUint64(words, 0x10000+i*i%(1<<19)*(i&1))
	}
	if err := os.WriteFile(filepath.Join(dir, "pointers"), words, 0o666); err != nil {
		t.Fatal(err)
	}
	vscan(t, []int{0}, "graph", "build", filepath.Join(dir, "pointers")+"@0x10000", "--word", "8", "--endian", "little", "--image-format", "raw", "-o", filepath.Join(dir, "graph"))
	return dir
}

const asRaw = "--image-format=raw"

// interruptCases returns the commands, by what they are doing when they are interrupted.
func interruptCases() map[string]interruptCase {
	const (
		stopped = "not complete: interrupted"
		lost    = "not complete: interrupted, and not all of the output could be written"
	)
	return map[string]interruptCase{
		"hits/blocked":       {args: []string{"find", asRaw, "re:.", "image.raw"}, blocked: true, told: lost},
		"hits/jsonl":         {args: []string{"find", asRaw, "-o", "jsonl", "re:.", "image.raw"}, blocked: true, told: lost},
		"hits/notes blocked": {args: []string{"find", asRaw, "re:.", "image.raw"}, blocked: true, silent: true},
		"strings/blocked":    {args: []string{"strings", asRaw, "-n", "1", "image.raw"}, blocked: true, told: lost},
		"words/compile":      {args: []string{"find", "-F", "words", "-F", "words", "--explain"}},
		"words/search":       {args: []string{"find", asRaw, "-F", "words", "-c", "image.raw"}, told: "interrupted"},
		"words/in any case":  {args: []string{"find", asRaw, "-F", "words", "-i", "-c", "image.raw"}, told: "interrupted"},
		"expressions":        {args: []string{"find", asRaw, "-f", "expressions", "-c", "image.raw"}, told: "interrupted"},
		"rules":              {args: []string{"find", asRaw, "-f", "rules.yar", "-c", "image.raw"}, told: "interrupted"},
		"rules/check":        {args: []string{"rules", "check", "rules.yar"}, told: stopped},
		"rules/keys":         {args: []string{"find", asRaw, "-f", "xor.yar", "-c", "image.raw"}, told: "interrupted"},
		"rules/explain keys": {args: []string{"find", "-f", "xor.yar", "--explain"}, told: stopped},
		"rules/loops":        {args: []string{"find", asRaw, "-f", "loops.yar", "image.raw"}, told: "interrupted"},
		"rules/places":       {args: []string{"find", asRaw, "-f", "places.yar", "image.raw"}, told: "interrupted"},
		"rules/matches":      {args: []string{"find", asRaw, "-f", "matches.yar", "image.raw"}, told: "interrupted"},
		"input/patterns":     {args: []string{"find", asRaw, "-f", "-", "image.raw"}, stdin: "text:begun\n", told: stopped},
		"input/words":        {args: []string{"find", asRaw, "-F", "-", "image.raw"}, stdin: "begun\n", told: stopped},
		"input/descriptor":   {args: []string{"find", asRaw, "-F", "/dev/stdin", "image.raw"}, stdin: "begun\n", told: stopped},
		"input/rules":        {args: []string{"rules", "check", "/dev/fd/0"}, stdin: "rule a { condition: true }\n", told: stopped},
		"input/hits":         {args: []string{"find", asRaw, "x", "image.raw", "--at", "-"}, told: stopped},
		"explain/blocked":    {args: []string{"find", "-F", "few words", "--explain"}, blocked: true, told: lost},
		"graph/csv":          {args: []string{"graph", "export", "graph", "--to", "csv"}, blocked: true, told: lost},
		"graph/parquet":      {args: []string{"graph", "export", "graph", "--to", "parquet"}, blocked: true, told: lost},
		"graph/to":           {args: []string{"graph", "to", "graph", "0x10000..0x8ffff"}, blocked: true, told: lost},
		"rules/blocked":      {args: []string{"rules", "check", "-o", "jsonl", "plain.yar"}, blocked: true, told: lost},
		"read/blocked":       {args: []string{"read", asRaw, "image.raw", "0", "512K"}, blocked: true, told: lost},
	}
}
