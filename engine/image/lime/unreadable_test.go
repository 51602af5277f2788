package lime

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/engine/image/imagetest"
	"vscan/internal/testenv"
)

const page = 4 << 10

// randomText returns bytes among which there are neither headers nor zeros.
func randomText(rnd *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('a' + rnd.IntN(26))
	}
	return string(b)
}

// failingImage opens a dump of which a stretch cannot be read.
func failingImage(t *testing.T, file string, whole bool, bad ...[2]uint64) *image.Image {
	t.Helper()
	f := &imagetest.Failing{Data: []byte(file), Bad: bad, Whole: whole}
	img, err := imagetest.Finished(open(t.Context(), f.Reader(), image.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	imagetest.CheckImage(t, img, uint64(len(file)))
	return img
}

// A header that cannot be read costs its record, and what lies around it is read, in both byte
// orders; what is skipped is missing. Data that cannot be read are no matter of the headers.
func TestLiMEUnreadable(t *testing.T) {
	rnd := testenv.Rand(t)
	for order, r := range map[string]func(first, last uint64, data string) string{"little": imagetest.Record, "big": imagetest.BigRecord} {
		record := func(i uint64) string { return r(i*0x10000, i*0x10000+3*page-1, randomText(rnd, 3*page)) }
		const size = 3*page + 32
		file := record(1) + record(2) + record(3)
		show := func(all ...int) string {
			out := ""
			for name, i := range all {
				out += fmt.Sprintf("0x%d0000..0x%d2fff present +%#x record[%d]\n", i, i, (i-1)*size+32, name)
			}
			return out
		}
		for name, c := range map[string]struct {
			file     string
			from, to uint64 // what cannot be read
			shown    string
			missing  uint64
			note     string
		}{
			"data":               {file, page, 2 * page, show(1, 2, 3), 0, ""},
			"second header":      {file, 3 * page, 4 * page, show(1, 3), size, "record at file offset 0x3020: its header cannot be read: input/output error: the 12320 bytes from there to the next record, at file offset 0x6040"},
			"part of it":         {file, size + 31, size + 32, show(1, 3), size, "its header cannot be read"},
			"last header":        {file, 6 * page, 7 * page, show(1, 2), size, "its header cannot be read: input/output error: the 12320 bytes from there on"},
			"both":               {file, 3 * page, 7 * page, show(1), 2 * size, "its header cannot be read"},
			"up to the end":      {file, 3 * page, uint64(len(file)), show(1), 2 * size, "its header cannot be read"},
			"zeros behind":       {record(1) + imagetest.Zeros(9*page), 3 * page, 4 * page, show(1), 9 * page, "its header cannot be read"},
			"zeros that are not": {record(1) + imagetest.Zeros(9*page), 5 * page, 6 * page, show(1), 9*page - 32, "a header of zeros at file offset 0x3020"},
			"damaged, then bad":  {record(1) + strings.Repeat("x", page) + record(2), 4 * page, 5 * page, show(1), page + size, "magic"},
			"bad, then damaged":  {record(1) + strings.Repeat("x", 2*page) + record(2), 3 * page, 4 * page, strings.Replace(show(1, 2), "+0x3040", "+0x5040", 1), 2 * page, "its header cannot be read"},
		} {
			for _, whole := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s %s %v", order, name, whole), func(t *testing.T) {
					img := failingImage(t, c.file, whole, [2]uint64{c.from, c.to})
					imagetest.CheckMappings(t, img, c.shown)
					if img.Missing != c.missing {
						t.Errorf("%d bytes missing, want %d", img.Missing, c.missing)
					}
					if c.note != "" {
						imagetest.CheckNotes(t, img, c.note)
					}
				})
			}
		}
	}
}

// Of a compressed record, a chunk whose head cannot be read is lost, and those behind it are not; a length that
// cannot be read costs nothing.
func TestAVMLUnreadable(t *testing.T) {
	rnd := testenv.Rand(t)
	// The length of the stream ends where a page does.
	memory := randomText(rnd, 5*chunkMost-90)
	chunk := func(i int) string { return plain(memory[i*chunkMost : min((i+1)*chunkMost, len(memory))]) }
	record := avml(0, uint64(len(memory))-1, chunk(0), chunk(1), chunk(2), chunk(3), chunk(4))
	file := record + imagetest.Record(1<<20, 1<<20+page-1, randomText(rnd, page))
	head := func(i int) uint64 { return uint64(headerSize + len(identifier) + i*(chunkMost+8)) }
	end := uint64(len(record)) // a page ends there
	const last = "0x100000..0x100fff present +%#x record[1]\n"
	for name, c := range map[string]struct {
		from, to uint64
		lost     []int // chunks
		note     string
	}{
		"in a chunk": {head(1) + 5000, head(1) + 6000, nil, ""},
		"a head":     {head(2), head(2) + 1, []int{2}, "no chunk at file offset 0x2003a, which cannot be read: input/output error"},
		"its sum":    {head(2) + 4, head(2) + 5, []int{2}, "which cannot be read"},
		"two heads":  {head(1) + 4000, head(3) - 5000, []int{2}, "which cannot be read"},
		"the first":  {head(0), head(0) + 1, []int{0}, "which cannot be read"},
		"the last":   {head(4), head(4) + 1, []int{4}, "which cannot be read"},
		"a long gap": {head(1) + 4, head(4) - 5000, []int{1, 2, 3}, "which cannot be read"},
		"the length": {end - 8, end, nil, "stands its length, which cannot be read: input/output error"},
	} {
		t.Run(name, func(t *testing.T) {
			img := failingImage(t, file, false, [2]uint64{c.from, c.to})
			lost := map[int]bool{}
			for _, i := range c.lost {
				lost[i] = true
			}
			for _, m := range img.Mappings {
				if m.State == engine.Present && m.Name == "record[0]" {
					for a := m.First; a <= m.Last; a += chunkMost {
						i := int(a / chunkMost)
						if lost[i] || a%chunkMost != 0 {
							t.Errorf("%#x is present, lost are %v", a, c.lost)
						}
						n := min(chunkMost, int(m.Last-a)+1)
						got, err := m.Source.View(make([]byte, n), m.OffsetOf(a), n)
						if err == nil && string(got) != memory[a:][:n] {
							t.Errorf("other bytes at %#x", a)
						}
						lost[i] = false
					}
				}
			}
			for i := range 5 {
				if _, seen := lost[i]; !seen {
					t.Errorf("chunk %d is nowhere", i)
				}
			}
			missing := uint64(0)
			for _, i := range c.lost {
				missing += uint64(min(chunkMost, len(memory)-i*chunkMost))
			}
			if img.Missing != missing {
				t.Errorf("%d bytes missing, want %d", img.Missing, missing)
			}
			shown := imagetest.Show(img.Mappings)
			if !strings.HasSuffix(shown, fmt.Sprintf(last, len(file)-page)) {
				t.Errorf("mappings\n%s", shown)
			}
			if c.note == "" {
				imagetest.CheckNotes(t, img)
			} else {
				imagetest.CheckNotes(t, img, c.note)
			}
		})
	}
}

// Whatever cannot be read, what is shown is what the whole dump shows there, and what is not shown is missing.
func TestUnreadableAnywhere(t *testing.T) {
	rnd := testenv.Rand(t)
	for range testenv.Rounds(30, 150, 5000) {
		var b strings.Builder
		for i := range uint64(2 + rnd.IntN(5)) {
			n := 1 + rnd.IntN(3*page)
			text := randomText(rnd, n)
			if rnd.IntN(2) == 0 {
				b.WriteString(imagetest.Record(i<<20, i<<20+uint64(n)-1, text))
			} else {
				k := 1 + rnd.IntN(n)
				chunks := []string{packed(text[:k])}
				if k < n {
					chunks = append(chunks, plain(text[k:]))
				}
				b.WriteString(avml(i<<20, i<<20+uint64(n)-1, chunks...))
			}
		}
		file := b.String()
		var bad [][2]uint64
		for range 1 + rnd.IntN(3) {
			from := uint64(64 + rnd.IntN(len(file)-64))
			bad = append(bad, [2]uint64{from, min(from+uint64(1+rnd.IntN(2*page)), uint64(len(file)))})
		}
		want := limeImage(t, file)
		memory := map[addr.Addr]byte{}
		for _, m := range want.Mappings {
			got, err := m.Source.View(make([]byte, m.Size()), m.Offset, int(m.Size()))
			if err != nil {
				t.Fatal(err)
			}
			for i, c := range got {
				memory[m.First+addr.Addr(i)] = c
			}
		}
		f := &imagetest.Failing{Data: []byte(file), Bad: bad, Whole: rnd.IntN(2) == 0}
		img, err := imagetest.Finished(open(t.Context(), f.Reader(), image.Options{}))
		if err != nil {
			continue // nothing but the first record, which cannot be read
		}
		present := uint64(0)
		for _, m := range img.Mappings {
			if m.State != engine.Present {
				continue
			}
			present += m.Size()
			got, _ := m.Source.View(make([]byte, m.Size()), m.Offset, int(m.Size()))
			for i, c := range got {
				if have, ok := memory[m.First+addr.Addr(i)]; !ok || have != c {
					t.Fatalf("%v: byte %d is %q, want %q; unreadable %v", m.Range, i, c, have, bad)
				}
			}
		}
		if present < uint64(len(memory)) && img.Missing == 0 {
			t.Fatalf("%d bytes of %d, and none is missing; unreadable %v\n%s", present, len(memory), bad, imagetest.Show(img.Mappings))
		}
	}
}
