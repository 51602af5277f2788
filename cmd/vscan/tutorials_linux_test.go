package main

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"vscan/internal/testenv"
)

// The tutorials in docs are sessions, which this test holds word by word. Each has a shell and
// a folder of its own. A block whose first line is "```LANGUAGE NAME" is a file of that name.
// In a block "```console", a line that begins with "$ " is a command, and what follows, up to
// the next command, is its output, standard error included. A command has to succeed; where
// its exit code matters, the tutorial prints it.
//
// The output has to be that of the tutorial, line by line, except for what differs from machine
// to machine (see differs). "…" stands for any text in a line; on a line of its own it stands
// for any number of lines, also none. An address of the tutorial is a name for the address that
// stands in its place in this session, in the output and in the commands that follow.
func TestTutorials(t *testing.T) {
	t.Parallel()
	tools := map[string][]string{
		"analyst.md": {"python3", "gdb", "gcore", "gzip"},
		"core.md":    {"gcc", "gdb", "nm"},
		"process.md": {"gcc"},
	}
	for _, name := range testenv.Some(t, 1, slices.Sorted(maps.Keys(tools))) {
		t.Run(name, func(t *testing.T) {
			skipWithout(t, append(tools[name], "bash")...)
			skipWithoutPtrace(t)
			text, err := os.ReadFile(filepath.Join("../../docs", name))
			if err != nil {
				t.Fatal(err)
			}
			s := newSession(t)
			for _, step := range readSession(t, string(text)) {
				if t.Failed() {
					return // the next steps depend on this one
				}
				s.play(t, step)
			}
		})
	}
}

// skipWithoutPtrace skips a test where a process may not read the memory of another
// process of the same user.
func skipWithoutPtrace(t *testing.T) {
	t.Helper()
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Skip(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	if scope, err := os.ReadFile("/proc/sys/kernel/yama/ptrace_scope"); err == nil && strings.TrimSpace(string(scope)) != "0" && os.Getuid() != 0 {
		t.Skip("processes may only read their children here (yama)")
	}
	f, err := os.Open(fmt.Sprintf("/proc/%d/mem", cmd.Process.Pid))
	if err != nil {
		t.Skipf("the memory of other processes cannot be read here: %v", err)
	}
	f.Close()
}

// sessionStep is a file that a tutorial has, or a command with its output.
type sessionStep struct {
	line    int      // where it stands in the document
	file    string   // the name of the file; "": the step is a command
	content []string // the lines of the file
	command string
	output  []string
}

// readSession reads the blocks of a tutorial.
func readSession(t *testing.T, text string) []sessionStep {
	t.Helper()
	var steps []sessionStep
	file, console := false, false
	for i, line := range strings.Split(text, "\n") {
		language, name, named := strings.Cut(strings.TrimPrefix(line, "```"), " ")
		switch {
		case line == "```":
			file, console = false, false
		case strings.HasPrefix(line, "```"):
			file, console = named, language == "console"
			if file {
				steps = append(steps, sessionStep{line: i + 1, file: name})
			} else if !console {
				t.Fatalf("line %d: a block %q is neither a session nor a file", i+1, line)
			}
		case file:
			last := &steps[len(steps)-1]
			last.content = append(last.content, line)
		case console && strings.HasPrefix(line, "$ "):
			steps = append(steps, sessionStep{line: i + 1, command: line[2:]})
		case console:
			last := &steps[len(steps)-1]
			last.output = append(last.output, line)
		}
	}
	if len(steps) < 10 {
		t.Fatalf("only %d steps", len(steps))
	}
	return steps
}

// session is a shell that gets commands, one after another.
type session struct {
	dir   string
	stdin io.Writer
	lines <-chan string
	// addresses has, for each number of the tutorial that begins with 0x, the number that
	// stood in its place in this session. Commands are given the latter.
	addresses map[string]string
}

// tutorialHome is the folder that the tutorials show.
const tutorialHome = "/home/ada"

func newSession(t *testing.T) *session {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	sh := exec.Command("bash", "--norc")
	sh.Dir = dir
	sh.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	sh.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	in, err := sh.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := sh.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	sh.Stderr = sh.Stdout
	if err := sh.Start(); err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() {
		syscall.Kill(-sh.Process.Pid, syscall.SIGKILL) // ends what was started in the background, too
		sh.Wait()
	})
	lines := make(chan string)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			lines <- s.Text()
		}
	}()
	return &session{dir: dir, stdin: in, lines: lines, addresses: map[string]string{}}
}

// play makes the file of a step, or gives its command to the shell and compares the
// output.
func (s *session) play(t *testing.T, step sessionStep) {
	t.Helper()
	if step.file != "" {
		if err := os.WriteFile(filepath.Join(s.dir, step.file), []byte(strings.Join(step.content, "\n")+"\n"), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	command := addressToken.ReplaceAllStringFunc(step.command, func(number string) string {
		if here, ok := s.addresses[unpadded(number)]; ok {
			return here
		}
		return number
	})
	output, code := s.run(t, command)
	if code != "0" {
		t.Errorf("line %d: $ %s\nexit code %s\n%s", step.line, command, code, strings.Join(output, "\n"))
		return
	}
	if err := s.check(step.output, output); err != nil {
		t.Errorf("line %d: $ %s\n%v\nthe output is\n%s", step.line, command, err, strings.Join(output, "\n"))
	}
}

// run gives a command to the shell and returns its output and its exit code.
func (s *session) run(t *testing.T, command string) (output []string, code string) {
	t.Helper()
	const end = "end of the command: "
	fmt.Fprintf(s.stdin, "%s\necho '%s'$?\n", command, end)
	tooLong := time.After(2 * time.Minute) // guards against a command that hangs
	for {
		select {
		case line, ok := <-s.lines:
			if !ok {
				t.Fatalf("$ %s\nthe shell has ended", command)
			}
			before, code, last := strings.Cut(line, end)
			if before != "" || !last {
				output = append(output, strings.ReplaceAll(before, s.dir, tutorialHome))
			}
			if last {
				return output, code
			}
		case <-tooLong:
			t.Fatalf("$ %s\ndoes not end", command)
		}
	}
}

// check compares an output with that of the tutorial. The lines that vscan writes to
// standard error are compared by themselves, since others may come later, through a
// pipe to grep or tail.
func (s *session) check(want, got []string) error {
	wantNotes, wantLines := parted(want)
	gotNotes, gotLines := parted(got)
	if err := s.match(wantLines, gotLines); err != nil {
		return err
	}
	return s.match(wantNotes, gotNotes)
}

// parted takes the lines that vscan writes to standard error apart from the others. A
// "…" that stands for lines counts for both.
func parted(lines []string) (notes, rest []string) {
	for _, line := range lines {
		switch {
		case line == "…":
			notes, rest = append(notes, line), append(rest, line)
		case strings.HasPrefix(line, "vscan: "):
			notes = append(notes, line)
		default:
			rest = append(rest, line)
		}
	}
	return notes, rest
}

// match compares lines, and notes which addresses stand in the place of those of the
// tutorial.
func (s *session) match(want, got []string) error {
	skips := false
	for _, line := range want {
		if line == "…" {
			skips = true
			continue
		}
		for {
			if len(got) == 0 {
				return fmt.Errorf("there is no line\n%s", line)
			}
			ok := s.matchLine(line, got[0])
			if !ok && !skips {
				return fmt.Errorf("there should be\n%s\nin the place of\n%s", line, got[0])
			}
			got = got[1:]
			if ok {
				break
			}
		}
		skips = false
	}
	if len(got) > 0 && !skips {
		return fmt.Errorf("there should not be\n%s", got[0])
	}
	return nil
}

// matchLine reports whether a line is that of the tutorial, except for the addresses,
// which it notes. An address of the tutorial stands for the same address everywhere.
func (s *session) matchLine(want, got string) bool {
	values := linePattern(want).FindStringSubmatch(got)
	if values == nil {
		return false
	}
	numbers := addressToken.FindAllString(want, -1)
	found := map[string]string{}
	for i, number := range numbers {
		number, here := unpadded(number), unpadded(values[1+i])
		if known, ok := s.addresses[number]; ok && known != here {
			return false
		}
		if other, ok := found[number]; ok && other != here {
			return false
		}
		found[number] = here
	}
	for number, here := range found {
		s.addresses[number] = here
	}
	return true
}

// unpadded returns an address without the zeros in front of its digits, which hexdumps
// have.
func unpadded(number string) string {
	return "0x" + strings.TrimLeft(number[2:len(number)-1], "0") + number[len(number)-1:]
}

// addressToken matches an address.
var addressToken = regexp.MustCompile(`0x[0-9a-f]+`)

// differs has what may differ in a line of a tutorial: an expression for it, and an
// expression for what may stand in its place.
var differs = []struct{ is, may string }{
	{`0x[0-9a-f]+`, `(0x[0-9a-f]+)`},
	{`\b[0-9a-f]{16,40}\b`, `[0-9a-f]+`}, // a build-id, an address of nm
	{`\b[0-9]+\.[0-9]+ (?:[KMG]iB|s|%)`, `[0-9.]+ (?:bytes|[KMG]iB|s|%)`},
	{`\b[0-9]+ (?:load segments|notes|ranges of [0-9]+ mappings|files of the core|edges)`, `[0-9]+ [a-z 0-9]+`},
	{`\b[0-9]{5,}\b`, `[0-9]+`},  // a size, the number of a process, a pointer as a number
	{`\bload\[[0-9]+\]`, `\S+?`}, // a mapping that the core has no name for
	{`[ \t]+`, `\s+`},
	{`…`, `.*`},
}

var differing = func() *regexp.Regexp {
	var all []string
	for _, d := range differs {
		all = append(all, "("+d.is+")")
	}
	return regexp.MustCompile(strings.Join(all, "|"))
}()

// linePattern returns an expression for a line of a tutorial, which has a group for
// each address.
func linePattern(line string) *regexp.Regexp {
	line = strings.TrimSpace(line)
	var b strings.Builder
	at := 0
	for _, m := range differing.FindAllStringSubmatchIndex(line, -1) {
		b.WriteString(regexp.QuoteMeta(line[at:m[0]]))
		at = m[1]
		for i, d := range differs {
			if m[2+2*i] >= 0 {
				b.WriteString(d.may)
			}
		}
	}
	b.WriteString(regexp.QuoteMeta(line[at:]))
	return regexp.MustCompile(`^\s*` + b.String() + `\s*$`)
}

// A line of a tutorial stands for the lines that linePattern says, and for no others.
func TestTutorialLines(t *testing.T) {
	for _, c := range []struct {
		want, got string
		ok        bool
	}{
		{"0x10  text  [heap]+0x4  text", "0x55aa\ttext\t[heap]+0x40\ttext", true},
		{"0x10 0x10", "0x55 0x55", true},
		{"0x10 0x10", "0x55 0x66", false},
		{"0x10 ends at 0x20", "0x55 ends at 0x66", true},
		{"3 hits in 12.5 MiB", "3 hits in 700.0 KiB", true},
		{"3 hits in 12.5 MiB", "4 hits in 12.5 MiB", false},
		{"pid:29519 has 1337", "pid:7 has 1337", true},
		{"pid:29519 has 1337", "pid:29519 has 1338", false},
		{"a … z", "a b c z", true},
		{"a … z", "a b c", false},
		{"0x0010 0x10", "0x0055 0x55", true},
		{"0x0010 0x10", "0x0055 0x56", false},
		{"load[5]+0x10", "libz.so+0x20", true},
		{"no more", "no more of it", false},
	} {
		s := &session{addresses: map[string]string{}}
		if ok := s.matchLine(c.want, c.got); ok != c.ok {
			t.Errorf("%q for %q: %v", c.got, c.want, ok)
		}
	}
}
