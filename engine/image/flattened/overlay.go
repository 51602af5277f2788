package flattened

import (
	"cmp"
	"container/heap"
	"context"
	"errors"
	"fmt"
	"io"
	"sort"

	"vscan/engine"
	"vscan/engine/image"
	"vscan/engine/image/input"
	"vscan/internal/interrupt"
)

// overlay is the dump that the blocks of a file make: a source of its bytes, and what its headers
// are read from. Between blocks there are zeros, as in the file that makedumpfile -R makes; in
// a file that was cut they may be lost bytes.
//
//	blocks    |---- 0 ----|   |------ 2 ------|
//	               |-- 1 --|
//	extents   | 0  |-- 1 --|  |------ 2 ------|
type overlay struct {
	file    input.Reader
	extents []extent // ascending, disjoint
	gaps    []extent // between them
	blocks  int      // that the file has
	ended   bool     // the file has the block that ends it
	lost    bool     // blocks of it are lost
	why     string   // why, or why it has not the one that ends it
	notes   []string
}

// extent is bytes of the dump that lie side by side in the file.
type extent struct {
	off, size uint64 // in the dump
	at        uint64 // in the file
}

func (e extent) end() uint64 { return e.off + e.size }

// disjoint returns what of blocks shows, where later ones lie on top. The order of blocks is
// that of their places in the file. The error is that of ctx.
func disjoint(ctx context.Context, all []extent) ([]extent, error) {
	err := interrupt.SortStableFunc(ctx, all, func(a, b extent) int { return cmp.Compare(a.off, b.off) })
	if err != nil {
		return nil, err
	}
	apart := true
	for i := 1; i < len(all) && apart; i++ {
		apart = all[i-1].end() <= all[i].off
	}
	if apart {
		return all, nil
	}
	return shown(ctx, all)
}

// shown does what disjoint does, of blocks that are sorted by offset. It goes through the dump
// from block to block, and has those that cover the offset in hand in a heap, the last of the file
// on top.
func shown(ctx context.Context, all []extent) (out []extent, err error) {
	watch := interrupt.New(ctx)
	var open topmost
	for i, off := 0, uint64(0); i < len(all) || len(open) > 0; {
		if err := watch.Step(4); err != nil {
			return nil, err
		}
		for len(open) > 0 && open[0].end() <= off {
			heap.Pop(&open)
		}
		if len(open) == 0 {
			if i == len(all) {
				break
			}
			off = max(off, all[i].off)
		}
		for i < len(all) && all[i].off <= off {
			if all[i].end() > off {
				heap.Push(&open, all[i])
			}
			i++
		}
		if len(open) == 0 {
			continue
		}
		top := open[0]
		end := top.end()
		// A block that begins in between and lies further behind in the file is on top from there.
		for j := i; j < len(all) && all[j].off < end; j++ {
			if all[j].at > top.at {
				end = all[j].off
				break
			}
			heap.Push(&open, all[j])
			i = j + 1
		}
		out = add(out, extent{off, end - off, top.at + (off - top.off)})
		off = end
	}
	return out, nil
}

// add adds an extent, to the last one where it goes on there.
func add(out []extent, e extent) []extent {
	if n := len(out); n > 0 && out[n-1].end() == e.off && out[n-1].at+out[n-1].size == e.at {
		out[n-1].size += e.size
		return out
	}
	return append(out, e)
}

// topmost is a heap of extents, the last of the file first.
type topmost []extent

func (t topmost) Len() int           { return len(t) }
func (t topmost) Less(i, j int) bool { return t[i].at > t[j].at }
func (t topmost) Swap(i, j int)      { t[i], t[j] = t[j], t[i] }
func (t *topmost) Push(e any)        { *t = append(*t, e.(extent)) }
func (t *topmost) Pop() any {
	last := len(*t) - 1
	e := (*t)[last]
	*t = (*t)[:last]
	return e
}

// reader returns what the reader of the dump's format gets. Gaps read as zeros.
func (x *overlay) reader() input.Reader {
	return input.Reader{ReaderAt: x, Size: x.Size(), Source: x}.WithExtents(x.extentAt)
}

// Name returns the path of the file.
func (x *overlay) Name() string { return x.file.Path() }

// Size returns the size of the dump, up to its last byte that the file has.
func (x *overlay) Size() uint64 {
	if len(x.extents) == 0 {
		return 0
	}
	return x.extents[len(x.extents)-1].end()
}

// OnDisk returns how many bytes the file takes on disk, and whether that is known.
func (x *overlay) OnDisk() (uint64, bool) { return x.file.OnDisk() }

// whole reports whether the file has all blocks of the dump, so that what lies between them is zeros.
func (x *overlay) whole() bool { return x.ended && !x.lost }

// find returns the index of the extent that holds off, or of the next one.
func (x *overlay) find(off uint64) int {
	return sort.Search(len(x.extents), func(i int) bool { return x.extents[i].end() > off })
}

// adjacentMost is how many extents side by side are taken for one at a time.
const adjacentMost = 64

// extentAt does what Extent of input.Reader does.
func (x *overlay) extentAt(off uint64) (end uint64, hole bool) {
	i := x.find(off)
	switch {
	case i == len(x.extents):
		return x.Size(), false
	case off < x.extents[i].off:
		return x.extents[i].off, true
	}
	for n := 1; n < adjacentMost && i+1 < len(x.extents) && x.extents[i].end() == x.extents[i+1].off; n++ {
		i++
	}
	return x.extents[i].end(), false
}

// gone reports whether any of n bytes from an offset on are lost: they lie in a gap, and the
// file does not say that it has all blocks.
func (x *overlay) gone(off, n uint64) bool {
	if x.whole() {
		return false
	}
	for n > 0 {
		end, hole := x.extentAt(off)
		if hole || end <= off {
			return true
		}
		n -= min(n, end-off)
		off = end
	}
	return false
}

// findGaps notes where the extents leave gaps.
func (x *overlay) findGaps() {
	end := uint64(0)
	for _, e := range x.extents {
		if e.off > end {
			x.gaps = append(x.gaps, extent{off: end, size: e.off - end})
		}
		end = e.end()
	}
}

// torn reports whether any of n bytes from an offset on lie in a gap.
func (x *overlay) torn(off, n uint64) bool {
	i := sort.Search(len(x.gaps), func(i int) bool { return x.gaps[i].end() > off })
	return i < len(x.gaps) && x.gaps[i].off < input.AddSat(off, n)
}

// errGap is why bytes of a dump are lost.
var errGap = errors.New("the block that has them is lost: the file is cut or damaged")

// pieces calls f with the parts of p that lie in one extent each, and clears those between. It
// returns how many bytes were filled, and why the one behind them was not.
func (x *overlay) pieces(p []byte, off uint64, strict bool, f func(p []byte, at uint64) (int, error)) (int, error) {
	done := 0
	for i := x.find(off); done < len(p); {
		at := off + uint64(done)
		if i == len(x.extents) {
			return done, io.EOF
		}
		e := x.extents[i]
		rest := p[done:]
		if at < e.off {
			if strict && !x.whole() {
				return done, errGap
			}
			n := min(uint64(len(rest)), e.off-at)
			clear(rest[:n])
			done += int(n)
			continue
		}
		n, err := f(rest[:min(uint64(len(rest)), e.end()-at)], e.at+at-e.off)
		done += n
		if err != nil {
			return done, err
		}
		if off+uint64(done) == e.end() {
			i++
		}
	}
	return done, nil
}

// ReadAt reads bytes of the dump. Those between blocks are zeros.
func (x *overlay) ReadAt(p []byte, off int64) (int, error) {
	return x.pieces(p, uint64(off), false, func(p []byte, at uint64) (int, error) {
		n, err := x.file.ReadAt(p, int64(at))
		switch {
		case n == len(p):
			return n, nil
		case err == nil || errors.Is(err, io.EOF):
			err = io.ErrUnexpectedEOF // the file has shrunk
		}
		return n, err
	})
}

// View does what View of engine.Source does: where all bytes lie in one extent, it is a view of the file.
func (x *overlay) View(buf []byte, off uint64, n int) ([]byte, error) {
	if i := x.find(off); i < len(x.extents) {
		if e := x.extents[i]; off >= e.off && uint64(n) <= e.end()-off {
			return x.file.Source.View(buf, e.at+off-e.off, n)
		}
	}
	m, err := x.pieces(buf[:n], off, true, func(p []byte, at uint64) (int, error) {
		got, err := x.file.Source.View(p, at, len(p))
		copied := copy(p, got)
		if copied == len(p) {
			err = nil
		}
		return copied, err
	})
	if m == n {
		return buf[:n], nil
	}
	return buf[:m], fmt.Errorf("%s: the dump that is flattened there cannot be read at offset %#x: %w", x.Name(), off+uint64(m), err)
}

// PlaceOf is that of image.Placer: where a block of the file has the byte.
func (x *overlay) PlaceOf(off uint64) string {
	if i := x.find(off); i < len(x.extents) && off >= x.extents[i].off {
		return image.PlaceIn(x.file.Source, x.extents[i].at+off-x.extents[i].off)
	}
	return ""
}

// NextHole is that of engine.HoleSource.
func (x *overlay) NextHole(off, end, least uint64) (first, behind uint64) {
	if end = min(end, x.Size()); off >= end || !x.whole() {
		return end, end
	}
	for i := x.find(off); i < len(x.extents) && off < end; i++ {
		if gap := min(x.extents[i].off, end); gap > off && gap-off >= least {
			return off, gap
		}
		off = x.extents[i].end()
	}
	return end, end
}

var _ engine.HoleSource = (*overlay)(nil)
