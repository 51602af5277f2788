package main

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"vscan/cmd/vscan/internal/cli"
	"vscan/cmd/vscan/internal/console"
)

// The examples of the help texts work, with images that have what the examples look for.
func TestExamples(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no shell")
	}
	core, err := makeCore(`
0x400000 r-x /usr/bin/prog =password= 4096*00 absent 4096
0x7ffd1000 rw- [heap] 0810fd7f00000000 1010fd7f00000000 =hello 00 0000 0010005c3a7f0000 00100000 5000*00 =https://example.org/ 00 7700690064006500740065007800740073002e00
0x7f3a5c001000 r-x /usr/lib/libc.so.6 5000*00
0x7f3a5d000000 rw- [stack] 0010005c3a7f0000 deadbeef 00000000 1000006000000000
0x60000000 rw- - 3*0000000000000000210000000000000000000000000000000000000000000000 0000000000000000 2100000000000000 16*00
`)
	if err != nil {
		t.Fatal(err)
	}
	program := []byte(strings.Repeat(" ", 5000) + "usage: a program") // which the core did not save
	dir := t.TempDir()
	for name, b := range map[string][]byte{
		"core.1234": core, "core": core, "dumps/core.1": core, "guest.raw": []byte("Linux version 6.1"), "vmcore": core,
		"words.txt": []byte("needle\n"), "prog": program,
		"rules.yar":   []byte(`rule login { strings: $a = "password=" condition: $a }`),
		"rules/a.yar": []byte(`rule login { strings: $a = "password=" condition: #a > level }`), "files/usr/bin/prog": program,
		// LiME: magic, version, first and last address, 8 reserved bytes.
		"memory.lime": append([]byte("EMiL\x01\x00\x00\x00"+strings.Repeat("\x00", 8)+"\x05"+strings.Repeat("\x00", 15)), "needle"...),
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for _, day := range []string{"monday", "tuesday"} {
		runFor(t, cli.ExitFound, "sweep", "--results", filepath.Join(dir, day), "-e", "password=", filepath.Join(dir, "core"))
	}
	a := &cli.App{Out: console.NewOutput(io.Discard, io.Discard), Err: io.Discard}
	defer a.Out.Close()
	examples := 0
	var check func(*cobra.Command)
	check = func(cmd *cobra.Command) {
		for line := range strings.Lines(cmd.Example) {
			line = strings.TrimSpace(line)
			examples++
			if strings.Contains(line, "pid:") {
				continue // the example is about a process that is not there
			}
			if cmd.Name() != "vscan" && !strings.HasPrefix(line, cmd.CommandPath()) {
				t.Errorf("%s: %q is of another command", cmd.Name(), line)
			}
			there := strings.NewReplacer("/usr/bin/prog@", "prog@", "--modules", "--sysroot ./files")
			checkCommand(t, sh, dir, there.Replace(line))
		}
		for _, sub := range cmd.Commands() {
			check(sub)
		}
	}
	check((&commands{a}).root(nil))
	if examples < 10 {
		t.Errorf("only %d examples", examples)
	}
}

// checkCommand runs a command line in a folder. What stands before a pipe has to succeed by
// itself too, since the exit code is that of the last program, and it is all that is run where
// the program behind the pipe is not there.
func checkCommand(t *testing.T, sh, dir, line string) {
	t.Helper()
	lines := []string{line}
	if first, reader, piped := strings.Cut(line, " | "); piped {
		lines[0] = first
		if _, err := exec.LookPath(strings.Fields(reader)[0]); err == nil {
			lines = append(lines, line)
		}
	}
	for _, line := range lines {
		cmd := exec.Command(sh, "-c", line)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", line, err, out)
		}
	}
}

// The commands of vscan in docs/coming-from.md work, with images that have what they look for.
func TestComingFrom(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no shell")
	}
	text, err := os.ReadFile("../../docs/coming-from.md")
	if err != nil {
		t.Fatal(err)
	}
	core, err := makeCore(`
0x400000 r-x /usr/bin/prog =password= 40*00 =text =alice@example.org 00 4096*00 absent 4096
0x500000 rw- /usr/bin/prog 0010005c3a7f0000
0x7ffd1000 rw- [heap] 3132333400000000 deadbeef 00000000 0010005c3a7f0000 100*00 39050000 0010fd7f00000000 7700690064006500740065007800740073002e00
0x7f3a5c001000 r-x /usr/lib/libc.so.6 5000*00
`)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	program := []byte(strings.Repeat(" ", 5000) + "usage: a program")
	lime := "password=alice@example.org"
	for name, b := range map[string][]byte{
		"core.1234": core, "words.txt": []byte("password=\nalice\n"), "prog": program,
		"rules.yar":   []byte(`rule login { strings: $a = "password=" condition: $a }`),
		"memory.lime": append([]byte("EMiL\x01\x00\x00\x00"+strings.Repeat("\x00", 8)+string(rune(len(lime)-1))+strings.Repeat("\x00", 15)), lime...),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	commands := 0
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.ReplaceAll(line, `\|`, "\x00"), "|")
		if len(cells) < 3 {
			continue
		}
		for i, quoted := range strings.Split(cells[2], "`") {
			if i%2 == 0 || !strings.HasPrefix(quoted, "vscan ") || strings.Contains(quoted, "pid:") {
				continue
			}
			commands++
			// In this test, the program under the core is no ELF file.
			command := strings.ReplaceAll(strings.ReplaceAll(quoted, "\x00", "|"), "--under ./prog", "--under ./prog@0x400000")
			checkCommand(t, sh, dir, command)
		}
	}
	if commands < 15 {
		t.Errorf("only %d commands", commands)
	}
}

// The commands of README.md and docs/yara.md work, line by line, with images that have what
// they look for.
func TestReadmeCommands(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no shell")
	}
	core, err := makeCore(`
0x400000 r-x /usr/bin/prog =password= 40*00 =alice@example.org 00 7f454c46020101000000000000000000 4096*00 absent 4096
0x500000 rw- /usr/bin/prog 0010005c3a7f0000 1000006000000000
0x60000000 rw- - 3*0000000000000000210000000000000000000000000000000000000000000000 0000000000000000 2100000000000000 16*00
0x7ffd1000 rw- [heap] 0810fd7f00000000 =hello-you 00 deadbeef 7300650063007200650074000000 100*00 0010005c3a7f0000
0x7f3a5c001000 r-x /usr/lib/libc.so.6 5000*00
0x7f3a5d000000 rw- [stack] 0015000000000000
`)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	program := []byte(strings.Repeat(" ", 5000) + "usage: a program") // which the core did not save
	for name, b := range map[string][]byte{
		"core.1234": core, "words.txt": []byte("needle\n"), "files/usr/bin/prog": program,
		"rules.yar":    []byte(`rule login { strings: $a = "password=" condition: $a }`),
		"ours/a.yar":   []byte(`rule ours { strings: $a = "password=" condition: #a < level }`),
		"theirs/a.yar": []byte(`rule theirs { strings: $a = "password=" condition: $a }`),
		"memory.lime":  append([]byte("EMiL\x01\x00\x00\x00"+strings.Repeat("\x00", 8)+"\x05"+strings.Repeat("\x00", 15)), "needle"...),
	} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o777), os.WriteFile(path, b, 0o666)); err != nil {
			t.Fatal(err)
		}
	}
	here := strings.NewReplacer("--modules", "--sysroot ./files", "ours:rules.yar theirs:rules", "ours:ours theirs:theirs")
	commands := 0
	for _, document := range []string{"../../README.md", "../../docs/yara.md"} {
		text, err := os.ReadFile(document)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			line = strings.TrimSuffix(line, "\n")
			if !strings.HasPrefix(line, "    vscan ") || strings.Contains(line, "pid:") {
				continue // the example is about a process that is not there
			}
			commands++
			checkCommand(t, sh, dir, here.Replace(strings.TrimSpace(line)))
		}
	}
	if commands < 18 {
		t.Errorf("only %d commands", commands)
	}
}

// The commands of docs/sweep.md work, from top to bottom, but for those that want a program
// which is not here.
func TestSweepDocument(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("no bash")
	}
	text, err := os.ReadFile("../../docs/sweep.md")
	if err != nil {
		t.Fatal(err)
	}
	core, err := makeCore("0x7ffd1000 rw- [heap] =password=")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, b := range map[string][]byte{
		"words.txt": []byte("password=\nneedle\n"), "dumps/a.core": core, "dumps/old/b.core": core, "dumps/notes": []byte("of the dumps"),
	} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o777), os.WriteFile(path, b, 0o666)); err != nil {
			t.Fatal(err)
		}
	}
	blocks := regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	if len(blocks) < 10 {
		t.Errorf("only %d blocks of commands", len(blocks))
	}
	for _, block := range blocks {
		if program := missingProgram(block[1]); program != "" {
			t.Logf("not run, for there is no %s:\n%s", program, block[1])
			continue
		}
		sh := exec.Command(bash, "-eo", "pipefail", "-c", block[1])
		sh.Dir = dir
		if out, err := sh.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", block[1], err, out)
		}
	}
}

// missingProgram returns a program of others that commands use and that is not here, or "". What
// reads parquet is not where no parquet is written.
func missingProgram(commands string) string {
	for _, program := range []string{"jq", "python3", "duckdb", "sqlite3"} {
		_, err := exec.LookPath(program)
		if (err != nil || program == "duckdb" && !realParquet()) && strings.Contains(commands, program+" ") {
			return program
		}
	}
	return ""
}

// A command is the same whether it is made alone or together with all others.
func TestCommandAlone(t *testing.T) {
	a := &commands{&cli.App{}}
	all := a.root(nil)
	for _, c := range a.all() {
		alone, _, err := a.root([]string{c.name}).Find([]string{c.name})
		if err != nil {
			t.Fatal(err)
		}
		beside, _, err := all.Find([]string{c.name})
		if err != nil || alone.Name() != c.name || alone.CommandPath() != beside.CommandPath() || alone.UsageString() != beside.UsageString() {
			t.Errorf("%s is %q alone, %q beside others, %v", c.name, alone.CommandPath(), beside.CommandPath(), err)
		}
	}
}
