package graph

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"
	"sort"

	"vscan/engine"
	"vscan/internal/interrupt"
)

// Pages that have edges are stored in groups of some tens. A group is what is read
// and verified at once. It begins with a head that says, for each of its pages, how
// far its number is above that of the page before, how many entries it has, and how
// many bytes these take:
//
//	group   (+page, entries, bytes) … │ page │ page │ …
//
// The directory has a line for each group, with the number of its first page.
const (
	groupPages = 64
	groupBytes = 32 << 10 // a group that has as many bytes gets no more pages
)

// groupLine is the line of a group in the directory.
type groupLine struct {
	page  uint64 // the number of its first page
	at    uint64 // the offset of the group's bytes in the graph's data
	edges uint64 // edges in all groups before
	crc   uint32 // the CRC-32C of its bytes
	pages uint32
}

const groupLineSize = 32

// directory has the lines of all groups, ascending by page.
type directory struct {
	lines []groupLine
	end   uint64 // the offset after the last group in the graph's data
	edges uint64
}

// castagnoli returns the table of CRC-32C, which the first call makes.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// span returns where the bytes of group i lie: at ≤ offset < end.
func (d *directory) span(i int) (at, end uint64) {
	if i+1 < len(d.lines) {
		return d.lines[i].at, d.lines[i+1].at
	}
	return d.lines[i].at, d.end
}

// count returns how many edges group i has.
func (d *directory) count(i int) uint64 {
	if i+1 < len(d.lines) {
		return d.lines[i+1].edges - d.lines[i].edges
	}
	return d.edges - d.lines[i].edges
}

// from returns the first group that can have the page p or a later one.
func (d *directory) from(p uint64) int {
	return max(0, sort.Search(len(d.lines), func(i int) bool { return d.lines[i].page > p })-1)
}

// encode returns the stored form of a directory: see file.go.
func (d *directory) encode() []byte {
	le := binary.LittleEndian
	b := make([]byte, 0, groupLineSize*len(d.lines))
	for _, l := range d.lines {
		b = le.AppendUint64(b, l.page)
		b = le.AppendUint64(b, l.at)
		b = le.AppendUint64(b, l.edges)
		b = le.AppendUint32(b, l.crc)
		b = le.AppendUint32(b, l.pages)
	}
	return b
}

// decode reads a directory, and verifies that its lines ascend and lie in the
// section of groups. The error may be that of ctx.
func (d *directory) decode(ctx context.Context, b []byte, groups section, edges, pages uint64) error {
	if len(b)%groupLineSize != 0 {
		return fmt.Errorf("%d bytes are no whole number of lines", len(b))
	}
	le := binary.LittleEndian
	d.lines = make([]groupLine, len(b)/groupLineSize)
	d.end, d.edges = groups.at+groups.size, edges
	if len(b) == 0 && (groups.size > 0 || edges > 0) {
		return fmt.Errorf("no line for %d edges", edges)
	}
	watch := interrupt.New(ctx)
	for i := range d.lines {
		if err := watch.Step(1); err != nil {
			return err
		}
		p := b[i*groupLineSize:]
		l := groupLine{le.Uint64(p), le.Uint64(p[8:]), le.Uint64(p[16:]), le.Uint32(p[24:]), le.Uint32(p[28:])}
		d.lines[i] = l
		before := groupLine{at: groups.at}
		if i > 0 {
			before = d.lines[i-1]
		}
		if i == 0 && (l.at != groups.at || l.edges != 0) || i > 0 && (l.page <= before.page || l.at <= before.at || l.edges <= before.edges) ||
			l.at >= d.end || l.edges >= edges || l.pages == 0 || l.pages > groupPages || l.page >= pages {
			return fmt.Errorf("line %d does not follow the one before", i)
		}
	}
	return nil
}

// groupWriter puts pages into groups.
type groupWriter struct {
	head, body []byte
	line       groupLine // that of the group that is being filled
	last       uint64    // the number of the page that was added last
	edges      uint64    // in all pages so far
	out        []byte
	lines      []groupLine // offsets count from the start of out
}

// add adds a page. Its entries ascend by source, and there is at least one.
func (w *groupWriter) add(page uint64, entries []entry) {
	hub := len(entries) >= hubEntries
	if w.line.pages == groupPages || len(w.body) >= groupBytes || hub {
		w.flush()
	}
	if w.line.pages == 0 {
		w.line = groupLine{page: page, edges: w.edges}
		w.last = page
	}
	n := len(w.body)
	w.body = appendPage(w.body, entries)
	w.head = binary.AppendUvarint(w.head, page-w.last)
	w.head = binary.AppendUvarint(w.head, uint64(len(entries)))
	w.head = binary.AppendUvarint(w.head, uint64(len(w.body)-n))
	w.line.pages++
	w.last = page
	w.edges += uint64(len(entries))
	if hub {
		w.flush()
	}
}

// flush ends the group that is being filled.
func (w *groupWriter) flush() {
	if w.line.pages == 0 {
		return
	}
	w.line.at = uint64(len(w.out))
	w.out = append(append(w.out, w.head...), w.body...)
	w.line.crc = crc32.Checksum(w.out[w.line.at:], castagnoli())
	w.lines = append(w.lines, w.line)
	w.head, w.body, w.line.pages = w.head[:0], w.body[:0], 0
}

// pageBlock is the stored entries of one page.
type pageBlock struct {
	page  uint64
	count int // how many entries
	size  int // how many bytes
	bytes []byte
}

// pagesOf reads the head of group i, whose bytes are b, and appends its pages to
// dst. Their bytes are parts of b.
func (g *Graph) pagesOf(dst []pageBlock, i int, b []byte) ([]pageBlock, error) {
	line := &g.groups.lines[i]
	c := cursor{b: b}
	page, total := line.page, uint64(0)
	if uint64(line.pages) > uint64(len(b)) {
		return dst, g.damaged(i, "has more pages than bytes")
	}
	dst = slices.Grow(dst, int(line.pages))
	first := len(dst)
	for k := range line.pages {
		d, n, size := c.uvarint(), c.uvarint(), c.uvarint()
		if d >= g.targets.count || n > size || size > uint64(len(b)) {
			c.bad = true
		}
		page += d
		total += n
		if c.bad || (k == 0) != (d == 0) || page >= g.targets.count || n == 0 {
			return dst, g.damaged(i, "has a head that makes no sense")
		}
		dst = append(dst, pageBlock{page: page, count: int(n), size: int(size)})
	}
	for k := first; k < len(dst); k++ {
		dst[k].bytes = c.take(uint64(dst[k].size))
	}
	if c.bad || len(c.b) > 0 || total != g.groups.count(i) {
		return dst, g.damaged(i, "does not end where it should")
	}
	return dst, nil
}

// damaged returns the error of a group that cannot be right.
func (g *Graph) damaged(i int, what string) error {
	at, _ := g.groups.span(i)
	return fmt.Errorf("%s: the group of pages at file offset %#x %s: the file is damaged; build the graph again", g.data.name(), at, what)
}

// bytesOf returns the bytes of group i and verifies their checksum the first time.
// It fills buf with them where they are not in memory. The caller has to be in an
// engine.Guard: see Graph.guard.
func (g *Graph) bytesOf(buf []byte, i int) ([]byte, error) {
	at, end := g.groups.span(i)
	b, err := g.data.view(buf, at, int(end-at))
	if err != nil {
		return nil, err
	}
	if v, bit := &g.verified[i/32], uint32(1)<<(i%32); v.Load()&bit == 0 {
		if sum := crc32.Checksum(b, castagnoli()); sum != g.groups.lines[i].crc {
			return nil, g.damaged(i, fmt.Sprintf("has the checksum %#08x instead of %#08x", sum, g.groups.lines[i].crc))
		}
		v.Or(bit)
	}
	return b, nil
}

// guard calls f, which reads the graph's data, and returns its error. A fault in
// mapped memory becomes an error as well.
func (g *Graph) guard(f func() error) error {
	var err error
	if fault := engine.Guard(func() { err = f() }); fault != nil {
		return fmt.Errorf("%s: %w", g.data.name(), fault)
	}
	return err
}
