package windows

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/budget"
	"vscan/engine/image"
	"vscan/engine/image/imagetest"
	"vscan/internal/testenv"
)

// seeds are small dumps of every kind.
func seeds() [][]byte {
	var all [][]byte
	for _, kind := range []uint64{1, 2, 5, 6, 8, 9, 10} {
		for _, isWide := range []bool{true, false} {
			h := imagetest.WinHeader{Wide: isWide, Kind: kind, Runs: [][2]uint64{{1, 2}, {5, 1}}}
			behind := ""
			switch kind {
			case 5, 6:
				behind, _ = imagetest.WinBitmap(len(h.String()), "FDMP", 13, 1, 2, 12)
			case 8, 9, 10:
				behind, _ = imagetest.WinRanges(kind == 10, [2]uint64{1, 2}, [2]uint64{5, 1})
			}
			all = append(all, []byte(h.String()+behind+imagetest.WinPages(1, 2, 5)))
		}
	}
	return all
}

// check opens a file, and holds for every one.
func check(t *testing.T, b []byte) {
	t.Helper()
	img, err := imagetest.Finished(Open(t.Context(), imagetest.Reader(b), image.Options{}))
	if err != nil {
		imagetest.CheckError(t, err, "")
		return
	}
	imagetest.CheckImage(t, img, 8*uint64(len(b))) // a bit of a bitmap can be a run
	for _, m := range img.Mappings {
		if m.State == engine.Present && (m.Offset > uint64(len(b)) || m.Size() > uint64(len(b))-m.Offset) {
			t.Errorf("%v at file offset %#x of %#x", m.Range, m.Offset, len(b))
		}
		if err := m.Validate(); err != nil {
			t.Errorf("%v: %v", m.Range, err)
		}
		if m.State == engine.Absent && m.Absence == engine.Missing && img.Missing == 0 {
			t.Errorf("%v is missing, and the image is not", m.Range)
		}
	}
}

// A dump that is cut, or of which some bits are flipped, is an image or an error.
func TestHostile(t *testing.T) {
	rnd := testenv.Rand(t)
	for _, file := range seeds() {
		for range testenv.Rounds(50, 300, 20000) {
			check(t, file[:rnd.IntN(len(file))])
			b := bytes.Clone(file)
			for range 1 + rnd.IntN(3) {
				b[place(rnd, len(b))] ^= 1 << rnd.IntN(8)
			}
			check(t, b)
		}
	}
}

// place returns an offset at which a dump is likely to have a field.
func place(rnd *rand.Rand, size int) int {
	begin := []int{0, 0x20, 0x60, 0x88, 0x98, 0xf88, 0xf98, 0x1000, 0x1020, 0x2000, 0x2020, 0x2030}
	return min(begin[rnd.IntN(len(begin))]+rnd.IntN(32), size-1)
}

func FuzzDump(f *testing.F) {
	for _, b := range seeds() {
		f.Add(b[:len(b)-2*4096]) // two pages are missing, and the input stays small
	}
	f.Fuzz(check)
}

// A bitmap of a file that has no pages takes no more memory than the file is large, but for
// some: from there on it is told in one piece.
func TestBitmapWithoutPages(t *testing.T) {
	h := imagetest.WinHeader{Wide: true, Kind: 5}.String()
	summary, _ := imagetest.WinBitmap(len(h), "SDMP", 8<<16)
	b := []byte(h + summary)
	for i := range 1 << 16 {
		b[len(h)+0x38+i] = 0x55
	}
	img, err := imagetest.Finished(Open(t.Context(), imagetest.Reader(b), image.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	if n := uint64(len(img.Mappings)); n < fewRuns || n > fewRuns+uint64(len(b))/512+1 {
		t.Errorf("%d mappings", n)
	}
	if last := img.Mappings[len(img.Mappings)-1]; last.Last != (8<<16-1)*4096-1 || last.Absence != engine.Missing {
		t.Errorf("%+v", last)
	}
	if img.Missing != 4<<16*4096 {
		t.Errorf("%d bytes missing", img.Missing)
	}
	imagetest.CheckNotes(t, img, "it is not told apart", "the dump says that it has 0 pages, and its bitmap has 262144", "truncated")
	_, err = Open(t.Context(), imagetest.Reader(b), image.Options{Budget: budget.New(1 << 20)})
	imagetest.CheckError(t, err, "524288 runs of pages")
	const runs = fewRuns + 1<<15
	table, _ := imagetest.WinRanges(false, make([][2]uint64, runs)...)
	b = []byte(imagetest.WinHeader{Wide: true, Kind: 9}.String() + table)
	for i := range runs {
		copy(b[0x2030+16*i:], imagetest.Words(addr.Little, 8, uint64(2*i+1), 1))
	}
	img, err = imagetest.Finished(Open(t.Context(), imagetest.Reader(b), image.Options{}))
	if err != nil || uint64(len(img.Mappings)) > fewRuns+uint64(len(b))/512 || img.Missing == 0 {
		t.Errorf("%v, %v", img, err)
	}
	_, err = Open(t.Context(), imagetest.Reader(b), image.Options{Budget: budget.New(1 << 20)})
	imagetest.CheckError(t, err, "run 4096")
}

// A bitmap of any number of bits, cut anywhere, has the pages that its bits say, one by one.
func TestBitmapAgainstBits(t *testing.T) {
	rnd := testenv.Rand(t)
	for range testenv.Rounds(100, 300, 50000) {
		isWide, n := rnd.IntN(2) == 0, uint64(1+rnd.IntN(400))
		dense := rnd.Float64()
		var pages []uint64
		for p := range n {
			if rnd.Float64() < dense {
				pages = append(pages, p)
			}
		}
		h := imagetest.WinHeader{Wide: isWide, Kind: 5}.String()
		summary, first := imagetest.WinBitmap(len(h), "FDMP", n, pages...)
		b := append([]byte(h+summary), make([]byte, 4096*len(pages))...)
		if rnd.IntN(3) == 0 {
			b = b[:int(first)+rnd.IntN(len(b)-int(first)+1)]
		}
		img, err := imagetest.Finished(Open(t.Context(), imagetest.Reader(b), image.Options{}))
		if err != nil {
			t.Fatal(err)
		}
		for i, p := range pages { // the byte in the middle of each
			a, off := addr.Addr(p*4096+2048), first+uint64(4096*i)+2048
			m := at(img, a)
			if held := off < uint64(len(b)); m == nil || (m.State == engine.Present) != held || held && m.OffsetOf(a) != off || !held && m.Absence != engine.Missing {
				t.Fatalf("page %d of %d: %+v", p, n, m)
			}
		}
		left := n - uint64(len(pages))
		var out uint64
		for i, m := range img.Mappings {
			if m.State == engine.Absent && m.Absence == engine.Excluded {
				out += m.Size()
			}
			if want := addr.Addr(0); i > 0 {
				if want = img.Mappings[i-1].Last + 1; m.First != want {
					t.Fatalf("%v begins with %v, and not %v", i, m.First, want)
				}
			}
		}
		if out != left*4096 || img.Mappings[len(img.Mappings)-1].Last != addr.Addr(n*4096-1) {
			t.Fatalf("%d bytes left out, want %d", out, left*4096)
		}
	}
}

// at returns the mapping that has an address.
func at(img *image.Image, a addr.Addr) *engine.Mapping {
	for i := range img.Mappings {
		if img.Mappings[i].Contains(a) {
			return &img.Mappings[i]
		}
	}
	return nil
}
