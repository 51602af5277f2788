package graph

import (
	"encoding/binary"
	"errors"
	"math/bits"
	"slices"
)

// How the edges to one page of targets are stored. An entry is the number of the
// source and the target's offset in the page.
//
// A page with few entries has them by ascending source, in two columns. The first
// has the offsets, all shifted right by as many bits as are zero in each of them and
// packed to the bits that remain. The second has the sources as varints, each but
// the first as its difference to the one before:
//
//	shift │ offset offset offset … │ source +delta +delta …
//
// A page with hubEntries or more is a hub: it has something that half of memory
// points at, such as the table of a class or the end of every list. Its entries
// stand by offset, then source, with an index, so that the edges to some offsets
// are read without the others:
//
//	hubMark │ targets │ (+offset, entries, bytes) … │ source +delta … │ source +delta … │ …
//
// Numbers are varints (encoding/binary).
//
// INVARIANT: both orders are total, since a source has one edge only, and so no
// difference of two sources that stand next to each other is 0.
const (
	hubEntries = 1 << 14
	hubMark    = 0xff
	offsetBits = pageShift
	offsetMask = pageSize - 1
)

// entry packs a source's number and the target's offset in the page, so that
// entries compare by source.
type entry uint64

// newEntry packs the number of a source and an offset.
func newEntry(source, offset uint64) entry { return entry(source<<offsetBits | offset) }

func (e entry) source() uint64 { return uint64(e) >> offsetBits }
func (e entry) offset() uint64 { return uint64(e) & offsetMask }

// byTarget returns a number by which entries compare by offset, then by source.
func (e entry) byTarget() uint64 { return bits.RotateLeft64(uint64(e), -offsetBits) }

// appendPage appends the stored form of a page's entries, which ascend by source.
func appendPage(dst []byte, entries []entry) []byte {
	if len(entries) >= hubEntries {
		return appendHub(dst, entries)
	}
	all := uint64(0)
	for _, e := range entries {
		all |= uint64(e)
	}
	shift := min(uint(bits.TrailingZeros64(all&offsetMask|1<<offsetBits)), offsetBits)
	width := offsetBits - shift
	packed := (len(entries)*int(width) + 7) / 8
	at := len(dst) + 1 + packed
	dst = slices.Grow(dst, 1+packed+8+maxSource*len(entries))
	b := dst[:cap(dst)]
	b[len(dst)] = byte(shift)
	acc, have, pack := uint64(0), uint(0), len(dst)+1
	for _, e := range entries {
		acc |= e.offset() >> shift << have
		if have += width; have >= 32 {
			binary.LittleEndian.PutUint32(b[pack:], uint32(acc))
			pack += 4
			acc >>= 32
			have -= 32
		}
	}
	binary.LittleEndian.PutUint32(b[pack:], uint32(acc)) // the bytes that are too many are overwritten
	last := uint64(0)
	for _, e := range entries {
		d := e.source() - last
		last = e.source()
		if d < 1<<28 {
			// Each byte has seven bits of d, and its highest bit is set in all but the
			// last.
			v := d&0x7f | d<<1&0x7f00 | d<<2&0x7f_0000 | d<<3&0x7f00_0000
			n := (bits.Len32(uint32(d)|1) + 6) / 7
			binary.LittleEndian.PutUint32(b[at:], uint32(v|0x80_8080&(1<<(8*n-8)-1)))
			at += n
		} else {
			at += binary.PutUvarint(b[at:], d)
		}
	}
	return b[:at]
}

// maxSource is the size in bytes of the longest varint of a source's number, which
// has 52 bits.
const maxSource = 8

// appendHub appends the stored form of a hub.
func appendHub(dst []byte, entries []entry) []byte {
	// Sort by counting, which keeps the order of sources.
	var starts [pageSize + 1]int
	for _, e := range entries {
		starts[e.offset()+1]++
	}
	runs := 0
	for i := range pageSize {
		if starts[i+1] > 0 {
			runs++
		}
		starts[i+1] += starts[i]
	}
	sorted := make([]uint64, len(entries))
	next := starts
	for _, e := range entries {
		sorted[next[e.offset()]] = e.source()
		next[e.offset()]++
	}
	dst = append(dst, hubMark)
	dst = binary.AppendUvarint(dst, uint64(runs))
	var body []byte
	before := 0
	for off := range pageSize {
		run := sorted[starts[off]:starts[off+1]]
		if len(run) == 0 {
			continue
		}
		from, last := len(body), uint64(0)
		for _, s := range run {
			body = binary.AppendUvarint(body, s-last)
			last = s
		}
		dst = binary.AppendUvarint(dst, uint64(off-before))
		dst = binary.AppendUvarint(dst, uint64(len(run)))
		dst = binary.AppendUvarint(dst, uint64(len(body)-from))
		before = off
	}
	return append(dst, body...)
}

var errPage = errors.New("the entries of a page do not end where they should")

// decodePage appends to dst the n entries of a page: by ascending source, or, of a
// hub, by offset and then source. sources is how many sources have numbers; a
// larger number is an error. It allocates no more than b's bytes can hold entries
// of.
func decodePage(dst []entry, b []byte, n int, sources uint64) ([]entry, error) {
	if len(b) == 0 || n > len(b) {
		return dst, errPage
	}
	if b[0] == hubMark {
		return decodeHub(dst, b, n, 0, offsetMask, sources)
	}
	shift := uint(b[0])
	if shift > offsetBits {
		return dst, errPage
	}
	width := offsetBits - shift
	packed := (n*int(width) + 7) / 8
	if 1+packed > len(b) {
		return dst, errPage
	}
	offsets, rest := b[1:1+packed], b[1+packed:]
	dst = slices.Grow(dst, n)
	out := dst[len(dst) : len(dst)+n]
	last := uint64(0)
	acc, have, at := uint64(0), uint(0), 0
	mask := uint64(1)<<width - 1
	pos := 0
	for i := range out {
		// Most varints have up to three bytes and take one load. The processor
		// predicts the length and goes on with it.
		var d uint64
		v := uint32(0x80_8080)
		if pos+4 <= len(rest) {
			v = binary.LittleEndian.Uint32(rest[pos:])
		}
		switch {
		case v&0x80_8080 == 0x8080:
			d = uint64(v&0x7f | v>>1&0x3f80 | v>>2&0x1f_c000)
			pos += 3
		case v&0x80 == 0:
			d = uint64(v & 0x7f)
			pos++
		case v&0x8000 == 0:
			d = uint64(v&0x7f | v>>1&0x3f80)
			pos += 2
		default:
			var size int
			if d, size = binary.Uvarint(rest[min(pos, len(rest)):]); size <= 0 || size > maxSource+1 {
				return dst, errPage
			}
			pos += size
		}
		if i > 0 && d == 0 {
			return dst, errPage
		}
		last += d
		if last >= sources {
			return dst, errPage
		}
		if have < width {
			if at+4 <= len(offsets) {
				acc |= uint64(binary.LittleEndian.Uint32(offsets[at:])) << have
				at += 4
				have += 32
			} else {
				for have < width {
					acc |= uint64(offsets[at]) << have
					at++
					have += 8
				}
			}
		}
		out[i] = newEntry(last, acc&mask<<shift)
		acc >>= width
		have -= width
	}
	if pos != len(rest) {
		return dst, errPage
	}
	return dst[:len(dst)+n], nil
}

// decodeHub appends the entries of a hub whose offsets are from lo to hi, both
// included.
func decodeHub(dst []entry, b []byte, n int, lo, hi uint64, sources uint64) ([]entry, error) {
	runs, err := hubTargets(b, n)
	if err != nil {
		return dst, err
	}
	for _, r := range runs {
		if r.offset < lo || r.offset > hi {
			continue
		}
		if dst, err = r.append(dst, sources); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

// hubTarget is the sources that refer to one address in a hub.
type hubTarget struct {
	offset uint64
	count  int
	bytes  []byte
}

// hubTargets returns the index of a hub of n entries, by ascending offset.
func hubTargets(b []byte, n int) ([]hubTarget, error) {
	c := cursor{b: b[1:]}
	count := c.uvarint()
	if c.bad || count > pageSize || count == 0 {
		return nil, errPage
	}
	runs := make([]hubTarget, count)
	sizes := make([]uint64, count)
	offset, total := uint64(0), uint64(0)
	for i := range runs {
		d, entries, size := c.uvarint(), c.uvarint(), c.uvarint()
		offset += d
		total += entries
		if c.bad || d >= pageSize || offset >= pageSize || i > 0 && d == 0 || entries == 0 || entries > uint64(n) || size < entries || size > uint64(len(b)) {
			return nil, errPage
		}
		runs[i] = hubTarget{offset: offset, count: int(entries)}
		sizes[i] = size
	}
	for i := range runs {
		if sizes[i] > uint64(len(c.b)) {
			return nil, errPage
		}
		runs[i].bytes, c.b = c.b[:sizes[i]], c.b[sizes[i]:]
	}
	if total != uint64(n) || len(c.b) > 0 {
		return nil, errPage
	}
	return runs, nil
}

// append appends the entries of the edges to this address.
func (r hubTarget) append(dst []entry, sources uint64) ([]entry, error) {
	d := hubReader{hubTarget: r, sources: sources}
	return d.next(dst, r.count)
}

// hubReader reads the entries of a hubTarget, some at a time.
type hubReader struct {
	hubTarget
	sources uint64
	last    uint64
	read    int
}

// left reports whether there are entries that have not been read.
func (d *hubReader) left() bool { return d.read < d.count }

// next appends the next entries, at most n.
func (d *hubReader) next(dst []entry, n int) ([]entry, error) {
	const ones, tops = 0x0101_0101_0101_0101, 0x8080_8080_8080_8080
	b := d.bytes
	n = min(n, d.count-d.read)
	dst = slices.Grow(dst, n)
	out := dst[len(dst) : len(dst)+n]
	dst = dst[:len(dst)+n]
	last, offset := d.last, d.offset
	for i := 0; i < n; {
		if i+8 <= n && len(b) >= 8 && d.read+i > 0 {
			// The next eight differences have one byte each, and none of them is 0.
			if v := binary.LittleEndian.Uint64(b); (v|(v-ones)&^v)&tops == 0 {
				to := (*[8]entry)(out[i:])
				a := last + v&0xff
				e := a + v>>8&0xff
				to[0], to[1] = newEntry(a, offset), newEntry(e, offset)
				a = e + v>>16&0xff
				e = a + v>>24&0xff
				to[2], to[3] = newEntry(a, offset), newEntry(e, offset)
				a = e + v>>32&0xff
				e = a + v>>40&0xff
				to[4], to[5] = newEntry(a, offset), newEntry(e, offset)
				a = e + v>>48&0xff
				e = a + v>>56
				to[6], to[7] = newEntry(a, offset), newEntry(e, offset)
				if last = e; last >= d.sources {
					return dst, errPage
				}
				b = b[8:]
				i += 8
				continue
			}
		}
		v, size := uint64(0), 0
		if len(b) > 0 && b[0] < 0x80 {
			v, size = uint64(b[0]), 1
		} else if v, size = binary.Uvarint(b); size <= 0 {
			return dst, errPage
		}
		if v > d.sources || d.read+i > 0 && v == 0 {
			return dst, errPage
		}
		if last += v; last >= d.sources {
			return dst, errPage
		}
		out[i] = newEntry(last, offset)
		b = b[size:]
		i++
	}
	d.last = last
	d.read += n
	if d.bytes = b; !d.left() && len(b) > 0 {
		return dst, errPage
	}
	return dst, nil
}

// cursor reads numbers and bytes from a file's section, and remembers in bad
// whether something was wrong. After that it yields zeros.
type cursor struct {
	b   []byte
	bad bool
}

// uvarint returns the next number, a varint.
func (c *cursor) uvarint() uint64 {
	v, n := binary.Uvarint(c.b)
	if n <= 0 {
		c.bad, c.b = true, nil
		return 0
	}
	c.b = c.b[n:]
	return v
}

// take returns the next n bytes.
func (c *cursor) take(n uint64) []byte {
	if n > uint64(len(c.b)) {
		c.bad, c.b = true, nil
		return nil
	}
	var b []byte
	b, c.b = c.b[:n], c.b[n:]
	return b
}
