package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"vscan/cmd/vscan/internal/cli"
	"vscan/engine/image"
)

// onceWriter calls do at the first write.
type onceWriter struct {
	bytes.Buffer
	do func()
}

func (w *onceWriter) Write(p []byte) (int, error) {
	if w.do != nil {
		w.do()
		w.do = nil
	}
	return w.Buffer.Write(p)
}

// What a command prints of a file that is written to meanwhile ends with exit code 3, and a
// line says what happened.
func TestChangedWhilePrinted(t *testing.T) {
	for _, args := range [][]string{
		{"find", "-o", "jsonl", "needle"},
		{"find", "needle"},
		{"strings", "-n", "6"},
		{"refs", "--word", "8", "--endian", "little", "0x656c6465656e..0x7fffffffffffffff"},
		{"read", "--as", "raw", "0", "2M"},
	} {
		path := filepath.Join(t.TempDir(), "memory")
		if err := os.WriteFile(path, bytes.Repeat([]byte("needle\x00\x00"), 1<<18), 0o600); err != nil {
			t.Fatal(err)
		}
		full := append([]string{args[0], "--image-format", "raw"}, args[1:]...)
		if args[0] == "read" || args[0] == "refs" {
			n := len(full) - map[string]int{"read": 2, "refs": 1}[args[0]]
			full = append(append(full[:n:n], path), full[n:]...)
		} else {
			full = append(full, path)
		}
		out := &onceWriter{do: func() {
			f, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if _, err := f.WriteAt([]byte("x"), 5); err != nil {
				t.Fatal(err)
			}
		}}
		var complaints bytes.Buffer
		code := run(full, strings.NewReader(""), out, &complaints)
		if code != cli.ExitIncomplete || !strings.Contains(complaints.String(), "not complete: the file changed while it was looked at: it was written to") {
			t.Errorf("%q: exit code %d: %s", full, code, complaints.String())
		}
		if strings.Contains(strings.Join(args, " "), "jsonl") {
			last := out.String()[strings.LastIndex(strings.TrimSpace(out.String()), "\n")+1:]
			if err := checkJSON(last); err != nil || !strings.Contains(last, `"complete":false`) || !strings.Contains(last, `"changed":[{"file":`) {
				t.Errorf("%v: %s", err, last)
			}
		}
	}
}

// What is appended to a raw file while it is searched is searched as well, and every hit is
// printed with its place.
func TestAppendedWhilePrinted(t *testing.T) {
	for _, format := range []string{"text", "jsonl", "csv"} {
		path := filepath.Join(t.TempDir(), "memory")
		if err := os.WriteFile(path, bytes.Repeat([]byte("needle.."), 1<<18), 0o600); err != nil {
			t.Fatal(err)
		}
		out := &onceWriter{do: func() {
			f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if _, err := f.WriteString("..needle"); err != nil {
				t.Fatal(err)
			}
		}}
		var complaints bytes.Buffer
		code := run([]string{"find", "--image-format", "raw", "-o", format, "needle", path}, strings.NewReader(""), out, &complaints)
		checkTold(t, format, code, cli.ExitIncomplete, complaints.String(),
			"not complete: the file changed while it was looked at: its size changed from 2097152 to 2097160 bytes", "8 bytes of what was appended to the file meanwhile were searched as well")
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		want := map[string]string{"text": "0x200002\tneedle\tmemory+0x200002\tneedle", "jsonl": `"addr":"0x200002","pattern":"needle","len":6,"mapping":"memory","offset":2097154,`, "csv": ",0x200002,needle,6,memory,2097154,"}[format]
		if format == "jsonl" {
			if err := checkJSON(lines[len(lines)-1]); err != nil || !strings.Contains(lines[len(lines)-1], `"appended":8,`) {
				t.Errorf("%v: %s", err, lines[len(lines)-1])
			}
			lines = lines[:len(lines)-1]
		}
		if last := lines[len(lines)-1]; !strings.Contains(last, want) {
			t.Errorf("%s: the last hit is %s", format, last)
		}
		if n := len(lines) - strings.Count(lines[0], "image,addr"); n != 1<<18+1 {
			t.Errorf("%s: %d hits", format, n)
		}
	}
}

// docs/output.md has every word that changed has, and no other.
func TestChangedWords(t *testing.T) {
	told := map[string]bool{}
	page, err := os.ReadFile("../../docs/output.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "| `what` | means | complete |\n|---|---|---|\n")
	table, _, _ = strings.Cut(table, "\n\n")
	for row := range strings.Lines(table) {
		cells := strings.Split(row, " | ")
		what := image.ChangeKind(strings.TrimPrefix(cells[0], "| "))
		told[string(what)] = true
		if complete := !strings.HasPrefix(cells[2], "no"); complete == (image.Change{What: what}).Content() {
			t.Errorf("%s", row)
		}
	}
	for _, c := range []image.ChangeKind{image.ChangedSize, image.ChangedTime, image.ChangedStatus, image.ChangedLost, image.ChangedAttributes, image.ChangedPath, image.ChangeUnknown} {
		if !told[string(c)] {
			t.Errorf("docs/output.md has no %s", c)
		}
		delete(told, string(c))
	}
	if len(told) > 0 {
		t.Errorf("docs/output.md has %v as well", told)
	}
}

// A file that gets a hole, or loses one, while it is searched gives no hit that it never had and an account
// of all its bytes; that it changed is told.
func TestHolesWhilePrinted(t *testing.T) {
	const size = 16 << 20
	needle := []byte("needle" + strings.Repeat("x", 506))
	for name, change := range map[string]func(*os.File) error{
		"gets a hole": func(f *os.File) error {
			const keepSize, punchHole = 1, 2
			return syscall.Fallocate(int(f.Fd()), keepSize|punchHole, 0, 4<<20)
		},
		"loses a hole": func(f *os.File) error {
			_, err := f.WriteAt(bytes.Repeat(needle, 1<<11), 6<<20)
			return err
		},
	} {
		path := filepath.Join(t.TempDir(), "memory")
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for _, off := range []int64{0, 12 << 20} { // 4 MiB there each, and holes behind
			if _, err := f.WriteAt(bytes.Repeat(needle, 1<<13), off); err != nil {
				t.Fatal(err)
			}
		}
		out := &onceWriter{do: func() {
			if err := change(f); err != nil {
				t.Skipf("%s: %v", name, err)
			}
		}}
		var complaints bytes.Buffer
		code := run([]string{"find", "--image-format", "raw", "-o", "jsonl", "needle", path}, strings.NewReader(""), out, &complaints)
		checkTold(t, name, code, cli.ExitIncomplete, complaints.String(), "not complete: the file changed while it was looked at: it was written to")
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		if n := len(lines) - 1; n < 1<<13 || n > 1<<14+1<<11 {
			t.Errorf("%s: %d hits", name, n)
		}
		var sum struct {
			Complete bool
			Account  map[string]uint64
		}
		if err := json.Unmarshal([]byte(lines[len(lines)-1]), &sum); err != nil || sum.Complete {
			t.Errorf("%s: %v: %s", name, err, lines[len(lines)-1])
		}
		all := uint64(0)
		for key, n := range sum.Account {
			if key != "size" {
				all += n
			}
		}
		if all != size || sum.Account["size"] != size || sum.Account["zero"] < 6<<20 {
			t.Errorf("%s: %v", name, sum.Account)
		}
	}
}
