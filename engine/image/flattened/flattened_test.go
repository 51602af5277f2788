package flattened

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/budget"
	"vscan/engine/image"
	"vscan/engine/image/imagetest"
	"vscan/internal/testenv"
)

// dump returns a kdump with some pages.
func dump(how string) []byte {
	k := imagetest.Kdump{Version: 6, Machine: "x86_64", Block: 1024, How: how, Pages: map[uint64]string{}, Excluded: []uint64{7}}
	for p := range uint64(6) {
		k.Pages[p] = strings.Repeat(fmt.Sprintf("page %d ", p), 200)[:1024]
	}
	return k.Build()
}

// cutUp returns a file in blocks drawn at random, in any order, and some under others.
func cutUp(rnd *rand.Rand, b []byte) []imagetest.FlatBlock {
	var whole, under []imagetest.FlatBlock
	for off := 0; off < len(b); {
		n := min(len(b)-off, 1+rnd.IntN(700))
		whole = append(whole, imagetest.FlatBlock{Off: uint64(off), Data: string(b[off : off+n])})
		off += n
	}
	rnd.Shuffle(len(whole), func(i, j int) { whole[i], whole[j] = whole[j], whole[i] })
	for range rnd.IntN(8) {
		off := rnd.IntN(len(b))
		under = append(under, imagetest.FlatBlock{Off: uint64(off), Data: strings.Repeat("x", min(len(b)-off, rnd.IntN(3000)))})
	}
	return append(under, whole...)
}

func opened(t *testing.T, b []byte) *image.Image {
	t.Helper()
	img, err := imagetest.Finished(open(t.Context(), imagetest.Reader(b), image.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	imagetest.CheckImage(t, img, uint64(len(b)))
	return img
}

// memory returns what an image has, as text.
func memory(t *testing.T, img *image.Image) string {
	t.Helper()
	s, err := engine.NewSpace(img.Mappings...)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for v := range s.Intervals(addr.All) {
		fmt.Fprintf(&out, "%v %v", v.Range, v.State())
		if v.State() == engine.Present {
			b, err := s.Bytes(v.First, int(v.Size()))
			fmt.Fprintf(&out, " %q %v", b, err)
		}
		out.WriteString("\n")
	}
	return out.String()
}

// A flattened dump is the dump, whatever the order of its blocks, and a later block lies on
// top of earlier ones.
func TestFlattened(t *testing.T) {
	rnd := testenv.Rand(t)
	elfCore := imagetest.BuildELF(true, addr.Little, []imagetest.Segment{{Type: 1, Data: strings.Repeat("some memory", 300), Memsz: 5000}}, nil)
	for round := range testenv.Rounds(10, 30, 1000) {
		b, format := dump([]string{"none", "zlib", "zstd"}[round%3]), "kdump"
		if round%4 == 0 {
			b, format = elfCore, "ELF process core"
		}
		want := opened(t, imagetest.Flatten([]imagetest.FlatBlock{{Off: 0, Data: string(b)}}))
		blocks := cutUp(rnd, b)
		got := opened(t, imagetest.Flatten(blocks))
		if memory(t, got) != memory(t, want) || got.Format != format || got.Missing != 0 {
			t.Fatalf("round %d: %s\n%s\nwant\n%s", round, got.Detail, memory(t, got), memory(t, want))
		}
		if !strings.HasSuffix(got.Detail, fmt.Sprintf(", flattened in %d blocks", len(blocks))) {
			t.Errorf("detail %q of %d blocks", got.Detail, len(blocks))
		}
	}
}

// What overlays show is what writing the blocks one after another gives.
func TestOverlay(t *testing.T) {
	rnd := testenv.Rand(t)
	for range testenv.Rounds(100, 400, 20000) {
		want, zero := make([]byte, 200), make([]bool, 200)
		for i := range zero {
			zero[i] = true
		}
		var blocks []imagetest.FlatBlock
		size := 0
		for n := range rnd.IntN(12) {
			off := rnd.IntN(150)
			data := strings.Repeat(string(rune('a'+n)), rnd.IntN(50))
			if off == 0 && data == "" {
				continue // the header of such a block is zeros, and is taken for a hole of the file
			}
			blocks = append(blocks, imagetest.FlatBlock{Off: uint64(off), Data: data})
			copy(want[off:], data)
			for i := range data {
				zero[off+i] = false
			}
			if data != "" {
				size = max(size, off+len(data))
			}
		}
		x, err := readIndex(t.Context(), imagetest.Reader(imagetest.Flatten(blocks)), image.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if int(x.Size()) != size || !x.ended {
			t.Fatalf("size %d, want %d", x.Size(), size)
		}
		buf := make([]byte, 200)
		for range 50 {
			off, n := rnd.IntN(200), 1+rnd.IntN(60)
			checkBytes(t, x, buf, want[:size], off, n)
		}
		for off := range uint64(size) {
			if end, hole := x.extentAt(off); hole != zero[off] || end <= off || end > uint64(size) {
				t.Fatalf("extent at %d: up to %d, hole %v", off, end, hole)
			}
		}
		for off := uint64(0); off < uint64(size); {
			first, behind := x.NextHole(off, uint64(size), 1)
			for i := off; i < behind; i++ {
				if hole := i >= first; hole != zero[i] {
					t.Fatalf("hole %d..%d, and at %d %v", first, behind, i, zero[i])
				}
			}
			off = behind
		}
	}
}

// checkBytes reads bytes in both ways.
func checkBytes(t *testing.T, x *overlay, buf, want []byte, off, n int) {
	t.Helper()
	end := min(off+n, len(want))
	part := want[min(off, end):end]
	got, err := x.View(buf, uint64(off), n)
	if !bytes.Equal(got, part) || (err != nil) != (len(part) < n) {
		t.Fatalf("View(%d, %d) = %q, %v, want %q", off, n, got, err, part)
	}
	m, err := x.ReadAt(buf[:n], int64(off))
	if !bytes.Equal(buf[:m], part) || errors.Is(err, io.EOF) != (len(part) < n) {
		t.Fatalf("ReadAt(%d, %d) = %q, %v, want %q", off, n, buf[:m], err, part)
	}
}

// Of a file that is cut or damaged what is there is read, and nothing is taken for zeros.
func TestCut(t *testing.T) {
	b := dump("none")
	half := len(b) - 2*1024
	blocks := []imagetest.FlatBlock{{Off: uint64(half), Data: string(b[half:])}, {Off: 0, Data: string(b[:half-1024])}, {Off: uint64(half - 1024), Data: string(b[half-1024 : half])}}
	whole := imagetest.Flatten(blocks)
	end := len(whole) - 16
	bad := bytes.Clone(whole)
	copy(bad[end-1024-16:], "\x80")
	for name, c := range map[string]struct {
		file  []byte
		lost  uint64
		notes []string
	}{
		"whole":       {whole, 0, nil},
		"no end":      {whole[:end], 1, []string{"truncated: the file ends at offset"}},
		"block cut":   {whole[:end-1], 1024, []string{"truncated: block 2 is cut at the end of the file", "1 page cannot be read"}},
		"block gone":  {whole[:end-1024], 1024, []string{"truncated: block 2 is cut at the end of the file", "1 page cannot be read"}},
		"header gone": {whole[:end-1024-16], 1024, []string{"truncated: the file ends at offset", "1 page cannot be read"}},
		"damaged":     {bad, 1024, []string{"the header of block 2 at file offset", "1 page cannot be read"}},
	} {
		t.Run(name, func(t *testing.T) {
			img := opened(t, c.file)
			imagetest.CheckNotes(t, img, c.notes...)
			if img.Missing != c.lost {
				t.Errorf("%d bytes missing, want %d", img.Missing, c.lost)
			}
			if strings.Contains(memory(t, img), `\x00`) {
				t.Error("zeros that no page has")
			}
		})
	}
	for _, n := range []int{0, 16, 4096, 4096 + 16, 4096 + 500} {
		_, err := open(t.Context(), imagetest.Reader(whole[:n]), image.Options{})
		if err == nil {
			t.Errorf("of %d bytes: no error", n)
		}
	}
	_, err := open(t.Context(), imagetest.Reader(imagetest.Flatten([]imagetest.FlatBlock{{Off: 0, Data: "something else"}})), image.Options{})
	imagetest.CheckError(t, err, "neither a kdump nor an ELF core")
	_, err = open(t.Context(), imagetest.Reader(whole), image.Options{Budget: budget.New(1000)})
	if !errors.As(err, new(*budget.Error)) {
		t.Error(err)
	}
}

// What is wrong with the dump is told with where the flattened file has it.
func TestPlacesAreThoseOfTheFile(t *testing.T) {
	core := string(imagetest.BuildELF(true, addr.Little, []imagetest.Segment{{Type: 1, Vaddr: 0x1000, Data: "abcdefgh", Memsz: 4}}, nil))
	img := opened(t, imagetest.Flatten([]imagetest.FlatBlock{{Off: 100, Data: core[100:]}, {Off: 0, Data: core[:100]}}))
	imagetest.CheckNotes(t, img, fmt.Sprintf("program header 0 at file offset %#x: 0x8 bytes in the file for 0x4", 4096+16+len(core)-100+16+64))
}

// What lies behind the end of the dump is told without an offset of the end: that is none of the flattened file, as the place beside it is.
func TestCutBitmaps(t *testing.T) {
	k := imagetest.Kdump{Version: 6, Machine: "x86_64", Block: 4096, How: "zlib", Pages: map[uint64]string{1: strings.Repeat("page", 1024)}}
	dump := string(k.Build()[:3*4096])
	img := opened(t, imagetest.Flatten([]imagetest.FlatBlock{{Off: 0x2000, Data: dump[0x2000:]}, {Off: 0, Data: dump[:0x2000]}}))
	imagetest.CheckNotes(t, img, "truncated: the bitmaps at file offset 0x1010 are cut at the end of the file after 0x1000 of 0x2000 bytes")
}
