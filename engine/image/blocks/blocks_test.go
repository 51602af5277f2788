package blocks_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/engine/image/blocks"
	"vscan/engine/image/imagetest"
	"vscan/engine/image/input"
	"vscan/internal/testenv"
	"vscan/patterns"
)

// How the blocks of these tests are packed.
const (
	turned uint8 = 1 + iota // each byte exclusive-ored, and their sum behind
	repeat                  // one byte, to be repeated
)

// memory is memory that is packed in blocks, as a test made it.
type memory struct {
	file     []byte
	want     []byte
	all      []blocks.Block
	atATime  int          // blocks that Find tells at most
	unpacked atomic.Int64 // how often Unpack was called
	before   func()       // is called by Unpack; nil: nothing is
}

func (m *memory) Find(dst []blocks.Block, off, end uint64) []blocks.Block {
	i := sort.Search(len(m.all), func(i int) bool { return m.all[i].Off+uint64(m.all[i].Size) > off })
	for n := 0; i < len(m.all) && (n == 0 || n < m.atATime && m.all[i].Off < end); n++ {
		dst = append(dst, m.all[i])
		i++
	}
	return dst
}

func (m *memory) Unpack(dst, packed []byte, kind uint8) error {
	m.unpacked.Add(1)
	if m.before != nil {
		m.before()
	}
	switch {
	case kind == repeat && len(packed) == 1:
		for i := range dst {
			dst[i] = packed[0]
		}
		return nil
	case kind == turned && len(packed) == len(dst)+1:
		for i := range dst {
			dst[i] = packed[i] ^ 0x5a
		}
		if packed[len(dst)] == sum(dst) {
			return nil
		}
	}
	return errors.New("the sum is wrong")
}

func sum(b []byte) (s byte) {
	for _, c := range b {
		s += c
	}
	return s
}

// source returns the source of the memory.
func (m *memory) source(largest int) *blocks.Source {
	return blocks.New(imagetest.Reader(m.file), uint64(len(m.want)), largest, m)
}

// add packs one block and puts it behind the others.
func (m *memory) add(b []byte, kind uint8, zero bool) {
	block := blocks.Block{Off: uint64(len(m.want)), Size: len(b), At: uint64(len(m.file)), Kind: kind, Zero: zero}
	switch {
	case zero:
	case kind == repeat:
		m.file = append(m.file, b[0])
	case kind == turned:
		for _, c := range b {
			m.file = append(m.file, c^0x5a)
		}
		m.file = append(m.file, sum(b))
	default:
		m.file = append(m.file, b...)
	}
	block.Held = len(m.file) - int(block.At)
	m.want, m.all = append(m.want, b...), append(m.all, block)
}

// drawn returns n blocks of up to size bytes, of all kinds, in any order in the file, some of them shared.
func drawn(rnd *rand.Rand, n, size int, sameSize bool) *memory {
	m := &memory{atATime: 1 + rnd.IntN(20)}
	for range n {
		b := make([]byte, 1+rnd.IntN(size))
		if sameSize {
			b = make([]byte, size)
		}
		switch kind := uint8(rnd.IntN(4)); kind {
		case 3:
			m.add(b, turned, true)
		case repeat:
			m.add(bytes.Repeat([]byte{byte(rnd.IntN(3))}, len(b)), repeat, false)
		default:
			for i := range b {
				b[i] = byte(rnd.Uint32())
			}
			m.add(b, kind, false)
		}
		if rnd.IntN(4) == 0 { // what lies between blocks in the file
			m.file = append(m.file, make([]byte, rnd.IntN(100))...)
		}
		if last := m.all[len(m.all)-1]; sameSize && rnd.IntN(4) == 0 { // the same block again
			last.Off = uint64(len(m.want))
			m.want, m.all = append(m.want, m.want[len(m.want)-size:]...), append(m.all, last)
		}
	}
	if sameSize && rnd.IntN(2) == 0 { // two places change their blocks
		i, j := rnd.IntN(len(m.all)), rnd.IntN(len(m.all))
		a, b := &m.all[i], &m.all[j]
		x, y := m.want[a.Off:][:size], m.want[b.Off:][:size]
		for k := range x {
			x[k], y[k] = y[k], x[k]
		}
		a.Off, b.Off = b.Off, a.Off
		*a, *b = *b, *a
	}
	return m
}

// check compares one view with what it should show, up to a byte that cannot be read; there is
// none where bad is the size.
func (m *memory) check(t *testing.T, s *blocks.Source, buf []byte, off, n, bad int) {
	t.Helper()
	got, err := s.View(buf, uint64(off), n)
	end := min(off+n, len(m.want), max(bad, off))
	if !bytes.Equal(got, m.want[min(off, end):end]) {
		t.Fatalf("View(%#x, %d): %d bytes that are not those of the memory (%v)", off, n, len(got), err)
	}
	if (err != nil) != (end < off+n) {
		t.Fatalf("View(%#x, %d), with %#x unreadable: error %v", off, n, bad, err)
	}
}

func TestViews(t *testing.T) {
	rnd := testenv.Rand(t)
	for range testenv.Rounds(20, 60, 2000) {
		m := drawn(rnd, 1+rnd.IntN(30), []int{1, 3, 16, 40}[rnd.IntN(4)], rnd.IntN(2) == 0)
		s := m.source(40)
		if s.Size() != uint64(len(m.want)) || s.Name() != "test.img" {
			t.Fatalf("size %d, name %q", s.Size(), s.Name())
		}
		buf := make([]byte, len(m.want)+100)
		for off := range len(m.want) + 2 {
			for n := 1; n <= 100; n += 1 + rnd.IntN(9) {
				m.check(t, s, buf, off, n, len(m.want))
			}
		}
		m.check(t, s, buf, 0, len(m.want), len(m.want))
	}
}

// Only the block that is damaged cannot be read, from its first byte on.
func TestDamage(t *testing.T) {
	rnd := testenv.Rand(t)
	for range testenv.Rounds(20, 60, 2000) {
		m := drawn(rnd, 1+rnd.IntN(30), 1+rnd.IntN(40), rnd.IntN(2) == 0)
		k := rnd.IntN(len(m.all))
		b := &m.all[k]
		if b.Zero || b.Kind == blocks.Stored && rnd.IntN(2) == 0 {
			b.Zero, b.Err = false, errors.New("lost")
		} else {
			b.Held++
			b.At = []uint64{uint64(len(m.file)), 1<<64 - 1, uint64(len(m.file) - b.Held + 1), 1 << 63}[rnd.IntN(4)]
		}
		s, buf := m.source(40), make([]byte, len(m.want)+1)
		first, end := int(b.Off), int(b.Off)+b.Size
		for off := range len(m.want) {
			bad := len(m.want)
			if off < end {
				bad = first
			}
			m.check(t, s, buf, off, 1+rnd.IntN(len(m.want)-off), bad)
		}
		_, err := s.View(buf, uint64(first), 1)
		kept, place := fmt.Sprintf(", kept at file offset %#x,", b.At), fmt.Sprintf("in the block at file offset %#x", b.At)
		if b.Err != nil { // nothing tells where it is kept
			kept, place = "", ""
		}
		imagetest.CheckError(t, err, fmt.Sprintf("test.img: the block of memory at offset %#x%s cannot be read: ", first, kept))
		if got := image.PlaceIn(s, uint64(first+b.Size-1)); got != place {
			t.Errorf("its place is told as %q, want %q", got, place)
		}
	}
}

// A packing that tells blocks which do not lie side by side is an error of the view.
func TestBlocksApart(t *testing.T) {
	for name, all := range map[string][]blocks.Block{
		"none":        {},
		"behind":      {{Off: 5, Size: 1}},
		"before":      {{Off: 0, Size: 4}},
		"empty":       {{Off: 4, Size: 0}},
		"beyond":      {{Off: 4, Size: 7}},
		"a gap":       {{Off: 4, Size: 1, Zero: true}, {Off: 6, Size: 1}},
		"held":        {{Off: 4, Size: 1, Held: -1}},
		"huge offset": {{Off: 1<<64 - 1, Size: 7}},
	} {
		s := blocks.New(imagetest.Reader(make([]byte, 100)), 10, 10, fixed(all))
		if got, err := s.View(make([]byte, 3), 4, 3); err == nil || len(got) != 0 {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
}

// fixed tells the same blocks whatever it is asked for.
type fixed []blocks.Block

func (f fixed) Find(dst []blocks.Block, _, _ uint64) []blocks.Block { return append(dst, f...) }
func (f fixed) Unpack(dst, packed []byte, kind uint8) error         { return nil }

// A block of which many want a part at a time is unpacked once, and one that is damaged is tried
// once.
func TestUnpackedOnce(t *testing.T) {
	for name, damaged := range map[string]bool{"whole": false, "damaged": true} {
		t.Run(name, func(t *testing.T) {
			m := &memory{atATime: 1}
			for range 3 {
				m.add(bytes.Repeat([]byte("some bytes"), 1<<14), turned, false)
			}
			if damaged {
				m.file[m.all[1].At] ^= 1
			}
			first := m.all[1]
			var waiting sync.WaitGroup
			waiting.Add(1)
			m.before = func() { waiting.Wait() } // until all have asked, or are about to
			s := m.source(first.Size)
			var all sync.WaitGroup
			for w := range 8 {
				all.Go(func() {
					buf := make([]byte, 1000)
					for k := range 4 {
						off := int(first.Off) + 1000*(4*w+k)
						got, err := s.View(buf, uint64(off), len(buf))
						if (err != nil) != damaged || !damaged && !bytes.Equal(got, m.want[off:off+1000]) {
							t.Errorf("View(%#x): %d bytes, %v", off, len(got), err)
						}
					}
				})
			}
			waiting.Done()
			all.Wait()
			if n := m.unpacked.Load(); n != 1 {
				t.Errorf("unpacked %d times", n)
			}
		})
	}
}

// Views that go on, with an overlap, unpack each block about once, also the one in which one
// ends and the next one begins.
func TestGoingOn(t *testing.T) {
	m := &memory{atATime: 1 << 10}
	rnd := testenv.Rand(t)
	const blockSize, view, overlap = 4 << 10, 64 << 10, 20
	for range 128 {
		b := make([]byte, blockSize)
		for i := range b {
			b[i] = byte(rnd.Uint32())
		}
		m.add(b, turned, false)
	}
	reads := &countingReader{ReaderAt: bytes.NewReader(m.file)}
	in := imagetest.Reader(m.file)
	in.ReaderAt = reads
	s := blocks.New(in, uint64(len(m.want)), blockSize, m)
	buf := make([]byte, view+overlap)
	for off := 0; off < len(m.want); off += view {
		m.check(t, s, buf, off, min(view+overlap, len(m.want)-off), len(m.want))
	}
	if n := m.unpacked.Load(); n != 128 {
		t.Errorf("%d blocks unpacked, of 128", n)
	}
	if n := reads.n.Load(); n > 2*128*blockSize/view {
		t.Errorf("%d reads", n)
	}
}

type countingReader struct {
	io.ReaderAt
	n atomic.Int64
}

func (r *countingReader) ReadAt(p []byte, off int64) (int, error) {
	r.n.Add(1)
	return r.ReaderAt.ReadAt(p, off)
}

// Blocks side by side in the file that are not packed are read at a time.
func TestStoredAtATime(t *testing.T) {
	m := &memory{atATime: 1 << 10}
	for k := range 64 {
		m.add(bytes.Repeat([]byte{byte(k)}, 100), blocks.Stored, false)
	}
	reads := &countingReader{ReaderAt: bytes.NewReader(m.file)}
	in := imagetest.Reader(m.file)
	in.ReaderAt = reads
	s := blocks.New(in, uint64(len(m.want)), 100, m)
	m.check(t, s, make([]byte, 7000), 0, len(m.want), len(m.want))
	if n := reads.n.Load(); n != 1 {
		t.Errorf("%d reads", n)
	}
	in.Size = 1050 // the file was cut
	s = blocks.New(input.Reader{ReaderAt: bytes.NewReader(m.file[:1050]), Size: 1050, Source: in.Source}, uint64(len(m.want)), 100, m)
	m.check(t, s, make([]byte, 7000), 30, 2000, 1000)
}

// Blocks of zeros are the holes of the source.
func TestHoles(t *testing.T) {
	rnd := testenv.Rand(t)
	for range testenv.Rounds(50, 200, 5000) {
		m := drawn(rnd, 1+rnd.IntN(60), 4, rnd.IntN(2) == 0)
		zero := make([]bool, len(m.want)+1)
		for _, b := range m.all {
			for i := range b.Size {
				zero[int(b.Off)+i] = b.Zero
			}
		}
		s, least := m.source(4), uint64(1+rnd.IntN(6))
		begin := rnd.IntN(len(m.want))
		end := begin + 1 + rnd.IntN(len(m.want)-begin)
		told := make([]bool, len(m.want)+1)
		for off := uint64(begin); off < uint64(end); {
			first, behind := s.NextHole(off, uint64(end), least)
			if first < off || behind < first || behind > uint64(end) || behind <= off || first < behind && behind-first < least {
				t.Fatalf("NextHole(%d, %d, %d) = %d, %d", off, end, least, first, behind)
			}
			for i := first; i < behind; i++ {
				told[i] = true
			}
			off = behind
		}
		for i := begin; i < end; { // each run of zeros that is long enough, and nothing else
			j := i
			for j < end && zero[j] == zero[i] {
				j++
			}
			for k := i; k < j; k++ {
				if want := zero[i] && j-i >= int(least); told[k] != want {
					t.Fatalf("hole at %d: %v, least %d, zeros from %d to %d (%v)", k, told[k], least, i, j, zero[i])
				}
			}
			i = j
		}
	}
}

// A search by several workers finds what lies in packed memory, passes over blocks of zeros
// without unpacking them, and tells a damaged block as unreadable, alone.
func TestSearched(t *testing.T) {
	rnd := testenv.Rand(t)
	const size = 16 << 10
	m := &memory{atATime: 1 << 10}
	for k := range 256 {
		b := make([]byte, size)
		if zero := k >= 64 && k < 128; zero {
			m.add(b, turned, true)
			continue
		}
		for i := range b {
			b[i] = "ab"[rnd.IntN(2)]
		}
		copy(b[rnd.IntN(size-6):], "needle")
		m.add(b, turned, false)
	}
	copy(m.want[200*size-3:], "needle") // between two blocks
	for _, k := range []int{199, 200} {
		m.rewrite(k)
	}
	m.file[m.all[150].At+7] ^= 1
	s := m.source(size)
	space, err := engine.NewSpace(engine.Mapping{Range: addr.Range{First: 0x1000, Last: 0x1000 + addr.Addr(len(m.want)) - 1}, Source: s, Name: "memory"})
	if err != nil {
		t.Fatal(err)
	}
	set, err := patterns.Compile(t.Context(), []patterns.Pattern{patterns.Bytes([]byte("needle"))}, patterns.Target{})
	if err != nil {
		t.Fatal(err)
	}
	for _, workers := range []int{1, 4} {
		sc, err := engine.Compile(t.Context(), space, set, engine.Options{Workers: workers, ShardSize: 256 << 10})
		if err != nil {
			t.Fatal(err)
		}
		hits := 0
		stats, err := sc.Scan(t.Context(), func(engine.Hit) bool { hits++; return true })
		if err != nil {
			t.Fatal(err)
		}
		want := strings.Count(string(m.want), "needle") - strings.Count(string(m.want[150*size:151*size]), "needle")
		if hits != want || stats.UnreadableBytes() != size {
			t.Errorf("%d workers: %d hits, want %d; %d bytes unreadable", workers, hits, want, stats.UnreadableBytes())
		}
	}
	if n := m.unpacked.Load(); n > 2*200 {
		t.Errorf("%d blocks unpacked", n)
	}
}

// rewrite packs block k again.
func (m *memory) rewrite(k int) {
	b := m.all[k]
	bytes := m.want[b.Off:][:b.Size]
	for i, c := range bytes {
		m.file[int(b.At)+i] = c ^ 0x5a
	}
	m.file[int(b.At)+b.Size] = sum(bytes)
}
