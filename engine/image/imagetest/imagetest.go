// Package imagetest makes files for the tests of the packages around it, and checks
// the images that come of them. What it writes it writes by itself, so that a reader is
// not tested by its own constants. It is for tests.
package imagetest

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/engine/image/input"
)

// memSource is a file that is a byte slice.
type memSource struct{ data []byte }

func (s *memSource) Name() string              { return "test.img" }
func (s *memSource) PlaceOf(off uint64) string { return fmt.Sprintf("at file offset %#x", off) }
func (s *memSource) Size() uint64              { return uint64(len(s.data)) }
func (s *memSource) View(_ []byte, off uint64, n int) ([]byte, error) {
	if off > uint64(len(s.data)) || uint64(n) > uint64(len(s.data))-off {
		return nil, io.ErrUnexpectedEOF
	}
	return s.data[off:][:n], nil
}

func Reader(b []byte) input.Reader {
	return input.Reader{ReaderAt: bytes.NewReader(b), Size: uint64(len(b)), Source: &memSource{b}}
}

// JoinedSpaces returns the names of spaces with blanks between.
func JoinedSpaces(spaces []image.AddressSpace) string {
	return strings.Trim(fmt.Sprint(spaces), "[]")
}

// Finished returns the image of a draft.
func Finished(d *image.Draft, err error) (*image.Image, error) {
	if err != nil {
		return nil, err
	}
	return d.Finish(), nil
}

// Show prints mappings, one a line, for comparison.
func Show(ms []engine.Mapping) string {
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

func CheckMappings(t *testing.T, img *image.Image, want string) {
	t.Helper()
	want = strings.ReplaceAll(strings.TrimLeft(want, "\n"), "\t", "")
	if got := Show(img.Mappings); got != want {
		t.Errorf("mappings:\n%swant:\n%s", got, want)
	}
}

func CheckNotes(t *testing.T, img *image.Image, want ...string) {
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

func CheckError(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
		t.Errorf("error %v, want one line with %q", err, want)
	}
}

// MissingBytes returns how many bytes of an image's mappings are missing.
func MissingBytes(img *image.Image) (n uint64) {
	for i := range img.Mappings {
		if m := &img.Mappings[i]; m.Absence == engine.Missing {
			n = addr.Sum(n, m.Size())
		}
	}
	return n
}

// Called returns the ranges that have a name, those that touch joined.
func Called(ms []engine.Mapping, name string) []addr.Range {
	var out []addr.Range
	for _, m := range ms {
		if m.Name == name {
			out = append(out, m.Range)
		}
	}
	return addr.Merge(out)
}

// CheckImage holds for every image, however hostile its file.
func CheckImage(t *testing.T, img *image.Image, size uint64) {
	t.Helper()
	if len(img.Notes) > image.MaxNotes+1 {
		t.Errorf("%d notes", len(img.Notes))
	}
	for _, n := range img.Notes {
		if strings.ContainsAny(n, "\n\r") {
			t.Errorf("note of several lines: %q", n)
		}
	}
	for _, h := range img.Hints {
		if h.Note < 0 || h.Note >= min(len(img.Notes), image.MaxNotes) || h == (image.Hint{Note: h.Note}) {
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
		case m.State == engine.Present:
			held := max(size, m.Source.Size()) // memory that is packed is larger than its file
			if m.Offset > held || m.Size() > held-m.Offset {
				t.Fatalf("mapping %v: %d bytes at offset %#x of %#x", m.Range, m.Size(), m.Offset, held)
			}
		}
	}
}

// Sample returns the path of a real image, or skips the test.
func Sample(t testing.TB, name string) string {
	t.Helper()
	return shared(t, filepath.Join("samples", name))
}

// Libkdumpfile returns a file of the tests of libkdumpfile, or skips the test.
func Libkdumpfile(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(Sample(t, "ptesarik/libkdumpfile/tests/"+name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// MadeSample returns the path of a small image that another program made, or skips the
// test.
func MadeSample(t testing.TB, name string) string {
	t.Helper()
	return shared(t, filepath.Join("tools/images/small", name))
}

// shared returns the path of a file in the folder shared beside this module, or skips
// the test.
func shared(t testing.TB, name string) string {
	t.Helper()
	up := "."
	for range 10 {
		if _, err := os.Stat(filepath.Join(up, "go.mod")); err == nil {
			break
		}
		up = filepath.Join(up, "..")
	}
	path := filepath.Join(up, "../shared", name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("no sample images here: %v", err)
	}
	return path
}

// TempFile writes a file to open.
func TempFile(t testing.TB, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func WriteFile(t testing.TB, dir, name, content string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// Zeros and padded make what follows a magic.
func Zeros(n int) string { return strings.Repeat("\x00", n) }

func Padded(s string, n int) string { return s + Zeros(n-len(s)) }

// CheckHints checks the hints of an image, each on the note that has its index.
func CheckHints(t *testing.T, img *image.Image, want ...image.Hint) {
	t.Helper()
	if !slices.Equal(img.Hints, want) {
		t.Errorf("hints %+v, want %+v; notes %q", img.Hints, want, img.Notes)
	}
}

// Needs returns the path of a tool, or skips the test.
func Needs(t *testing.T, tool string) string {
	t.Helper()
	path, err := exec.LookPath(tool)
	if err != nil {
		t.Skipf("%s is not here: %v", tool, err)
	}
	return path
}
