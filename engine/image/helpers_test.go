package image

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vscan/engine"
	"vscan/engine/addr"
)

// memSource is a file that is a byte slice.
type memSource struct{ data []byte }

func (s *memSource) Name() string { return "test.img" }
func (s *memSource) Size() uint64 { return uint64(len(s.data)) }
func (s *memSource) View(_ []byte, off uint64, n int) ([]byte, error) {
	if off > uint64(len(s.data)) || uint64(n) > uint64(len(s.data))-off {
		return nil, io.ErrUnexpectedEOF
	}
	return s.data[off:][:n], nil
}

func memInput(b []byte) input {
	return input{bytes.NewReader(b), uint64(len(b)), &memSource{b}}
}

// testSeg is a program header to build. Bytes are laid out one after another
// unless at says where.
type testSeg struct {
	typ, flags   uint32
	vaddr, paddr uint64
	data         string
	filesz       *uint64 // len(data) where nil
	memsz        uint64
	align        uint64
	at           uint64
}

// finished returns the image of a draft.
func finished(d *Draft, err error) (*Image, error) {
	if err != nil {
		return nil, err
	}
	return d.Finish(), nil
}

func num(n uint64) *uint64 { return &n }

// buildELF makes an ELF core, or what edit makes of its header.
func buildELF(wide bool, order addr.ByteOrder, segs []testSeg, edit func(h []byte)) []byte {
	ehsize, phsize := 52, 32
	if wide {
		ehsize, phsize = 64, 56
	}
	out := make([]byte, ehsize+phsize*len(segs))
	put := func(b []byte, off, size int, v uint64) { order.PutUint(b[off:off+size], v) }
	copy(out, "\x7fELF")
	out[4], out[5], out[6] = 1, byte(order)+1, 1
	put(out, 16, 2, 4)
	put(out, 18, 2, 3)
	if wide {
		out[4] = 2
		put(out, 18, 2, 62)
		put(out, 32, 8, uint64(ehsize))
		put(out, 54, 2, uint64(phsize))
		put(out, 56, 2, uint64(min(len(segs), 0xffff)))
	} else {
		put(out, 28, 4, uint64(ehsize))
		put(out, 42, 2, uint64(phsize))
		put(out, 44, 2, uint64(min(len(segs), 0xffff)))
	}
	for i, s := range segs {
		off, filesz := s.at, uint64(len(s.data))
		if off == 0 {
			off = uint64(len(out))
			out = append(out, s.data...)
		}
		if s.filesz != nil {
			filesz = *s.filesz
		}
		p := out[ehsize+i*phsize:]
		put(p, 0, 4, uint64(s.typ))
		if wide {
			put(p, 4, 4, uint64(s.flags))
			for k, v := range []uint64{off, s.vaddr, s.paddr, filesz, s.memsz, s.align} {
				put(p, 8+8*k, 8, v)
			}
		} else {
			for k, v := range []uint64{off, s.vaddr, s.paddr, filesz, s.memsz, uint64(s.flags), s.align} {
				put(p, 4+4*k, 4, v)
			}
		}
	}
	if edit != nil {
		edit(out)
	}
	return out
}

// testNote is a note, padded.
func testNote(order addr.ByteOrder, pad int, name string, typ uint64, desc string) string {
	b := make([]byte, 12)
	order.PutUint(b[0:4], uint64(len(name)+1))
	order.PutUint(b[4:8], uint64(len(desc)))
	order.PutUint(b[8:12], typ)
	fill := func() {
		for len(b)%pad != 0 {
			b = append(b, 0)
		}
	}
	b = append(append(b, name...), 0)
	fill()
	b = append(b, desc...)
	fill()
	return string(b)
}

// words is numbers of a size, one after another.
func words(order addr.ByteOrder, size int, vs ...uint64) string {
	b := make([]byte, size*len(vs))
	for i, v := range vs {
		order.PutUint(b[i*size:][:size], v)
	}
	return string(b)
}

// show prints mappings, one a line, for comparison.
func show(ms []engine.Mapping) string {
	var b strings.Builder
	for _, m := range ms {
		fmt.Fprintf(&b, "%#x..%#x %v", uint64(m.First), uint64(m.Last), m.State)
		if m.State == engine.Present {
			fmt.Fprintf(&b, " +%#x", m.Offset)
		}
		if p := m.Perm.String(); p != "" {
			fmt.Fprintf(&b, " %s", p)
		}
		fmt.Fprintf(&b, " %s\n", m.Name)
	}
	return b.String()
}

func checkMappings(t *testing.T, img *Image, want string) {
	t.Helper()
	want = strings.ReplaceAll(strings.TrimLeft(want, "\n"), "\t", "")
	if got := show(img.Mappings); got != want {
		t.Errorf("mappings:\n%swant:\n%s", got, want)
	}
}

func checkNotes(t *testing.T, img *Image, want ...string) {
	t.Helper()
	if len(img.Notes) != len(want) {
		t.Errorf("notes %q, want %d with %q", img.Notes, len(want), want)
		return
	}
	for i, w := range want {
		if !strings.Contains(img.Notes[i], w) {
			t.Errorf("note %q, want one with %q", img.Notes[i], w)
		}
	}
}

func checkError(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
		t.Errorf("error %v, want one line with %q", err, want)
	}
}

// called is the ranges that have a name, those that touch joined.
func called(ms []engine.Mapping, name string) []addr.Range {
	var out []addr.Range
	for _, m := range ms {
		if m.Name == name {
			out = append(out, m.Range)
		}
	}
	return addr.Merge(out)
}

// checkImage holds for every image, however hostile its file.
func checkImage(t *testing.T, img *Image, size uint64) {
	t.Helper()
	if len(img.Notes) > MaxNotes+1 {
		t.Errorf("%d notes", len(img.Notes))
	}
	for _, n := range img.Notes {
		if strings.ContainsAny(n, "\n\r") {
			t.Errorf("note of several lines: %q", n)
		}
	}
	for _, h := range img.Hints {
		if h.Note < 0 || h.Note >= min(len(img.Notes), MaxNotes) || h == (Hint{Note: h.Note}) {
			t.Errorf("hint %+v of %d notes", h, len(img.Notes))
		}
	}
	if !slices.Contains(img.Spaces, img.Space) {
		t.Errorf("space %q of %q", img.Space, img.Spaces)
	}
	if uint64(len(img.Mappings)) > size {
		t.Errorf("%d mappings of %d bytes", len(img.Mappings), size)
	}
	for _, m := range img.Mappings {
		switch {
		case !m.Valid():
			t.Fatalf("mapping %v is not in order", m.Range)
		case m.Name == "":
			t.Fatalf("mapping %v has no name", m.Range)
		case (m.Source != nil) != (m.State == engine.Present):
			t.Fatalf("mapping %v: %v, source %v", m.Range, m.State, m.Source)
		case m.State == engine.Present && (m.Offset > size || m.Size() > size-m.Offset):
			t.Fatalf("mapping %v: %d bytes at file offset %#x of %#x", m.Range, m.Size(), m.Offset, size)
		}
	}
}

// sample is the path of a real image, or skips the test.
func sample(t testing.TB, name string) string {
	t.Helper()
	path := filepath.Join("../../../shared/samples", name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("no sample images here: %v", err)
	}
	return path
}

// tempFile writes a file to open.
func tempFile(t testing.TB, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}
