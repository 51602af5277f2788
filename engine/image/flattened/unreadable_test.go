package flattened

import (
	"encoding/binary"
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

// numbers returns a page of small little-endian numbers, which look like headers.
func numbers(rnd *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := 0; i+8 <= n; i += 8 {
		binary.LittleEndian.PutUint64(b[i:], uint64(rnd.IntN(200)))
	}
	return string(b)
}

// largeDump returns a kdump with pages of text and numbers that are not packed.
func largeDump(rnd *rand.Rand) []byte {
	k := imagetest.Kdump{Version: 6, Machine: "x86_64", Block: 4096, How: "none", Pages: map[uint64]string{}}
	for p := range uint64(40) {
		if p%2 == 0 {
			k.Pages[p] = numbers(rnd, 4096)
		} else {
			k.Pages[p] = strings.Repeat(fmt.Sprintf("page %d ", p), 600)[:4096]
		}
	}
	return k.Build()
}

// streams returns a dump as makedumpfile writes it: in two streams, whose blocks take turns.
func streams(rnd *rand.Rand, b []byte, most int) (blocks []imagetest.FlatBlock) {
	off, end := [2]int{0, len(b) / 8}, [2]int{len(b) / 8, len(b)}
	for off != end {
		i := rnd.IntN(2)
		if n := min(end[i]-off[i], 1+rnd.IntN(most)); n > 0 {
			blocks = append(blocks, imagetest.FlatBlock{Off: uint64(off[i]), Data: string(b[off[i] : off[i]+n])})
			off[i] += n
		}
	}
	return blocks
}

// contents returns what of an image can be read, by address, and how many bytes are present.
func contents(t *testing.T, img *image.Image) (memory map[addr.Addr]byte, present int) {
	t.Helper()
	memory = map[addr.Addr]byte{}
	for _, m := range img.Mappings {
		for a := m.First; m.State == engine.Present && a < m.Last; a += 4096 {
			present += 4096
			got, _ := m.Source.View(make([]byte, 4096), m.OffsetOf(a), 4096)
			for i, c := range got {
				memory[a+addr.Addr(i)] = c
			}
		}
	}
	return memory, present
}

// A header that cannot be read, or is damaged, costs its block and what lies in it, whatever memory looks like; those
// behind it are found.
func TestUnreadableHeader(t *testing.T) {
	rnd := testenv.Rand(t)
	for round := range testenv.Rounds(3, 8, 2000) {
		b := largeDump(rnd)
		blocks := streams(rnd, b, 9000)
		file := imagetest.Flatten(blocks)
		want, _ := contents(t, opened(t, file))
		at, which := uint64(4096), len(blocks)/4+rnd.IntN(len(blocks)/2) // behind the headers of the dump
		for _, k := range blocks[:which] {
			at += 16 + uint64(len(k.Data))
		}
		f := &imagetest.Failing{Data: file, Whole: rnd.IntN(2) == 0}
		if round%3 == 0 {
			binary.BigEndian.PutUint64(file[at:], rnd.Uint64()|1<<63)
		} else {
			f.Bad = [][2]uint64{{at + uint64(rnd.IntN(16)), at + 16}}
		}
		img, err := imagetest.Finished(open(t.Context(), f.Reader(), image.Options{}))
		if err != nil {
			if strings.Contains(err.Error(), "kdump") {
				continue // the block had headers of the dump, or the descriptors
			}
			t.Fatal(err)
		}
		got, _ := contents(t, img)
		for a, c := range got {
			if want[a] != c {
				t.Fatalf("round %d: %q at %v, want %q; %q", round, c, a, want[a], img.Notes)
			}
		}
		if img.Missing == 0 || !strings.Contains(img.Notes[0], fmt.Sprintf("the header of block %d at file offset %#x", which, at)) {
			t.Errorf("round %d: %d missing, notes %q", round, img.Missing, img.Notes)
		}
		// Where descriptors are lost, their pages are.
		pos, descriptors := uint64(4096), false
		for _, k := range blocks {
			end := pos + 16 + uint64(len(k.Data))
			descriptors = descriptors || k.Off < uint64(len(b)/8) && pos < at+4096 && end+4096 > at
			pos = end
		}
		if descriptors {
			continue
		}
		// Pages that touch the block, one more that is in the page of the file with it, and the next block where nothing goes on with that.
		if lost := len(want) - len(got); lost > 12*4096 {
			t.Errorf("round %d: %d pages of %d are lost of a block of %d bytes: %q", round, lost/4096, len(want)/4096, len(blocks[which].Data), img.Notes)
		}
	}
}

// Whatever cannot be read and is damaged, nothing is shown that is not so, but for what was hidden by what is lost.
func TestUnreadableAnywhere(t *testing.T) {
	rnd := testenv.Rand(t)
	for round := range testenv.Rounds(3, 8, 3000) {
		b := largeDump(rnd)
		blocks := streams(rnd, b, 1+rnd.IntN(20000))
		if round%4 == 0 {
			rnd.Shuffle(len(blocks), func(i, j int) { blocks[i], blocks[j] = blocks[j], blocks[i] })
		}
		file := imagetest.Flatten(blocks)
		want, _ := contents(t, opened(t, file))
		f := &imagetest.Failing{Data: file, Whole: rnd.IntN(2) == 0}
		for range 1 + rnd.IntN(4) {
			from := uint64(4096 + rnd.IntN(len(file)-4096))
			f.Bad = append(f.Bad, [2]uint64{from, min(from+1+uint64(rnd.IntN(10000)), uint64(len(file)))})
		}
		img, err := imagetest.Finished(open(t.Context(), f.Reader(), image.Options{}))
		if err != nil {
			continue
		}
		got, present := contents(t, img)
		for a, c := range got {
			if want[a] != c {
				t.Fatalf("round %d: %q at %v, want %q; unreadable %v; %q", round, c, a, want[a], f.Bad, img.Notes)
			}
		}
		if present < len(want) && img.Missing == 0 {
			t.Fatalf("round %d: %d bytes of %d, and none is missing; unreadable %v", round, present, len(want), f.Bad)
		}
	}
}

// Where a file is full of what may be headers, the search ends.
func TestSearchIsBounded(t *testing.T) {
	rnd := testenv.Rand(t)
	file := imagetest.Flatten([]imagetest.FlatBlock{{Off: 0, Data: string(largeDump(rnd))}})
	file = append(file[:len(file)-16], "\x80"...)
	block := string([]byte{15: 16}) + string([]byte{7: 1, 15: 1}) // leads on for ever
	file = append(file, strings.Repeat(block, 1<<20/len(block))...)
	for range 1 << 18 {
		file = append(file, 0, 0, 0, 0, 0, byte(rnd.IntN(2)), 0, byte(rnd.IntN(20)))
	}
	f := &imagetest.Failing{Data: file}
	img, err := imagetest.Finished(open(t.Context(), f.Reader(), image.Options{}))
	if err != nil || img.Missing == 0 {
		t.Fatalf("%v, %q", err, img.Notes)
	}
	if f.Reads > maxTries+1000 {
		t.Errorf("%d reads", f.Reads)
	}
}

// Where a part of a bitmap is lost, what comes behind it is not known: its descriptors are counted by the bits.
func TestLostBitmap(t *testing.T) {
	k := imagetest.Kdump{Version: 6, Machine: "x86_64", Block: 1024, How: "none", Pages: map[uint64]string{}}
	for p := range uint64(64) {
		k.Pages[p] = strings.Repeat(fmt.Sprintf("page %d ", p), 200)[:1024]
	}
	b := k.Build()
	bits := strings.Index(string(b), strings.Repeat("\xff", 8))
	for _, second := range []int{0, 1024} {
		at := bits + second
		if b[at] != 0xff {
			t.Fatal("no second bitmap")
		}
		blocks := []imagetest.FlatBlock{{Off: 0, Data: string(b[:at+2])}, {Off: uint64(at + 2), Data: string(b[at+2 : at+4])}}
		for off := at + 4; off < len(b); off += 500 {
			blocks = append(blocks, imagetest.FlatBlock{Off: uint64(off), Data: string(b[off:min(off+500, len(b))])})
		}
		file := imagetest.Flatten(blocks)
		copy(file[4096+16+at+2:], "\x80")
		img := opened(t, file)
		if got, want := imagetest.Show(img.Mappings), "0x0..0x3fff present"; !strings.HasPrefix(got, want) || len(img.Mappings) != 1 {
			t.Errorf("%s, want %s", got, want)
		}
		if img.Missing == 0 {
			t.Error("nothing is missing")
		}
		imagetest.CheckNotes(t, img, "the header of block 1", "bytes of the bitmaps are lost: which memory there is from address 0x4000 on is not known")
	}
}

// Of a page that lies in part where no block is, nothing is read as zeros, also where the file has its end.
func TestGapInPage(t *testing.T) {
	b := dump("none")
	half := len(b) - 1024 - 500 // in the last page but one
	file := imagetest.Flatten([]imagetest.FlatBlock{{Off: 0, Data: string(b[:half])}, {Off: uint64(half + 10), Data: string(b[half+10:])}})
	img := opened(t, file)
	if img.Missing != 1024 || strings.Contains(memory(t, img), `\x00`) {
		t.Errorf("%d missing\n%s", img.Missing, memory(t, img))
	}
	imagetest.CheckNotes(t, img, "1 page cannot be read")
}
