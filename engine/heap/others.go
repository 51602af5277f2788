package heap

import (
	"bytes"
	"fmt"
	"path"
	"strings"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/internal/interrupt"
)

// Other allocators than glibc's. Each is told by the form of its memory, which random bytes do
// not have. Where only the name of a library tells one, the evidence says so.
//
//	CPython     pools of 4 or 16 KiB, each with a head (Objects/obmalloc.c, struct
//	            pool_header): the offset of the last block fits the size of the blocks
//	V8          pages of 256 KiB and more, each with a head (src/heap/memory-chunk-layout.h):
//	            its size, flags, heap, and where its objects begin and end
//	musl        groups of mallocng (src/malloc/mallocng/meta.h): each refers to what
//	            describes it, which refers back; the page of that begins with a secret
//	jemalloc    blocks of its own data (src/base.c, base_block_t): whole 2 MiB, linked
//	mimalloc    segments of 4 or 32 MiB (include/mimalloc/types.h, mi_segment_t): each
//	            holds its address xored with one cookie
//	Go          the program says how it was built, and its heap comes in 4 MiB (runtime/malloc.go)
//	tcmalloc    the library is mapped, and what brk gave is no heap of glibc's

// others finds other allocators in memory that was not understood.
func (f *finder) others(understood []addr.Range) (out []OtherAllocator, err error) {
	var free []addr.Range
	for i := range f.spans {
		f.spans[i].Without(understood, func(r addr.Range) { free = append(free, r) })
	}
	free = addr.Intersect(free, f.present)
	pages, err := f.pages(free)
	if err != nil {
		return nil, err
	}
	add := func(name, evidence string, ranges []addr.Range) {
		if n := sizeOf(addr.Intersect(addr.Merge(ranges), f.present)); n > 0 {
			out = append(out, OtherAllocator{name, evidence, n})
		}
	}
	if n := len(pages.pools); n >= minOfForm {
		add("CPython", fmt.Sprintf("%d pools of its small objects, whose heads agree with their sizes", n), pages.pools)
	}
	if n := len(pages.groups); n >= minOfForm {
		add("musl", fmt.Sprintf("%d groups of mallocng, each of which refers to what describes it and is referred to by that", n), pages.groups)
	}
	if v8 := f.v8(free); len(v8) >= minOfForm {
		add("V8", fmt.Sprintf("%d pages of its heap, whose heads tell their sizes", len(v8)), v8)
	}
	if blocks := f.jemalloc(free); len(blocks) > 0 {
		add("jemalloc", fmt.Sprintf("%d blocks of its own data, linked; the bytes are of these alone", len(blocks)), blocks)
	}
	if segments := f.mimalloc(free); len(segments) > 1 {
		add("mimalloc", fmt.Sprintf("%d segments, which hold their addresses xored with one cookie", len(segments)), segments)
	}
	if at, ok := f.goBuild(); ok {
		add("Go", fmt.Sprintf("the program tells at %v how Go built it, and mappings are whole 4 MiB", at), f.whole(free, 4<<20))
	}
	if name, ok := f.moduleNamed("libtcmalloc"); ok {
		add("tcmalloc", fmt.Sprintf("%s is mapped, and what brk gave is no heap of glibc's", name), f.notGlibc(free))
	}
	return out, nil
}

// minOfForm is how many pools, groups or pages of one form there have to be.
const minOfForm = 4

// pages is what was found page by page: pools of CPython and groups of musl.
type pages struct{ pools, groups []addr.Range }

// pages looks at each page that the image holds.
func (f *finder) pages(free []addr.Range) (p pages, err error) {
	secret := uint64(0)
	watch := interrupt.New(f.ctx)
	for _, r := range free {
		for at, ok := r.First.AlignUp(engine.PageSize); ok && at < r.Last; {
			if err := watch.Step(64); err != nil { // to look at a page reads it
				return p, err
			}
			size := uint64(engine.PageSize)
			if n := f.pool(at); n > 0 {
				p.pools = append(p.pools, addr.Range{First: at, Last: at + addr.Addr(n) - 1})
				size = n
			} else if n := f.group(at, &secret); n > 0 && n-1 <= uint64(addr.Max-at) {
				p.groups = append(p.groups, addr.Range{First: at, Last: at + addr.Addr(n) - 1})
			}
			at, ok = at.Add(size)
		}
	}
	return p, nil
}

// pool returns the size in bytes of the pool of CPython that begins at a page, or 0 where none
// does.
func (f *finder) pool(at addr.Addr) uint64 {
	w := f.word
	size, index := f.read.uint(at+4*w+12, 4), f.read.uint(at+4*w+4, 4) // maxnextoffset, szidx
	if index >= 64 || size == 0 {
		return 0
	}
	count, next := f.read.uint(at, 4), f.read.uint(at+4*w+8, 4)
	for _, pool := range []uint64{4096, 16384} {
		for _, align := range []uint64{8, 16} {
			if block := (index + 1) * align; size == pool-block && next <= pool && count <= pool/block && at.IsAligned(pool) && f.read.pointer(at+2*w) != 0 && f.read.pointer(at+3*w) != 0 {
				return pool
			}
		}
	}
	return 0
}

// group returns the size in bytes of musl's group that was mapped at a page, or 0 where there is
// none. secret is the one that all groups share, 0 until one is found.
func (f *finder) group(at addr.Addr, secret *uint64) uint64 {
	w := f.word
	meta := f.read.pointer(at)
	if meta == 0 || meta%w != 0 || meta&^0xfff == at || f.spanOf(meta) == nil && len(f.files) == 0 {
		return 0
	}
	far := f.read.far()
	if far.pointer(meta+2*w) != at {
		return 0
	}
	bits, _ := far.wordAt((meta + 3*w + 8 + w - 1) &^ (w - 1))
	check := far.uint(meta&^0xfff, 8)
	if check == 0 || *secret != 0 && check != *secret || bits>>12 == 0 {
		return 0
	}
	*secret = check
	return (bits >> 12) * engine.PageSize
}

// atMultiples calls visit with each multiple of an alignment in memory, and with the last address of
// the range that it lies in, until the context ends.
func (f *finder) atMultiples(free []addr.Range, align addr.Addr, visit func(at, last addr.Addr)) {
	watch := interrupt.New(f.ctx)
	for _, r := range free {
		for at, ok := r.First.AlignUp(uint64(align)); ok && at < r.Last && watch.Step(64) == nil; at, ok = at.Add(uint64(align)) {
			visit(at, r.Last)
		}
	}
}

// v8 finds the pages of V8's heaps.
func (f *finder) v8(free []addr.Range) (out []addr.Range) {
	const page = 256 << 10
	w := f.word
	f.atMultiples(free, page, func(at, last addr.Addr) {
		size, ok := f.read.wordAt(at)
		heap, start, end := f.read.pointer(at+2*w), f.read.pointer(at+3*w), f.read.pointer(at+4*w)
		if ok && size >= page/4 && size%engine.PageSize == 0 && size-1 <= uint64(last-at) && heap != 0 && heap%w == 0 &&
			start > at && start < at+0x4000 && end > start && end <= at+addr.Addr(size) && end > at+addr.Addr(size)-0x4000 {
			out = append(out, addr.Range{First: at, Last: at + addr.Addr(size) - 1})
		}
	})
	return out
}

// jemalloc finds the blocks that jemalloc keeps its own data in.
func (f *finder) jemalloc(free []addr.Range) (out []addr.Range) {
	const huge = 2 << 20
	w := f.word
	known := map[addr.Addr]addr.Addr{} // for each block, the next one
	var order []addr.Range
	f.atMultiples(free, huge, func(at, last addr.Addr) {
		size, ok := f.read.wordAt(at)
		next, data := f.read.pointer(at+w), f.read.pointer(at+3*w)
		if ok && size > 0 && size%huge == 0 && size-1 <= uint64(last-at) && next%huge == 0 && next != at && data > at && data <= at+addr.Addr(size) {
			known[at] = next
			order = append(order, addr.Range{First: at, Last: at + addr.Addr(size) - 1})
		}
	})
	for _, r := range order {
		if next := known[r.First]; next == 0 || known[next] != 0 || f.isLast(known, next) {
			out = append(out, r)
		}
	}
	return out
}

// isLast reports whether there is a block at an address, and it has no next one.
func (f *finder) isLast(known map[addr.Addr]addr.Addr, at addr.Addr) bool {
	next, ok := known[at]
	return ok && next == 0
}

// mimalloc finds segments: the word at some offset of each is its address xored with a cookie
// that is the same in all.
func (f *finder) mimalloc(free []addr.Range) (best []addr.Range) {
	const reach = 0x200
	for _, size := range []addr.Addr{32 << 20, 4 << 20} {
		cookies := map[[2]uint64][]addr.Range{} // segments by offset and cookie
		f.atMultiples(free, size, func(at, last addr.Addr) {
			for off := f.word; off < reach && len(cookies) < 1<<16; off += f.word {
				word, ok := f.read.wordAt(at + off)
				if cookie := word ^ uint64(at); ok && cookie>>32 != 0 && cookie>>32 != 1<<32-1 && word>>32 != 0 && f.spanOf(addr.Addr(word)) == nil {
					key := [2]uint64{uint64(off), cookie}
					cookies[key] = append(cookies[key], addr.Range{First: at, Last: min(last, at+size-1)})
				}
			}
		})
		for _, segments := range cookies {
			if len(segments) > max(len(best), 1) {
				best = segments
			}
		}
		if len(best) > 0 {
			break
		}
	}
	return best
}

// goBuild returns where the program says how Go built it.
func (f *finder) goBuild() (addr.Addr, bool) {
	magic := []byte("\xff Go buildinf:")
	const near, most = 1 << 16, 1 << 10
	buf := make([]byte, near)
	for _, r := range f.files[:min(len(f.files), most)] {
		n, _ := f.space.Read(buf[:min(near, r.Size())], r.First)
		if i := bytes.Index(buf[:n], magic); i >= 0 {
			return r.First + addr.Addr(i), true
		}
	}
	return 0, false
}

// whole returns the ranges that begin and end at multiples of a size.
func (f *finder) whole(free []addr.Range, size addr.Addr) (out []addr.Range) {
	for _, r := range free {
		if r.First%size == 0 && (r.Last+1)%size == 0 {
			out = append(out, r)
		}
	}
	return out
}

// moduleNamed returns the name of a module's file that begins with a prefix.
func (f *finder) moduleNamed(prefix string) (string, bool) {
	for _, m := range f.space.Places().Modules().All {
		if strings.HasPrefix(path.Base(m.Name), prefix) {
			return path.Base(m.Name), true
		}
	}
	return "", false
}

// notGlibc returns what brk gave and belongs to no heap.
func (f *finder) notGlibc(free []addr.Range) (out []addr.Range) {
	for i := range f.spans {
		if s := &f.spans[i]; s.brk {
			out = append(out, addr.Intersect(free, []addr.Range{s.Range})...)
		}
	}
	return out
}
