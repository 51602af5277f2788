package lime

import (
	"bytes"
	"fmt"

	"vscan/engine/addr"
	"vscan/engine/image/input"
)

// Finding the next record of a LiME dump where a header is damaged or cannot be read, or zeros
// stand in its place. Records follow one another without alignment, so the next
// one may be at any offset: where the magic stands, version 1, a range in order,
// and zeros in the reserved field. It fits into the file, or is its last.
//
// Memory can hold copies of such headers, those of the LiME that dumps it among
// them; they are looked for only in what is lost otherwise.
//
// A search never goes back over what an earlier one has passed, but for a record
// that is longer than the file, and then reading ends with that or with reach:
// so all searches together read the file twice at most, without its holes, in blocks that are kept
// from one search to the next, once more for zeros at its end, and 32 bytes for
// each header that is found.

// blockSize is how much a search reads at a time, nearSize how much is read for a
// header: records can be small, and so many.
const (
	blockSize = 1 << 20
	nearSize  = 4 << 10
)

// window is the block that was read last, with zeros for what cannot be read of it.
type window struct {
	*input.Patient
	block uint64
	at    uint64 // file offset of its first byte
	buf   []byte
	bad   []input.Unreadable // of it, ascending
}

// bytes returns the bytes at a file offset: at least n, or all that there are to
// the end of the file. They hold until the next call. Those that cannot be read are
// zeros, which unreadable tells.
func (w *window) bytes(off uint64, n int) ([]byte, error) {
	if off >= w.at && off-w.at < uint64(len(w.buf)) {
		if b := w.buf[off-w.at:]; len(b) >= n || w.at+uint64(len(w.buf)) == w.Size {
			return b, nil
		}
	}
	if w.buf == nil {
		w.buf = make([]byte, 0, min(w.block, w.Size))
	}
	m, bad, err := w.Fill(w.buf[:cap(w.buf)], off)
	if err != nil {
		w.buf = w.buf[:0]
		return nil, err
	}
	w.at, w.buf, w.bad = off, w.buf[:m], bad
	return w.buf, nil
}

// unreadable returns the first stretch that cannot be read among n bytes from a file offset
// on, of those that bytes returned last; nil where there is none.
func (w *window) unreadable(off uint64, n int) *input.Unreadable {
	for i := range w.bad {
		if u := &w.bad[i]; u.Off < off+uint64(n) && off < u.End {
			return u
		}
	}
	return nil
}

// header returns the header at a file offset, cut where the file ends. One that cannot be read is
// a *headerError.
func (l *reader) header(off uint64) ([]byte, error) {
	b, err := l.near.bytes(off, headerSize)
	if err != nil {
		return nil, err
	}
	b = b[:min(headerSize, len(b))]
	if u := l.near.unreadable(off, len(b)); u != nil {
		return nil, &headerError{l.Place(off), fmt.Sprintf("its header cannot be read: %v", u.Err)}
	}
	return bytes.Clone(b), nil
}

// begins reports whether a header begins at a file offset, of whatever range, or
// zeros stand there.
func (l *reader) begins(off uint64) bool {
	b, err := l.header(off)
	return err == nil && len(b) == headerSize && (input.AllZero(b) || l.starts(b))
}

// starts reports whether b begins as a header does.
func (l *reader) starts(b []byte) bool {
	return bytes.HasPrefix(b, l.start) || bytes.HasPrefix(b, []byte(avmlStart))
}

// nextStart returns where in b a header begins, or may begin that does not end there; -1 where none does.
func (l *reader) nextStart(b []byte) int {
	i := bytes.Index(b, l.start)
	if i >= 0 {
		b = b[:i+len(l.start)-1] // where nothing else is found, b is not gone through again and again
	}
	if k := bytes.Index(b, []byte(avmlStart)); k >= 0 {
		return k
	}
	return i
}

// leads reports whether a record that ends before a file offset leads to another
// one, or to the end of the file, padded with zeros or not. Zeros alone do not
// count: memory is full of them.
func (l *reader) leads(off uint64) bool {
	var buf [headerSize]byte // read alone, since it can be anywhere
	n, err := l.Reader.Fill(buf[:], off)
	b := buf[:n]
	if err != nil || len(b) == headerSize && l.starts(b) {
		return err == nil
	}
	return input.AllZero(b) && off >= l.padding()
}

// padding returns the file offset from which on there are but zeros.
func (l *reader) padding() uint64 {
	if l.padded != nil {
		return *l.padded
	}
	end := l.LastData()
	for end > 0 && l.ctx.Err() == nil {
		from := end - min(end, blockSize)
		b, err := l.window.bytes(from, int(end-from))
		if err != nil || l.window.unreadable(from, int(end-from)) != nil {
			break
		}
		n := len(bytes.TrimRight(b[:end-from], "\x00"))
		end = from + uint64(n)
		if n > 0 {
			break
		}
	}
	l.padded = &end
	return end
}

// good reports whether b is a header without a fault.
func (l *reader) good(b []byte) bool {
	if _, packed := isPacked(b); packed {
		return true
	}
	_, ok := l.parse(b)
	return ok && input.AllZero(b[24:headerSize])
}

// holds reports whether the record with a good header is one that is wanted behind damage; where
// it is a compressed one, whose length is not known, its stream has to begin.
func (l *reader) holds(off uint64, b []byte, plain func(r addr.Range) bool) bool {
	if _, packed := isPacked(b); packed {
		return l.streams(off + headerSize)
	}
	r, _ := l.parse(b)
	return plain(r)
}

// find looks for the next header between file offsets and returns where it is, or
// the size of the file. zero says whether all that was passed is zeros. accept is
// asked of each good header.
func (l *reader) find(from, to uint64, accept func(off uint64, b []byte) bool) (off uint64, zero bool, err error) {
	zero = true
	data := from // up to where there is no hole
	for off = from; off < to; {
		if err := l.ctx.Err(); err != nil {
			return off, false, err
		}
		l.at = off
		if off >= data {
			end, hole := l.Extent(off)
			if hole { // no header begins with zeros
				off = end
				continue
			}
			data = end
		}
		b, err := l.window.bytes(off, headerSize)
		if err != nil {
			return off, false, err
		}
		bad := l.window.unreadable(off, len(b))
		if bad != nil && bad.Off <= off {
			off, zero = min(bad.End, to), false
			continue
		}
		if bad != nil {
			b = b[:bad.Off-off]
		}
		if len(b) < headerSize && bad == nil { // no header fits, at the end of the file
			return l.Size, zero && input.AllZero(b), nil
		} else if len(b) < headerSize {
			off = bad.Off
			continue
		}
		n := len(b) - headerSize + 1 // what is left over may begin a header
		if i := l.nextStart(b); i >= 0 && len(b)-i < headerSize {
			n = i
		} else if i >= 0 {
			if l.good(b[i:i+headerSize]) && accept(off+uint64(i), b[i:i+headerSize]) {
				return off + uint64(i), zero && input.AllZero(b[:i]), nil
			}
			n = i + 1
		}
		zero = zero && input.AllZero(b[:n])
		off += uint64(n)
	}
	return l.Size, zero, nil
}

// findNext looks for the next record: the first that fits into the file, or
// where there is none, the first that does not. One that is not above all that
// was read is taken for a copy in memory unless it leads on: it would hide the
// bytes of others.
func (l *reader) findNext(from uint64) (off uint64, zero bool, err error) {
	tooLong := l.Size
	off, zero, err = l.find(from, l.Size, func(at uint64, b []byte) bool {
		return l.holds(at, b, func(r addr.Range) bool {
			if l.fits(at, b) {
				return !l.known(r) || l.leads(at+headerSize+r.Size())
			}
			if !l.known(r) {
				tooLong = min(tooLong, at)
			}
			return false
		})
	})
	if err == nil && off == l.Size {
		off = tooLong
	}
	return off, zero, err
}

// findChain looks for a record that leads to another one, or to the end of the
// file, behind the header of one from first on that is longer than the file.
// Truncated dumps are common and damaged ranges are not, so it does not look
// further than reach, and not for records that come before that one in
// memory: their headers are what LiME has written, and the machine kept, by then.
func (l *reader) findChain(from uint64, first addr.Addr) (uint64, error) {
	off, _, err := l.find(from, min(input.AddSat(from, reach), l.Size), func(at uint64, b []byte) bool {
		return l.holds(at, b, func(r addr.Range) bool {
			return r.First > first && l.fits(at, b) && l.leads(at+headerSize+r.Size())
		})
	})
	return off, err
}

// reach is how many bytes of a truncated record are looked through.
const reach = 1 << 30

// fits reports whether the record with a good header ends within the file.
func (l *reader) fits(off uint64, b []byte) bool {
	r, _ := l.parse(b)
	return uint64(r.Last-r.First) < l.Size-off-headerSize
}

// skipDamage goes on behind a damaged header. What is skipped is missing.
func (l *reader) skipDamage(off uint64, damage error) (next uint64, err error) {
	next, _, err = l.findNext(off + 1)
	if next, err = l.skipTo(off, next, damage, err); err == nil {
		err = damage
	}
	return next, err
}

// skipTo counts what lies before the next record, with what is wrong. err is
// that of the search.
func (l *reader) skipTo(off, next uint64, damage, err error) (uint64, error) {
	if err != nil {
		return 0, err
	}
	if next == l.Size {
		l.img.Note("%v: the %d bytes from there on are not read", damage, next-off)
	} else {
		l.img.Note("%v: the %d bytes from there to the next record, at %v, are not read", damage, next-off, l.Place(next))
	}
	l.img.Lose(next - off)
	return next, nil
}

// skipZeros goes on behind a header of zeros. It ends the dump where nothing but
// zeros follows, as padding; what else is skipped is missing.
func (l *reader) skipZeros(off uint64) (next uint64, err error) {
	if l.Size-off <= headerSize {
		return l.Size, nil
	}
	behind := off + headerSize
	next, zero, err := l.findNext(behind)
	if err != nil || next == l.Size && zero {
		return next, err
	}
	what := fmt.Sprintf("a header of zeros at %v", l.Place(off))
	switch {
	case next == l.Size:
		l.img.Note("%s: the %d bytes behind it are not read", what, next-behind)
	case next == behind:
		l.img.Note("%s: the next record is right behind it", what)
	default:
		l.img.Note("%s: the %d bytes behind it, to the next record at %v, are not read", what, next-behind, l.Place(next))
	}
	l.img.Lose(next - behind)
	return next, nil
}
