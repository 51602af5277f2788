package main

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// scratch is the folder with the files that peers are given.
var scratch string

// hyperscan runs peers/hs/hs.c, which peers/setup.sh has built against Vectorscan or
// Hyperscan. That program maps the file of the job's memory, and scans when told to.
type hyperscan struct {
	name  string
	cmd   *exec.Cmd
	in    io.WriteCloser
	out   *bufio.Reader
	built time.Duration
	info  string
}

func (e *hyperscan) prepare(j *job) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return err.Error(), nil
	}
	program := filepath.Join(cache, "vscan-bench", "hs-"+e.name)
	if _, err := os.Stat(program); err != nil {
		return "not here: run bench/peers/setup.sh", nil
	}
	var lits bytes.Buffer
	for _, l := range j.literals {
		if (l.expression() == "") != (j.literals[0].expression() == "") {
			return "literals and expressions are not counted in the same way", nil
		}
		switch e := l.expression(); {
		case e != "":
			fmt.Fprintf(&lits, "%x r\n", e)
		case l.nocase():
			fmt.Fprintf(&lits, "%x i\n", l.bytes)
		case l.mask != nil:
			return "it has no masks", nil
		default:
			fmt.Fprintf(&lits, "%x\n", l.bytes)
		}
	}
	file, err := writeTemp(scratch, "literals", lits.Bytes())
	if err != nil {
		return "", err
	}
	e.cmd = exec.Command(program, file, j.path)
	e.cmd.Stderr = os.Stderr
	if e.in, err = e.cmd.StdinPipe(); err != nil {
		return "", err
	}
	out, err := e.cmd.StdoutPipe()
	if err != nil {
		return "", err
	}
	e.out = bufio.NewReader(out)
	if err := e.cmd.Start(); err != nil {
		return "", err
	}
	line, err := e.out.ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("%s: %w", e.name, err)
	}
	fields := strings.SplitN(strings.TrimSpace(line), " ", 3)
	seconds, err := strconv.ParseFloat(fields[1], 64)
	e.built, e.info = time.Duration(seconds*1e9), fields[2]
	return "", err
}

func (e *hyperscan) run() (took time.Duration, hits uint64, err error) {
	if _, err := io.WriteString(e.in, "\n"); err != nil {
		return 0, 0, err
	}
	var seconds float64
	_, err = fmt.Fscanf(e.out, "%g %d\n", &seconds, &hits)
	return time.Duration(seconds * 1e9), hits, err
}

func (e *hyperscan) close() {
	if e.cmd != nil && e.cmd.Process != nil {
		e.in.Close()
		e.cmd.Wait()
	}
}

// command runs a whole process that searches a file or a folder, vscan, ripgrep or YARA, or dd
// or cat, which read it and do nothing.
type command struct {
	name    string
	workers string   // how many the process has
	more    []string // arguments that say how the file is read
	args    []string
	remove  string // a folder that is removed before the command is run, or ""
	hits    func(out []byte) (uint64, error)
}

// vscanProgram is the path of the vscan command, once it is built.
var vscanProgram string

// vscanFor returns the path of the vscan command, which it builds when first called, and that
// of a file with the patterns of a job.
func vscanFor(j *job) (program, file string, err error) {
	if vscanProgram == "" {
		path := filepath.Join(scratch, "vscan")
		build := exec.Command("go", "build", "-o", path, "vscan/cmd/vscan")
		build.Env = append(os.Environ(), "CGO_ENABLED=0") // as it is released, without libc
		if out, err := build.CombinedOutput(); err != nil {
			return "", "", fmt.Errorf("%w: %s", err, out)
		}
		vscanProgram = path
	}
	var lines bytes.Buffer
	for i, p := range j.patterns {
		fmt.Fprintf(&lines, "p%d=%s\n", i, p.Written)
	}
	if j.rules != nil {
		file, err = writeTemp(scratch, "patterns.yar", j.rules)
		return vscanProgram, file, err
	}
	file, err = writeTemp(scratch, "patterns", lines.Bytes())
	return vscanProgram, file, err
}

// sumOfLines returns the sum of the numbers that lines begin with.
func sumOfLines(out []byte) (uint64, error) {
	sum := uint64(0)
	for line := range strings.Lines(string(out)) {
		n, err := strconv.ParseUint(strings.Fields(line)[0], 10, 64)
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

// summedUp returns the number of hits in the summary of a sweep.
func summedUp(results string) (uint64, error) {
	text, err := os.ReadFile(filepath.Join(results, "summary.json"))
	if err != nil {
		return 0, err
	}
	var s struct{ Hits uint64 }
	return s.Hits, json.Unmarshal(text, &s)
}

func (e *command) prepare(j *job) (string, error) {
	switch e.name {
	case "vscan command", "vscan sweep", "find loop":
		vscan, file, err := vscanFor(j)
		if err != nil {
			return "", err
		}
		e.hits = sumOfLines
		switch e.name {
		case "vscan command":
			e.args = slices.Concat([]string{vscan, "find", "-c", "-j", e.workers, "--image-format", "raw", "-f", file, j.path}, e.more)
		case "vscan sweep":
			e.remove = filepath.Join(scratch, "swept")
			e.args = []string{vscan, "sweep", "--results", e.remove, "--progress", "never", "-j", e.workers, "--image-format", "raw", "-f", file, j.path}
			e.hits = func([]byte) (uint64, error) { return summedUp(e.remove) }
		case "find loop":
			const loop = `for image in "$4"/*; do "$1" find -c -j "$2" --image-format raw -f "$3" "$image" || [ $? = 1 ] || exit; done`
			e.args = []string{"sh", "-c", loop, "sh", vscan, e.workers, file, j.path}
		}
	case "rg", "rg folder":
		what := []string{"-F"}
		if lit, ok := j.fixed(); ok {
			what = append(what, string(lit))
		} else if e, ok := strings.CutPrefix(j.patterns[0].Written, "re:"); ok && len(j.patterns) == 1 {
			what = []string{"--no-unicode", "-e", e}
		} else {
			return "not one literal or expression", nil
		}
		e.args = slices.Concat([]string{"rg", "-a", "-j", cmp.Or(e.workers, "1"), "--count-matches", "--no-filename"}, what, []string{j.path}, e.more)
		e.hits = sumOfLines
	case "cat":
		e.args = []string{"sh", "-c", `cat "$1"/* > /dev/null`, "sh", j.path}
		e.hits = func([]byte) (uint64, error) { return noHits, nil }
	case "dd":
		e.args = []string{"dd", "bs=256K", "of=/dev/null", "status=none", "if=" + j.path}
		e.hits = func([]byte) (uint64, error) { return noHits, nil }
	case "yara", "yara folder":
		rules := j.rules
		if rules == nil {
			rules = yaraRule("r", j.literals)
		}
		file, err := writeTemp(scratch, "rules.yar", rules)
		if err != nil {
			return "", err
		}
		// With -s it prints a line for each match, and one for the rule.
		e.args = []string{"yara", "-p", cmp.Or(e.workers, "1"), "-s", file, j.path}
		if e.name == "yara folder" {
			e.args = slices.Insert(e.args, 1, "-r")
		}
		e.hits = func(out []byte) (uint64, error) { return uint64(bytes.Count(out, []byte("\n0x"))), nil }
	}
	if _, err := exec.LookPath(e.args[0]); err != nil {
		return "not here: run bench/peers/setup.sh", nil
	}
	return "", nil
}

func (e *command) run() (time.Duration, uint64, error) {
	if e.remove != "" {
		if err := os.RemoveAll(e.remove); err != nil {
			return 0, 0, err
		}
	}
	cmd := exec.Command(e.args[0], e.args[1:]...)
	var said bytes.Buffer
	cmd.Stderr = &said
	begin := time.Now()
	out, err := cmd.Output()
	took := time.Since(begin)
	if exit, ok := err.(*exec.ExitError); ok && exit.ExitCode() == 1 {
		err = nil // nothing found
	}
	if err != nil {
		return 0, 0, fmt.Errorf("%s: %w: %s", e.name, err, said.Bytes())
	}
	hits, err := e.hits(out)
	return took, hits, err
}

func (*command) close() {}
