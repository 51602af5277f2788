package main

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"vscan/engine/image/imagetest"
	"vscan/engine/sweep/state"
	"vscan/internal/testenv"
)

// A sweep that is killed again and again, and gone on with, ends with what one has that is not
// killed, and that is what find finds image by image. What the death leaves is whole each time.
func TestSweepKilled(t *testing.T) {
	t.Parallel()
	r := testenv.Rand(t)
	dir := t.TempDir()
	images := sweepImagesFor(t, r, dir, testenv.Rounds(6, 8, 40))
	flags := append([]string{"-f", "pats", "-F", "words", "--task-size", "64K", "-m", "100"}, images...)
	runIn(t, dir, append([]string{"sweep", "--results", "whole"}, flags...)...)
	want := sweptIn(t, filepath.Join(dir, "whole"))
	compareWithFind(t, dir, want)

	killed, most := 0, testenv.Rounds(2, 4, 50)
	for sweeps := 0; killed < most || sweeps == 0; sweeps++ {
		name := fmt.Sprint("killed", sweeps)
		killed += killAndResume(t, r, dir, name, flags, most-killed)
		got := sweptIn(t, filepath.Join(dir, name))
		for i := range want {
			if i >= len(got) || !reflect.DeepEqual(got[i], want[i]) {
				t.Fatalf("%d images, want %d; image %d:\n%+v\nwant\n%+v", len(got), len(want), i, got[i], want[i])
			}
		}
	}
}

// killAndResume runs a sweep in a folder, kills it at most so many times, and goes on with it
// until it ends. It returns how often it was killed.
func killAndResume(t *testing.T, r *rand.Rand, dir, name string, flags []string, most int) (killed int) {
	args := append([]string{"sweep", "--results", name}, flags...)
	for {
		cmd := exec.Command("vscan", args...)
		cmd.Dir = dir
		var told bytes.Buffer
		cmd.Stderr = &told
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if killed < most {
			time.Sleep(time.Duration(r.IntN(150)) * time.Millisecond)
			cmd.Process.Kill()
		}
		err := cmd.Wait()
		if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || !status.Signaled() {
			if code := cmd.ProcessState.ExitCode(); code != 3 {
				t.Fatalf("killed %d times: %v, want exit 3\n%s", killed, err, &told)
			}
			return killed
		}
		killed++
		begun, err := state.Read(t.Context(), filepath.Join(dir, name))
		if missing := (*state.MissingError)(nil); errors.As(err, &missing) {
			continue // it died before it had begun
		} else if err != nil {
			t.Fatal(err)
		}
		begun.Close()
		checkIntegrity(t, filepath.Join(dir, name))
		args = []string{"sweep", "--resume", name, "--retry"}
	}
}

// A sweep that is gone on with opens images, takes files for images and shows hits as its
// beginning said, also when it has found none of the files yet.
func TestSweepGoesOnAsBegun(t *testing.T) {
	dir := t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.Mkdir(filepath.Join(dir, "in"), 0o700))
	must(os.WriteFile(filepath.Join(dir, "in", "notes"), []byte("a needle in it"), 0o600))
	must(os.WriteFile(filepath.Join(dir, "in", "nothing"), nil, 0o600))
	must(os.WriteFile(filepath.Join(dir, "r.yar"), []byte("rule small { condition: filesize < 1KB }"), 0o600))
	for i, flags := range []string{"--image-format raw -e needle -o csv", "--raw -C 4 -e needle", "--raw -f r.yar"} {
		name := fmt.Sprint("swept", i)
		runIn(t, dir, append(append([]string{"sweep", "--results", name}, strings.Fields(flags)...), "in")...)
		folder := filepath.Join(dir, name)
		want := sweptIn(t, folder)
		db, err := sql.Open("sqlite", "file:"+filepath.Join(folder, state.File))
		must(err)
		for _, s := range []string{"DELETE FROM image", "DELETE FROM lines", "UPDATE meta SET value = 0 WHERE name = 'listed'"} {
			_, err := db.Exec(s)
			must(err)
		}
		must(db.Close())
		os.Remove(filepath.Join(folder, "hits.csv"))
		runIn(t, dir, "sweep", "--resume", name)
		if _, err := os.Stat(filepath.Join(folder, "hits.csv")); (err == nil) != (i == 0) {
			t.Errorf("%s: hits.csv: %v", flags, err)
		}
		if got := sweptIn(t, folder); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: gone on with:\n%+v\nwant\n%+v", flags, got, want)
		}
	}
}

// A sweep of relative paths is gone on with in the folder in which it was begun: elsewhere, what
// is left would be taken for gone.
func TestSweepElsewhere(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "one"), []byte("needle"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, image := range map[string]string{"relative": "one", "absolute": filepath.Join(dir, "one")} {
		runIn(t, dir, "sweep", "--results", name, "-e", "needle", image)
		runIn(t, dir, "sweep", "--resume", name)
		cmd := exec.Command("vscan", "sweep", "--resume", filepath.Join(dir, name))
		cmd.Dir = other
		out, err := cmd.CombinedOutput()
		if refused := strings.Contains(string(out), "go on with it in "+dir); refused != (name == "relative") || refused == (err == nil) {
			t.Errorf("%s: %v, %s", name, err, out)
		}
	}
}

// While a process works on a sweep, another is refused, with its number. Ctrl-C ends it, and does
// not count; what was under way when it was killed is done again, and the second time set aside.
func TestSweepSetAside(t *testing.T) {
	dir := t.TempDir()
	huge, err := os.Create(filepath.Join(dir, "huge")) // so long as a pattern matches zeros
	if err == nil {
		err = errors.Join(huge.Truncate(1<<40), huge.Close(), os.WriteFile(filepath.Join(dir, "small"), make([]byte, 4), 0o600))
	}
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"sweep", "--results", "swept", "--task-size", "2T", "-j", "2", "-m", "5", "-e", "hex:00000000", "-e", "never there", "huge", "small"}
	for round, want := range []string{"", "huge is done again", "huge is done again", "huge is set aside: the program died twice while it was searched"} {
		cmd := exec.Command("vscan", args...)
		cmd.Dir = dir
		var told bytes.Buffer
		cmd.Stderr = &told
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		defer cmd.Process.Kill() // in case something below fails
		args = []string{"sweep", "--resume", "swept", "--task-size", "2T"}
		if round < 3 {
			if !underWay(t, dir, max(round, 1)) {
				cmd.Process.Kill()
				t.Fatalf("round %d: the sweep does not begin: %v, %+v, told\n%s", round, cmd.Wait(), stateOf(t, filepath.Join(dir, "swept")), &told)
			}
		}
		switch round {
		case 0:
			other := exec.Command("vscan", args...)
			other.Dir = dir
			out, err := other.CombinedOutput()
			if want := fmt.Sprintf("vscan: swept is worked on by the process %d: wait for its end, or end it\n", cmd.Process.Pid); err == nil || string(out) != want {
				t.Errorf("%v, %q, want %q", err, out, want)
			}
			cmd.Process.Signal(os.Interrupt)
		case 1, 2:
			cmd.Process.Kill()
		}
		cmd.Wait()
		if round == 0 && strings.Contains(told.String(), "interrupted while sweeping") {
			t.Skip("the machine is so busy that Ctrl-C had to end the process by force, which may count")
		}
		switch code := cmd.ProcessState.ExitCode(); {
		case round == 0 && (code != 130 || !strings.Contains(told.String(), "vscan: swept: not complete: interrupted: --resume swept goes on with it")):
			t.Errorf("exit %d\n%s", code, &told)
		case round == 1 && strings.Contains(told.String(), want), round > 1 && !strings.Contains(told.String(), want):
			t.Errorf("round %d: told\n%s\nwant %s", round, &told, want)
		case round == 3 && code != 3:
			t.Errorf("exit %d\n%s", code, &told)
		}
	}
	all := sweptIn(t, filepath.Join(dir, "swept"))
	if len(all) != 2 || all[0].State != state.Aside || all[1].State != state.Done || all[1].Hits != 1 {
		t.Errorf("%+v", all)
	}
}

// underWay waits until the first image of the sweep in a folder is searched, for the nth time
// that counts, and the second is done. It reports whether that came.
func underWay(t *testing.T, dir string, n int) bool {
	for range 3000 {
		if is := stateOf(t, filepath.Join(dir, "swept")); len(is) == 2 && is[0].State == state.Running && is[0].Tries == n && is[1].State == state.Done {
			return true
		}
		time.Sleep(10 * time.Millisecond)
	}
	return false
}

// stateOf returns the records of a sweep that may not have begun yet.
func stateOf(t *testing.T, dir string) (all []*state.Image) {
	r, err := state.Read(t.Context(), dir)
	if err != nil {
		return nil
	}
	defer r.Close()
	for i, err := range r.Images(t.Context()) {
		if err != nil {
			return nil
		}
		all = append(all, i)
	}
	return all
}

// sweepImagesFor writes images of all kinds, and patterns of all kinds, and returns the names
// of the images.
func sweepImagesFor(t *testing.T, r *rand.Rand, dir string, n int) (names []string) {
	write := func(name string, b []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	memory := func(size int) []byte {
		b := make([]byte, size)
		for i := range b {
			b[i] = "abcdefgh \x00"[r.IntN(10)]
		}
		for range size / 2000 {
			copy(b[r.IntN(size):], []string{"password=hunter2", "p\x00a\x00s\x00s\x00", "http://example.org/x", "aaaaaaaaaaaa"}[r.IntN(4)])
		}
		return b
	}
	var spec strings.Builder
	for i := range 4 {
		fmt.Fprintf(&spec, "%#x rw- [heap%d] %x\n", 0x10000+i*0x1000, i, memory(3000))
	}
	core, err := makeCore(spec.String())
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		name := fmt.Sprintf("%03d", i)
		switch i % 8 {
		case 0:
			write(name, memory(200<<10+r.IntN(300<<10)))
		case 1:
			write(name, memory(10+r.IntN(5000)))
		case 2:
			write(name, core)
		case 3:
			write(name, core[:len(core)-r.IntN(len(core)/2)])
		case 4:
			write(name, nil)
		case 5:
			write(name, append([]byte("\x1f\x8b\x08"), memory(1000)...))
		case 6:
			write(name, []byte(imagetest.Record(0x1000, 0x1fff, string(memory(0x1000)))+imagetest.Record(0x2000, 0x100000, string(memory(0xff001)))))
		case 7:
			name += "-missing"
		}
		names = append(names, name)
	}
	var pats, words strings.Builder
	for i := range testenv.Rounds(50, 100, 400) {
		word := string(memory(3 + r.IntN(4)))
		switch i % 5 {
		case 0:
			fmt.Fprintf(&pats, "hex%d=hex:%x\n", i, word)
		case 1:
			fmt.Fprintf(&pats, "re%d=re:%s[a-h]+\n", i, regexp.QuoteMeta(strings.ReplaceAll(word, "\x00", "a")))
		case 2:
			fmt.Fprintf(&pats, "wide%d=text/w:a%s\n", i, strings.TrimRight(strings.ReplaceAll(word, "\x00", "a"), " "))
		case 3:
			fmt.Fprintf(&pats, "num%d=u32le:%#x\n", i, r.Uint32())
		case 4:
			fmt.Fprintf(&words, "word %d%s\n", i, strings.TrimRight(strings.ReplaceAll(word, "\x00", "a"), " "))
		}
	}
	pats.WriteString("password=\npass=text/wi:pass\nre:[a-h]{5,}\nu8:0x61\n")
	write("pats", []byte(pats.String()))
	write("words", []byte(words.String()))
	return names
}

// swept is the record of an image, without what differs between runs, and its lines.
type swept struct {
	state.Image
	Lines string
}

// sweptIn returns what a sweep has found.
func sweptIn(t *testing.T, dir string) (all []swept) {
	ctx := t.Context()
	r, err := state.Read(ctx, dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for i, err := range r.Images(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		lines, err := r.Lines(ctx, i.N)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(lines)
		if err = errors.Join(err, lines.Close()); err != nil {
			t.Fatal(err)
		}
		i.Elapsed, i.Tries = 0, 0
		all = append(all, swept{*i, string(text)})
	}
	return all
}

// compareWithFind compares what was found in each image with what find finds there.
func compareWithFind(t *testing.T, dir string, all []swept) {
	args := []string{"find", "-f", "pats", "-F", "words", "-m", "100", "-o", "jsonl"}
	several := 0
	for _, s := range all {
		if s.State == state.Failed {
			continue
		}
		args = append(args, s.Arg)
	}
	found := map[string]*bytes.Buffer{}
	sums := map[string]map[string]any{}
	in := bufio.NewScanner(bytes.NewReader(runIn(t, dir, args...)))
	in.Buffer(nil, 16<<20)
	for in.Scan() {
		line := bytes.TrimRight(in.Bytes(), " ")
		var of map[string]any
		if err := json.Unmarshal(line, &of); err != nil {
			t.Fatal(err)
		}
		image := of["image"].(string)
		if of["type"] == "summary" {
			delete(of, "kernel")
			delete(of, "workers")
			delete(of, "seconds")
			sums[image] = of
			continue
		}
		if found[image] == nil {
			found[image] = &bytes.Buffer{}
		}
		found[image].Write(append(line, '\n'))
	}
	for _, s := range all {
		if s.State == state.Failed {
			continue
		}
		want := ""
		if b := found[s.Arg]; b != nil {
			want = b.String()
		}
		if s.Lines != want {
			t.Errorf("%s: %d bytes of lines, find has %d", s.Arg, len(s.Lines), len(want))
		}
		var sum map[string]any
		if err := json.Unmarshal(s.Summary, &sum); err != nil || !reflect.DeepEqual(sum, sums[s.Arg]) {
			t.Errorf("%s: summary %s, %v, find has %v", s.Arg, s.Summary, err, sums[s.Arg])
		}
		if s.Hits > 0 {
			several++
		}
	}
	if several == 0 {
		t.Error("nothing was found")
	}
}

// runIn runs vscan in a folder and returns its standard output.
func runIn(t *testing.T, dir string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command("vscan", args...)
	cmd.Dir = dir
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 3) {
		t.Fatalf("vscan %s: %v\n%s", strings.Join(args, " "), err, exit.Stderr)
	}
	return out
}

// checkIntegrity asks SQLite whether a database is whole.
func checkIntegrity(t *testing.T, dir string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, state.File))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var says string
	if err := db.QueryRowContext(context.Background(), "PRAGMA integrity_check").Scan(&says); err != nil || says != "ok" {
		t.Fatalf("%s: %v", says, err)
	}
}
