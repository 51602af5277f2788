//go:build unix

package search

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/budget"
	"vscan/engine/image/layered"
	"vscan/internal/mmap"
	"vscan/internal/testenv"
)

// A lossySource is a mapped file of which the end can be lost, and found again.
type lossySource struct {
	file   *os.File
	data   []byte
	whole  []byte
	size   atomic.Uint64 // what Size returns
	faults bool          // whether what is lost faults, or else View tells that it is lost
}

func newLossySource(t *testing.T, content []byte, faults bool) *lossySource {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "source"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	s := &lossySource{file: file, whole: content, faults: faults}
	if s.resize(t, len(content)); !faults {
		s.data = content
		return s
	}
	if s.data, err = mmap.Map(file, uint64(len(content))); err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { mmap.Unmap(s.data) })
	return s
}

func (s *lossySource) Name() string { return "lossy" }
func (s *lossySource) Size() uint64 { return s.size.Load() }

func (s *lossySource) View(buf []byte, off uint64, n int) ([]byte, error) {
	if have := s.size.Load(); !s.faults && off+uint64(n) > have {
		m := 0
		if off < have {
			m = copy(buf[:n], s.data[off:have])
		}
		return buf[:m], io.ErrUnexpectedEOF
	}
	return s.data[off:][:n:n], nil
}

// resize makes the source have its first n bytes.
func (s *lossySource) resize(t *testing.T, n int) {
	t.Helper()
	if err := s.file.Truncate(int64(n)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.file.WriteAt(s.whole[:n], 0); err != nil {
		t.Fatal(err)
	}
	s.size.Store(uint64(n))
}

// faultsHaveAddresses reports whether a fault in mapped memory is one for engine.Guard, which it
// is not under qemu's user-mode emulation.
func faultsHaveAddresses(t *testing.T) (yes bool) {
	t.Helper()
	src := newLossySource(t, make([]byte, 2*engine.PageSize), true)
	src.resize(t, 0)
	defer func() { recover() }()
	sum := byte(0)
	return engine.Guard(func() { sum += src.data[engine.PageSize] }) != nil && sum == 0
}

// lossyImage returns image number n: two mappings of several pages, whose source may lose its end.
func lossyImage(t *testing.T, rnd *rand.Rand, n int, mayFault bool) (*layered.Image, *lossySource) {
	t.Helper()
	said := []string{"abab", "hidden treasure", "PassWord=", "s\x00e\x00c\x00r\x00e\x00t\x00", " word ", "aabbc", "12345", "aaaaac", "abc", "\x00\x10\x00\x00\x00\x00\x00\x00"}
	b := make([]byte, (2+rnd.IntN(5))*engine.PageSize+rnd.IntN(3))
	letters := []string{"ab\x00c", "x", "aaab"}[rnd.IntN(3)]
	for j := range b {
		b[j] = letters[rnd.IntN(len(letters))]
	}
	for range rnd.IntN(200) {
		copy(b[rnd.IntN(len(b)):], said[rnd.IntN(len(said))])
	}
	src := newLossySource(t, b, rnd.IntN(2) == 0 && mayFault)
	first := addr.Addr(0x1000 * (1 + rnd.IntN(3)))
	cut := 1 + rnd.IntN(len(b)-1)
	at, gap := first+addr.Addr(cut), addr.Addr(rnd.IntN(2)*0x3000)
	all := []engine.Mapping{
		{Range: addr.Range{First: first, Last: at - 1}, State: engine.Present, Source: src, Name: "[heap]"},
		{Range: addr.Range{First: at + gap, Last: at + gap + addr.Addr(len(b)-cut-1)}, State: engine.Present, Source: src, Offset: uint64(cut), Name: "rest"},
	}
	space, err := engine.NewSpace(all...)
	if err != nil {
		t.Fatal(err)
	}
	img := layered.Of(fmt.Sprint(n), space)
	img.WordSize, img.OrderKnown = 4+4*rnd.IntN(2), true
	if rnd.IntN(2) == 0 {
		img.Order = addr.Big
	}
	return img, src
}

// A quitter is a sink that wants no more after some lines, or ends the context then.
type quitter struct {
	witness
	left int
	end  func() // nil: an error of the sink ends the search
}

func (q *quitter) count(err error) error {
	if q.left--; q.left > 0 {
		return err
	}
	if q.end == nil {
		return errSink
	}
	q.end()
	return err
}

func (q *quitter) Begin(s *Search) error   { return q.count(q.witness.Begin(s)) }
func (q *quitter) Hit(h *Hit) error        { return q.count(q.witness.Hit(h)) }
func (q *quitter) Rule(m *RuleMatch) error { return q.count(q.witness.Rule(m)) }

// What a search finds does not depend on how others ended that shared what was compiled: by the
// sink, by the context, in bytes that were lost, for want of memory.
func TestCacheDisturbed(t *testing.T) {
	rnd := testenv.Rand(t)
	kinds, mayFault := questionKinds(t), faultsHaveAddresses(t)
	for range testenv.Rounds(2, 6, 500) {
		k := &kinds[rnd.IntN(len(kinds))]
		whole := budget.New(1 << 30)
		alone, q := k.query, k.query
		alone.Workers, alone.ShardSize = 1+rnd.IntN(3), []uint64{0, 100, 5000}[rnd.IntN(3)]
		alone.Overlapping, alone.Want = rnd.IntN(3) == 0, Want(rnd.IntN(3))
		q = alone
		q.Cache, q.Budget = NewCache(whole), whole
		run := func(q *Query, img *layered.Image) []string {
			var w witness
			if _, err := q.Run(t.Context(), img, &w); err != nil {
				t.Error(err)
			}
			return w.lines
		}
		type pair struct {
			img *layered.Image
			src *lossySource
		}
		var images []pair
		for n := range 3 {
			img, src := lossyImage(t, rnd, n, mayFault)
			images = append(images, pair{img, src})
		}
		disturb := func(rnd *rand.Rand) {
			p := images[rnd.IntN(len(images))]
			ctx, end := context.WithCancel(t.Context())
			defer end()
			sink := &quitter{left: 1 + rnd.IntN(20)}
			of := q
			switch rnd.IntN(3) {
			case 0:
				sink.end = end
			case 1:
				of.Budget = budget.New(uint64(rnd.IntN(1 << 20)))
			}
			of.Run(ctx, p.img, sink)
		}
		for range 6 {
			var all sync.WaitGroup
			for range rnd.IntN(4) {
				r := testenv.From(rnd.Uint64(), rnd.Uint64())
				all.Go(func() { disturb(r) })
			}
			if rnd.IntN(2) == 0 {
				p := images[rnd.IntN(len(images))]
				p.src.resize(t, rnd.IntN(len(p.src.whole)+1))
			}
			all.Wait()
			for n, p := range images {
				want := run(&alone, p.img)
				if got := run(&q, p.img); !slices.Equal(got, want) {
					t.Errorf("%s, image %d: got %q, want %q", k.name, n, got, want)
				}
				p.src.resize(t, len(p.src.whole))
			}
		}
		if q.Cache.Close(); whole.Taken() > 0 {
			t.Errorf("%s: %d bytes are not given back", k.name, whole.Taken())
		}
	}
}
