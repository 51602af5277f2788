package main

import (
	"bytes"
	"cmp"
	"compress/bzip2"
	"compress/gzip"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"vscan/internal/testenv"
)

// samples is the folder that has memory images of others. It lies outside of the
// project.
const samples = "../../../shared/samples"

// vscan runs the command and returns its output. The exit code has to be one of codes.
func vscan(t *testing.T, codes []int, args ...string) []byte {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if code := run(args, strings.NewReader(""), &stdout, &stderr); !slices.Contains(codes, code) {
		t.Fatalf("vscan %q: exit code %d, want one of %v: %s", args, code, codes, stderr.String())
	}
	return stdout.Bytes()
}

// row is a line of jsonl.
type row struct {
	Type, Addr, First, Last, Name, State, Source, Pattern string
	Offset                                                uint64
	Counts                                                map[string]int
}

func rows(t *testing.T, out []byte) []row {
	t.Helper()
	var all []row
	for line := range bytes.Lines(out) {
		var r row
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		all = append(all, r)
	}
	return all
}

func address(t *testing.T, s string) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(s, 0, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// memory is memory by address. A run of bytes that follow one another has the address
// of its first byte.
type memory []struct {
	first uint64
	bytes []byte
}

// memoryOf puts together, from the file of an image, the memory that vscan map says is
// there.
func memoryOf(t *testing.T, path string) memory {
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var m memory
	for _, r := range rows(t, vscan(t, []int{0}, "map", "-o", "jsonl", path)) {
		if r.State != "present" {
			continue
		}
		first := address(t, r.First)
		b := file[r.Offset:][:address(t, r.Last)-first+1]
		if n := len(m); n > 0 && m[n-1].first+uint64(len(m[n-1].bytes)) == first {
			m[n-1].bytes = append(m[n-1].bytes[:len(m[n-1].bytes):len(m[n-1].bytes)], b...)
			continue
		}
		m = append(m, struct {
			first uint64
			bytes []byte
		}{first, b})
	}
	return m
}

// find returns every occurrence of some bytes, searched for as naively as can be.
func (m memory) find(lit []byte) []uint64 {
	var found []uint64
	for _, run := range m {
		for i := 0; ; i++ {
			n := bytes.Index(run.bytes[i:], lit)
			if n < 0 {
				break
			}
			i += n
			found = append(found, run.first+uint64(i))
		}
	}
	return found
}

// unpacked unpacks a sample into a folder of the test, and returns its path.
func unpacked(t *testing.T, path string) string {
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var r io.Reader
	switch filepath.Ext(path) {
	case ".bz2":
		r = bzip2.NewReader(file)
	case ".gz":
		if r, err = gzip.NewReader(file); err != nil {
			t.Fatal(err)
		}
	default:
		return path
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), filepath.Base(path)+".unpacked")
	if err := os.WriteFile(out, b, 0o666); err != nil {
		t.Fatal(err)
	}
	return out
}

// find finds in real images what a naive search finds in the bytes that map
// says are there.
func TestSamples(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat(samples); err != nil {
		t.Skipf("no sample images: %v", err)
	}
	var paths []string
	for _, pattern := range []string{
		"cuviper/elfutils/tests/*core*.bz2", "eliben/pyelftools/test/*/core_*.elf",
		"golang/debug/internal/core/testdata/core", "file/file-tests/db/misc/core",
		"llvm-mirror/lldb/packages/Python/lldbsuite/test/functionalities/postmortem/elf-core/*/*.core",
		"qemu-bios16m/dump.elf.gz", "qemu-bios16m/dump.raw.gz",
	} {
		more, err := filepath.Glob(filepath.Join(samples, filepath.FromSlash(pattern)))
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, more...)
	}
	for _, path := range testenv.Some(t, testenv.Rounds(4, 6, 0), paths) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			image := unpacked(t, path)
			m := memoryOf(t, image)
			if len(m) == 0 {
				t.Skip("no byte is present")
			}
			longest := slices.MaxFunc(m, func(a, b struct {
				first uint64
				bytes []byte
			}) int {
				return cmp.Compare(len(a.bytes), len(b.bytes))
			})
			words := regexp.MustCompile(`[A-Za-z_]{4,12}`).FindAll(longest.bytes, 400)
			literals := [][]byte{[]byte("/lib"), {0xff, 0xff, 0xff}}
			for i := 0; i < len(words); i += 1 + len(words)/4 {
				literals = append(literals, words[i])
			}
			args := []string{"find", "-o", "jsonl", "--shard-size", "4096"}
			want := map[string][]uint64{}
			for i, lit := range literals {
				name := "p" + strconv.Itoa(i)
				args = append(args, "-e", name+"=hex:"+hex.EncodeToString(lit))
				want[name] = m.find(lit)
			}
			got := map[string][]uint64{}
			last := uint64(0)
			for _, r := range rows(t, vscan(t, []int{0, 1, 3}, append(args, image)...)) {
				if r.Type == "summary" {
					for name, n := range r.Counts {
						if n != len(got[name]) {
							t.Errorf("%s: %d counted, %d written", name, n, len(got[name]))
						}
					}
					continue
				}
				a := address(t, r.Addr)
				if a < last {
					t.Errorf("%#x after %#x", a, last)
				}
				last = a
				got[r.Pattern] = append(got[r.Pattern], a)
			}
			for name, addrs := range want {
				if !slices.Equal(got[name], addrs) {
					t.Errorf("%s of %q: %d hits, a naive search has %d", name, args, len(got[name]), len(addrs))
				}
			}
		})
	}
}

// Two dumps of one machine, in different formats, hold the same at the same physical
// addresses.
func TestSampleMachine(t *testing.T) {
	if _, err := os.Stat(samples); err != nil {
		t.Skipf("no sample images: %v", err)
	}
	raw := unpacked(t, filepath.Join(samples, "qemu-bios16m", "dump.raw.gz"))
	elf := unpacked(t, filepath.Join(samples, "qemu-bios16m", "dump.elf.gz"))
	hits := func(image string) []string {
		var all []string
		for _, r := range rows(t, vscan(t, []int{0}, "find", "-o", "jsonl", "-e", "SeaBIOS", "-e", "u32le:0xfffe0000..0xffffffff", "--range", "..0xffffff", image)) {
			if r.Type == "hit" {
				all = append(all, fmt.Sprint(r.Addr, r.Pattern))
			}
		}
		return all
	}
	of := hits(raw)
	if len(of) < 100 {
		t.Errorf("%d hits", len(of))
	}
	if !slices.Equal(hits(elf), of) {
		t.Errorf("%d hits in the ELF dump, %d in the raw one", len(hits(elf)), len(of))
	}
}
