package imagetest

import (
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"encoding/binary"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/internal/testenv"
)

// Unpack reads a sample, decompressed.
func Unpack(path string) ([]byte, error) {
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

// EachCore calls f with the path and the bytes of every ELF file among the samples, of which
// most are cores, or skips the test. The one of 100 MB is among them at full length.
func EachCore(t *testing.T, f func(path string, b []byte)) {
	t.Helper()
	err := filepath.WalkDir(Sample(t, "."), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if filepath.Ext(path) == ".zst" && !testenv.Long() {
			return nil
		}
		if info, err := d.Info(); err != nil || info.Size() > 12<<20 {
			return err
		}
		if b, err := Unpack(path); err == nil && len(b) >= 64 && bytes.HasPrefix(b, []byte("\x7fELF")) { // otherwise it is no core, or zstd is not here
			f(path, b)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// plainLoad is a PT_LOAD of a core, parsed in the plainest way.
type plainLoad struct{ off, vaddr, filesz, memsz uint64 }

func PlainLoads(b []byte) []plainLoad {
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

// UnsavedFiles checks and counts the mappings of files that no segment has.
func UnsavedFiles(t *testing.T, path string, b []byte, ms []engine.Mapping) int {
	t.Helper()
	loads := PlainLoads(b)
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

// CompareLoads takes the mappings off in the order of the segments, and
// returns the number of bytes that the file lacks.
func CompareLoads(t *testing.T, path string, b []byte, ms []engine.Mapping) (missing uint64) {
	t.Helper()
	for _, l := range PlainLoads(b) {
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
