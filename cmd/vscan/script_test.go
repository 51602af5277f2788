package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rogpeppe/go-internal/testscript"

	"vscan/cmd/vscan/internal/companion"
	"vscan/engine/image/imagetest"
	"vscan/engine/simd"
	"vscan/internal/testenv"
	"vscan/internal/wording"
)

// TestMain builds the programs as users do (but for what realParquet says), and puts them where
// commands are looked for first. The program of the tests could be run in their place, but it has
// all that the tests need besides, and takes twice as long to start, some thousand times.
func TestMain(m *testing.M) {
	os.Exit(withPrograms(m.Run))
}

// withPrograms runs the tests while the programs can be found, and returns their exit code.
func withPrograms(run func() int) int {
	if slices.ContainsFunc(os.Args, func(arg string) bool { return strings.HasPrefix(arg, "-test.fuzzworker") }) {
		return run() // one of many, and runs no program
	}
	os.Setenv("GORACE", "atexit_sleep_ms=0 "+os.Getenv("GORACE")) // otherwise the race detector makes every command take a second
	dir, err := os.MkdirTemp("", "vscan-programs-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	flag.Parse() // which tells how long the tests take
	if err := buildPrograms(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	os.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	return run()
}

// buildPrograms builds vscan and its companion in a folder.
func buildPrograms(dir string) error {
	const standsIn = "./testdata/" + companion.Parquet
	if !realParquet() {
		standIn = dir
		return testenv.Build(".", dir, ".", standsIn)
	}
	standIn = filepath.Join(dir, "standin")
	return errors.Join(testenv.Build(".", dir, "."), testenv.Build("../"+companion.Parquet, dir, "."), testenv.Build(".", standIn, standsIn))
}

// program returns the path of vscan.
func program(t testing.TB) string {
	t.Helper()
	path, err := exec.LookPath("vscan")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// The scripts lay down how the command line behaves, one topic each. Besides the commands of
// testscript they have those of scriptCommands. A part of them runs, drawn at random: they
// start the program a thousand times. All run at full length.
func TestScripts(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	testscript.Run(t, testscript.Params{
		Files: testenv.Some(t, len(files)/4, files),
		Cmds:  scriptCommands,
		Setup: func(e *testscript.Env) error {
			e.Setenv(simd.EnvVar, os.Getenv(simd.EnvVar)) // so that the scripts run at each level
			e.Setenv("GORACE", os.Getenv("GORACE"))
			e.Setenv("newline", "\n") // a script has no other way to write it
			e.Setenv("escape", "\x1b")
			e.Setenv("invalid", "\xff")
			return nil
		},
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
	})
}

// scriptCommands are the commands that scripts have besides those of testscript.
var scriptCommands = map[string]func(ts *testscript.TestScript, neg bool, args []string){
	// bytes FILE PART... makes a file; see parts.
	"bytes": func(ts *testscript.TestScript, neg bool, args []string) {
		wantArgs(ts, neg, len(args) >= 1, "bytes FILE PART...")
		b, err := parts(args[1:])
		ts.Check(err)
		ts.Check(os.WriteFile(ts.MkAbs(args[0]), b, 0o666))
	},

	// elfcore FILE SPEC makes an ELF core; see makeCore.
	"elfcore": func(ts *testscript.TestScript, neg bool, args []string) {
		wantArgs(ts, neg, len(args) == 2, "elfcore FILE SPEC")
		b, err := makeCore(ts.ReadFile(args[1]))
		ts.Check(err)
		ts.Check(os.WriteFile(ts.MkAbs(args[0]), b, 0o666))
	},

	// kdump FILE FIRST END makes the part of a split kdump that has the pages from FIRST on, below
	// END, of pages 1 to 9. Each begins with the text PAGE.
	"kdump": func(ts *testscript.TestScript, neg bool, args []string) {
		wantArgs(ts, neg, len(args) == 3, "kdump FILE FIRST END")
		first, err := strconv.ParseUint(args[1], 0, 64)
		ts.Check(err)
		end, err := strconv.ParseUint(args[2], 0, 64)
		ts.Check(err)
		k := imagetest.Kdump{Version: 6, Machine: "x86_64", How: "zstd", Split: [2]uint64{first, end}, Pages: map[uint64]string{}}
		for p := uint64(1); p < 10; p++ {
			k.Pages[p] = imagetest.Padded("PAGE", 4096)
		}
		ts.Check(os.MkdirAll(filepath.Dir(ts.MkAbs(args[0])), 0o777))
		ts.Check(os.WriteFile(ts.MkAbs(args[0]), k.Build(), 0o666))
	},

	// gzip FILE OUT compresses a file.
	"gzip": func(ts *testscript.TestScript, neg bool, args []string) {
		wantArgs(ts, neg, len(args) == 2, "gzip FILE OUT")
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		z.Write([]byte(ts.ReadFile(args[0])))
		ts.Check(z.Close())
		ts.Check(os.WriteFile(ts.MkAbs(args[1]), b.Bytes(), 0o666))
	},

	// truncate FILE SIZE cuts a file to so many bytes, or makes a sparse one; -N cuts
	// off N bytes.
	"truncate": func(ts *testscript.TestScript, neg bool, args []string) {
		wantArgs(ts, neg, len(args) == 2, "truncate FILE SIZE")
		name := ts.MkAbs(args[0])
		size, err := strconv.ParseInt(args[1], 0, 64)
		ts.Check(err)
		if size < 0 {
			info, err := os.Stat(name)
			ts.Check(err)
			size += info.Size()
		}
		f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o666)
		ts.Check(err)
		ts.Check(f.Truncate(size))
		ts.Check(f.Close())
	},

	// exits CODE COMMAND ARG... runs a command that has to end with this exit code.
	"exits": func(ts *testscript.TestScript, neg bool, args []string) {
		wantArgs(ts, neg, len(args) >= 2, "exits CODE COMMAND ARG...")
		checkExit(ts, args[0], ts.Exec(args[1], args[2:]...))
	},

	// oneline checks that standard error is one line, and that all of it prints.
	"oneline": func(ts *testscript.TestScript, neg bool, args []string) {
		wantArgs(ts, neg, len(args) == 0, "oneline")
		text := ts.ReadFile("stderr")
		line, ok := strings.CutSuffix(text, "\n")
		if !ok || line == "" || wording.Printable(line) != line {
			ts.Fatalf("not one line that prints: %q", text)
		}
	},

	// jsonl FILE checks that every line is an object with the fields of its type, in
	// their order.
	"jsonl": func(ts *testscript.TestScript, neg bool, args []string) {
		wantArgs(ts, neg, len(args) == 1, "jsonl FILE")
		for line := range strings.Lines(ts.ReadFile(args[0])) {
			if err := checkJSON(line); err != nil {
				ts.Fatalf("%q: %v", line, err)
			}
		}
	},

	// firstline CODE COMMAND ARG... reads one line of what a command writes, and then
	// closes the pipe.
	"firstline": func(ts *testscript.TestScript, neg bool, args []string) {
		wantArgs(ts, neg, len(args) >= 2, "firstline CODE COMMAND ARG...")
		checkExit(ts, args[0], readOneLine(ts, args[1:], func(_ *os.Process, r io.Closer) error { return r.Close() }))
	},

	// closed CODE COMMAND ARG... runs a command whose output nobody reads.
	"closed": func(ts *testscript.TestScript, neg bool, args []string) {
		wantArgs(ts, neg, len(args) >= 2, "closed CODE COMMAND ARG...")
		path, err := exec.LookPath(args[1])
		ts.Check(err)
		r, w, err := os.Pipe()
		ts.Check(err)
		ts.Check(r.Close())
		cmd := exec.Command(path, args[2:]...)
		cmd.Dir, cmd.Stdout, cmd.Stderr = ts.MkAbs("."), w, ts.Stderr()
		err = cmd.Run()
		ts.Check(w.Close())
		checkExit(ts, args[0], err)
	},

	// interrupt CODE COMMAND ARG... sends an interrupt after the first line.
	"interrupt": func(ts *testscript.TestScript, neg bool, args []string) {
		wantArgs(ts, neg, len(args) >= 2, "interrupt CODE COMMAND ARG...")
		checkExit(ts, args[0], readOneLine(ts, args[1:], func(p *os.Process, _ io.Closer) error { return p.Signal(os.Interrupt) }))
	},
}

func wantArgs(ts *testscript.TestScript, neg, ok bool, usage string) {
	if neg || !ok {
		ts.Fatalf("usage: %s", usage)
	}
}

// checkExit checks the exit code of a command.
func checkExit(ts *testscript.TestScript, want string, err error) {
	code := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if strconv.Itoa(code) != want {
		ts.Fatalf("exit code %d, want %s", code, want)
	}
}

// readOneLine runs a command, reads one line of its standard output, calls then, and
// reads what is left.
func readOneLine(ts *testscript.TestScript, args []string, then func(*os.Process, io.Closer) error) error {
	path, err := exec.LookPath(args[0])
	ts.Check(err)
	cmd := exec.Command(path, args[1:]...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Stderr = ts.Stderr()
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	defer cmd.Process.Kill() // in case something below fails
	r := bufio.NewReader(out)
	line, err := r.ReadString('\n')
	ts.Check(err)
	fmt.Fprint(ts.Stdout(), line)
	ts.Check(then(cmd.Process, out))
	io.Copy(ts.Stdout(), r)
	return cmd.Wait()
}

// parts returns the bytes that some parts stand for: =TEXT is text as it stands, HEX
// the bytes of hexadecimal digits, and N*PART a part N times.
func parts(args []string) ([]byte, error) {
	var out []byte
	for _, arg := range args {
		n := 1
		if count, part, ok := strings.Cut(arg, "*"); ok && !strings.HasPrefix(arg, "=") {
			var err error
			if n, err = strconv.Atoi(count); err != nil {
				return nil, err
			}
			arg = part
		}
		text, ok := strings.CutPrefix(arg, "=")
		b := []byte(text)
		if !ok {
			var err error
			if b, err = hex.DecodeString(arg); err != nil {
				return nil, fmt.Errorf("%s: %w", arg, err)
			}
		}
		out = append(out, bytes.Repeat(b, n)...)
	}
	return out, nil
}

// makeCore returns an ELF core of a process. A line of the spec is a segment, in the
// order of the program headers:
//
//	ADDR PERM NAME PART... [absent N]
//
// PERM is rwx with dashes. NAME is a path, - for none, or a quoted string of Go without
// blanks. PARTs are the bytes that are saved, and N bytes behind them are not saved.
// With PERM ??? there is no segment, and only the note of names tells of the range. A
// line "elf BITS ORDER" sets the class and the byte order. A line that starts with # is
// a comment.
func makeCore(spec string) ([]byte, error) {
	wide, big := true, false
	type segment struct {
		first, size uint64
		flags       uint32
		bytes       []byte
		name        string
	}
	var segments, unsaved []segment
	for line := range strings.Lines(spec) {
		f := strings.Fields(line)
		switch {
		case len(f) == 0 || f[0] == "#":
			continue
		case f[0] == "elf":
			wide = f[1] == "64"
			big = f[2] == "big"
			continue
		case len(f) < 3:
			return nil, fmt.Errorf("%q: want ADDR PERM NAME PART", line)
		}
		var s segment
		var err error
		if s.first, err = strconv.ParseUint(f[0], 0, 64); err != nil {
			return nil, err
		}
		for i, flag := range []uint32{4, 2, 1} {
			if f[1][i] != '-' {
				s.flags |= flag
			}
		}
		if s.name = f[2]; s.name[0] == '"' {
			if s.name, err = strconv.Unquote(s.name); err != nil {
				return nil, err
			}
		}
		rest := f[3:]
		if n := len(rest); n >= 2 && rest[n-2] == "absent" {
			if s.size, err = strconv.ParseUint(rest[n-1], 0, 64); err != nil {
				return nil, err
			}
			rest = rest[:n-2]
		}
		if s.bytes, err = parts(rest); err != nil {
			return nil, err
		}
		s.size += uint64(len(s.bytes))
		if f[1] == "???" {
			unsaved = append(unsaved, s)
			continue
		}
		segments = append(segments, s)
	}

	var order binary.AppendByteOrder = binary.LittleEndian
	if big {
		order = binary.BigEndian
	}
	word := func(b []byte, v uint64) []byte {
		if wide {
			return order.AppendUint64(b, v)
		}
		return order.AppendUint32(b, uint32(v))
	}
	u32 := func(b []byte, v uint32) []byte { return order.AppendUint32(b, v) }
	u16 := func(b []byte, v uint16) []byte { return order.AppendUint16(b, v) }

	// NT_FILE has the number of names and the size of a page; for each name the first
	// address, the address behind the last one, and the page of the file; and then the
	// names. Where ranges of one name follow one another, so do their pages.
	var ranges, names []byte
	count := uint64(0)
	type end struct{ at, page uint64 }
	ends := map[string]end{}
	for _, s := range slices.Concat(segments, unsaved) {
		if s.name != "-" {
			page := uint64(0)
			if e := ends[s.name]; e.at == s.first {
				page = e.page
			}
			ends[s.name] = end{s.first + s.size, page + s.size/4096}
			ranges = word(word(word(ranges, s.first), s.first+s.size), page)
			names = append(append(names, s.name...), 0)
			count++
		}
	}
	desc := append(append(word(word(nil, count), 4096), ranges...), names...)
	note := append(u32(u32(u32(nil, 5), uint32(len(desc))), 0x46494c45), "CORE\x00\x00\x00\x00"...)
	note = append(note, desc...)
	note = append(note, make([]byte, -len(note)&3)...)

	header, entry, class, data := 52, 32, byte(1), byte(1)
	machine := map[bool]uint16{false: 3, true: 20}[big] // i386, PowerPC
	if wide {
		header, entry, class = 64, 56, 2
		machine = map[bool]uint16{false: 62, true: 21}[big] // x86-64, PowerPC64
	}
	if big {
		data = 2
	}
	out := append([]byte("\x7fELF"), class, data, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	out = u32(u16(u16(out, 4), machine), 1)
	out = u32(word(word(word(out, 0), uint64(header)), 0), 0)
	for _, v := range []int{header, entry, len(segments) + 1, 0, 0, 0} {
		out = u16(out, uint16(v))
	}
	body := note
	behind := header + entry*(len(segments)+1)
	ph := func(typ, flags uint32, off, vaddr, filesz, memsz uint64) {
		out = u32(out, typ)
		if wide {
			out = u32(out, flags)
		}
		out = word(word(word(word(word(out, off), vaddr), 0), filesz), memsz)
		if !wide {
			out = u32(out, flags)
		}
		out = word(out, 1)
	}
	ph(4, 0, uint64(behind), 0, uint64(len(note)), 0)
	for _, s := range segments {
		ph(1, s.flags, uint64(behind+len(body)), s.first, uint64(len(s.bytes)), s.size)
		body = append(body, s.bytes...)
	}
	return append(out, body...), nil
}

// checkJSON checks one line of jsonl: its keys have to be those that docs/output.md has
// for its type, in that order.
func checkJSON(line string) error {
	if !utf8.ValidString(line) {
		return errors.New("not UTF-8")
	}
	var object struct{ Type string }
	if err := json.Unmarshal([]byte(line), &object); err != nil {
		return err
	}
	var keys []string
	d := json.NewDecoder(strings.NewReader(line))
	for depth, key := 0, false; ; {
		token, err := d.Token()
		if err != nil {
			break
		}
		switch {
		case token == json.Delim('{'), token == json.Delim('['):
			depth++
			key = true
		case token == json.Delim('}'), token == json.Delim(']'):
			depth--
			key = true
		case depth == 1 && key:
			keys = append(keys, token.(string))
			key = false
		default:
			key = true
		}
	}
	want, ok := jsonKeys()[object.Type]
	if !ok {
		return fmt.Errorf("docs/output.md has no line of type %q", object.Type)
	}
	if len(keys) == 0 || keys[0] != "type" {
		return fmt.Errorf("the first key is not type: %v", keys)
	}
	keys = keys[1:]
	for _, w := range want {
		switch {
		case len(keys) > 0 && keys[0] == w.name:
			keys = keys[1:]
		case !w.optional:
			return fmt.Errorf("docs/output.md has the key %s next; there is %v", w.name, keys)
		}
	}
	if len(keys) > 0 {
		return fmt.Errorf("docs/output.md has no keys %v there", keys)
	}
	return nil
}
