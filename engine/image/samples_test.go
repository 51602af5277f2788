package image

import (
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vscan/engine"
	"vscan/engine/addr"
)

// unpack reads a sample, decompressed.
func unpack(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	switch filepath.Ext(path) {
	case ".bz2":
		return io.ReadAll(bzip2.NewReader(f))
	case ".gz":
		z, err := gzip.NewReader(f)
		if err != nil {
			return nil, err
		}
		return io.ReadAll(z)
	case ".zst":
		return exec.Command("zstd", "-dcq", path).Output()
	}
	return io.ReadAll(f)
}

// plainLoad is a PT_LOAD of a core, parsed in the plainest way.
type plainLoad struct{ off, vaddr, filesz, memsz uint64 }

func plainLoads(b []byte) []plainLoad {
	var order binary.ByteOrder = binary.LittleEndian
	if b[5] == 2 {
		order = binary.BigEndian
	}
	var loads []plainLoad
	if b[4] == 2 {
		n := uint64(order.Uint16(b[56:]))
		if n == 0xffff {
			n = uint64(order.Uint32(b[order.Uint64(b[40:])+44:]))
		}
		for i := range n {
			at := order.Uint64(b[32:]) + i*uint64(order.Uint16(b[54:]))
			if p := b[at:]; order.Uint32(p) == 1 {
				loads = append(loads, plainLoad{order.Uint64(p[8:]), order.Uint64(p[16:]), order.Uint64(p[32:]), order.Uint64(p[40:])})
			}
		}
		return loads
	}
	for i := range uint32(order.Uint16(b[44:])) {
		at := order.Uint32(b[28:]) + i*uint32(order.Uint16(b[42:]))
		if p := b[at:]; order.Uint32(p) == 1 {
			loads = append(loads, plainLoad{uint64(order.Uint32(p[4:])), uint64(order.Uint32(p[8:])), uint64(order.Uint32(p[16:])), uint64(order.Uint32(p[20:]))})
		}
	}
	return loads
}

// plainFiles is the ranges of NT_FILE, their ends behind the last byte, found in
// the plainest way: by its number.
func plainFiles(b []byte) (ranges [][2]uint64) {
	number, order := []byte("ELIF"), addr.Little
	if b[5] == 2 {
		number, order = []byte("FILE"), addr.Big
	}
	w := 4
	if b[4] == 2 {
		w = 8
	}
	i := bytes.Index(b, append(number, "CORE\x00\x00\x00\x00"...))
	if i < 0 {
		return nil
	}
	desc := b[i+12:]
	for k := range int(order.Uint(desc[:w])) {
		entry := desc[(2+3*k)*w:]
		ranges = append(ranges, [2]uint64{order.Uint(entry[:w]), order.Uint(entry[w : 2*w])})
	}
	return ranges
}

// Every real core: the mappings are the load segments, to the byte, and below
// them what of NT_FILE no segment has.
func TestSampleCores(t *testing.T) {
	root := sample(t, ".")
	count, names := 0, map[string]int{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if info, err := d.Info(); err != nil || info.Size() > 12<<20 {
			return err
		}
		b, err := unpack(path)
		if err != nil || len(b) < 64 || !bytes.HasPrefix(b, []byte("\x7fELF")) {
			return nil // not a core, or zstd is not here
		}
		count++
		img, err := finished(openELF(memInput(b), Options{}))
		if len(plainLoads(b)) == 0 { // one has registers only
			checkError(t, err, "holds no memory")
			return nil
		}
		if err != nil {
			t.Error(err)
			return nil
		}
		checkImage(t, img, uint64(len(b)))
		missing := compareLoads(t, path, b, img.Mappings[unsavedFiles(t, path, b, img.Mappings):])
		if img.Missing != missing {
			t.Errorf("%s: %d bytes missing, want %d", path, img.Missing, missing)
		}
		for _, m := range img.Mappings {
			name := m.Name
			if strings.HasPrefix(name, "load[") {
				name = "load"
			} else if strings.HasPrefix(name, "/") {
				name = "/"
			}
			names[name]++
		}
		if missing == 0 && img.AltWordSize == 0 && len(img.Notes) > 0 {
			t.Errorf("%s: notes %q", path, img.Notes)
		}
		t.Logf("%s: %s, %s; %d mappings %q", filepath.Base(path), img.Format, img.Detail, len(img.Mappings), img.Notes)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d cores, names %v", count, names)
	if count < 50 {
		t.Errorf("%d cores", count)
	}
	if names["/"] == 0 || names["[stack]"] == 0 || names["[vdso]"] == 0 {
		t.Errorf("names %v: want files, [stack] and [vdso] among them", names)
	}
}

// unsavedFiles checks and counts the mappings of files that no segment has.
func unsavedFiles(t *testing.T, path string, b []byte, ms []engine.Mapping) int {
	t.Helper()
	loads := plainLoads(b)
	saved := func(a uint64) bool {
		return slices.ContainsFunc(loads, func(l plainLoad) bool { return a-l.vaddr < l.memsz })
	}
	count := 0
	for _, f := range plainFiles(b) {
		for a := f[0]; a < f[1]; {
			if saved(a) {
				a += 0x1000
				continue
			}
			if count == len(ms) || uint64(ms[count].First) != a || ms[count].State != engine.Absent || ms[count].Perm != 0 {
				t.Errorf("%s: %#x of a file is in no segment and not absent", path, a)
				return count
			}
			for a <= uint64(ms[count].Last) {
				if saved(a) {
					t.Errorf("%s: %#x is in a segment and absent as well", path, a)
				}
				a += 0x1000
			}
			count++
		}
	}
	return count
}

// compareLoads takes the mappings off in the order of the segments, and
// returns the number of bytes that the file lacks.
func compareLoads(t *testing.T, path string, b []byte, ms []engine.Mapping) (missing uint64) {
	t.Helper()
	for _, l := range plainLoads(b) {
		want := min(l.filesz, l.memsz)
		held := uint64(0)
		if l.off < uint64(len(b)) {
			held = min(want, uint64(len(b))-l.off)
		}
		missing += want - held
		for pos := uint64(0); pos < l.memsz; {
			if len(ms) == 0 {
				t.Errorf("%s: no mapping for %#x", path, l.vaddr+pos)
				return
			}
			m := ms[0]
			ms = ms[1:]
			present := pos < held
			if uint64(m.First) != l.vaddr+pos || (m.State == engine.Present) != present || present && (m.Offset != l.off+pos || pos+m.Size() > held) {
				t.Errorf("%s: mapping %+v, want %#x at %#x, present %v", path, m, l.off+pos, l.vaddr+pos, present)
				return
			}
			pos += m.Size()
		}
	}
	if len(ms) > 0 {
		t.Errorf("%s: %d mappings too many", path, len(ms))
	}
	return missing
}

// One machine in four containers: what the ELF dump shows is what the raw one
// holds, and the others are refused by name.
func TestSampleGuest(t *testing.T) {
	elfDump, err := unpack(sample(t, "qemu-bios16m/dump.elf.gz"))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := unpack(sample(t, "qemu-bios16m/dump.raw.gz"))
	if err != nil {
		t.Fatal(err)
	}
	img := openTestELF(t, elfDump, Options{})
	if img.Format != "ELF machine dump" || img.Space != Physical || len(img.Mappings) != 2 || img.Missing != 0 {
		t.Errorf("%+v", img)
	}
	m := img.Mappings[0]
	got, err := m.Source.View(nil, m.Offset, int(m.Size()))
	if err != nil || m.First != 0 || !bytes.Equal(got, raw) {
		t.Errorf("memory of %v differs from the raw dump's: %v", m.Range, err)
	}
	for file, want := range map[string]string{
		"dump.kdump-zlib":      "kdump",
		"dump.kdump-zlib.flat": "makedumpfile flattened",
		"dump.elf.gz":          "gzip",
	} {
		_, err := Open(sample(t, "qemu-bios16m/"+file), Options{})
		var un *UnsupportedError
		if !errors.As(err, &un) || un.Format != want {
			t.Errorf("%s: %v", file, err)
		}
	}
}

// Of the head of a vmcore: both spaces, and the cut.
func TestSampleVmcore(t *testing.T) {
	b, err := unpack(sample(t, "cuviper/elfutils/tests/testfile62.bz2"))
	if err != nil {
		t.Fatal(err)
	}
	img := openTestELF(t, b, Options{Space: Physical})
	if len(img.Spaces) != 2 || img.Spaces[0] != Virtual {
		t.Errorf("spaces %q", img.Spaces)
	}
	checkMappings(t, img, `
	0x1003530..0x1e63fff absent rwx load[1]
	0x0..0x9ffff absent rwx load[2]
	0x100000..0x1ffffff absent rwx load[3]
	0xa000000..0x7d6affff absent rwx load[4]
	0x1000000..0x100352f present +0x990 rwx load[1]
	`)
	checkNotes(t, img, "truncated: 4 of 4")
}

func TestSampleMinidumps(t *testing.T) {
	root := sample(t, ".")
	count := map[string]int{}
	filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(path) == ".dmp" {
			_, err := Open(path, Options{})
			var un *UnsupportedError
			if !errors.As(err, &un) {
				t.Errorf("%s: %v", path, err)
				return nil
			}
			count[un.Format]++
			if micro := strings.HasPrefix(filepath.Base(path), "microdump"); (un.Format == "microdump") != micro || !micro && un.Format != "minidump" {
				t.Errorf("%s: %s", path, un.Format)
			}
		}
		return nil
	})
	t.Log(count)
	if count["minidump"] == 0 || count["microdump"] == 0 {
		t.Errorf("%v", count)
	}
}

// A core whose file is on disk, through every way of reading it.
func TestSampleOpen(t *testing.T) {
	path := sample(t, "eliben/pyelftools/test/testfiles_for_unittests/core_linux64.elf")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range []Options{{}, {NoMmap: true}, {Format: "elf", Space: Virtual}} {
		img, err := Open(path, o)
		if err != nil {
			t.Fatal(err)
		}
		if img.WordSize != 8 || img.Order != addr.Little || img.Missing != 0 {
			t.Errorf("%+v", img)
		}
		buf := make([]byte, 1<<20)
		for _, m := range img.Mappings {
			if m.State != engine.Present {
				continue
			}
			n := min(len(buf), int(m.Size()))
			var got []byte
			if err := engine.Guard(func() { got, err = m.Source.View(buf, m.Offset, n); got = bytes.Clone(got) }); err != nil {
				t.Fatal(err)
			}
			if err != nil || !bytes.Equal(got, b[m.Offset:][:n]) {
				t.Errorf("%v of %v: %v", o, m.Range, err)
			}
		}
		if err := img.Close(); err != nil {
			t.Error(err)
		}
	}
}
