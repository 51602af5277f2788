package lime

import (
	"encoding/binary"
	"errors"
	"fmt"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/budget"
	"vscan/engine/image/input"
	"vscan/engine/image/magic"
)

// Compressed records of AVML, version 2 of its format. All little-endian:
//
//	header       32 bytes, as that of a LiME record: magic 0x4c4d5641, version 2
//	stream       chunks, each of a type (1), the number of bytes behind that (3), and those:
//	             0xff       the identifier, "sNaPpY"
//	             0x00, 0x01 a sum (4) and up to 64 KiB of memory, packed or not
//	             0x80-0xfe  to be passed over
//	length       of the stream in bytes (8)
//
// The length of a record stands only behind it, so all chunks of a file are gone through
// to find the next record. Blocks of 16 MiB that are zeros have no record. Records of LiME, which AVML
// writes where it does not compress, may stand between.
//
// Where the head of a chunk is damaged or cannot be read, the next one is looked for, or the end of the
// record, or another record. A chunk that was found is one whose sum is right. Where it lies in memory is
// known from the other side: the record's last byte is that of its last chunk.
//
//	memory   |--------|--------|  lost  |--------|----|
//	run      |------ first ----|        |--- last ----| ends where the record does
//
// Sources: AVML image.rs (headers, blocks) and snappy.rs (the length); snappy
// framing_format.txt.

const formatAVML = "AVML"

// AVML is the line of compressed AVML dumps in the table of detection.
var AVML = magic.Format{Name: formatAVML, What: "a compressed AVML dump", Match: magic.At(0, avmlStart), Option: "avml", Open: open}

const (
	avmlStart  = "AVML\x02\x00\x00\x00"
	identifier = "\xff\x06\x00\x00sNaPpY"

	chunkHead = 4       // type and length
	chunkSum  = 4       // what a chunk of memory begins with
	chunkMost = 1 << 16 // bytes of memory that a chunk has at most
	// packedMost is the most bytes that a chunk has behind its head: what snappy makes of
	// bytes that it cannot pack (MaxCompressedLength), and the sum.
	packedMost = chunkSum + 32 + chunkMost + chunkMost/6
	// chunkLook is how many bytes tell what a chunk is: head, sum, and how many bytes of
	// memory are packed, which is a number of up to three bytes.
	chunkLook = chunkHead + chunkSum + 3
)

// stream is the chunks of one record while they are gone through.
type stream struct {
	start uint64 // file offset of its first byte
	pos   uint64 // that is being looked at
	left  uint64 // bytes of the record's memory that no chunk had so far
	runs  []run  // of chunks that follow one another
}

// run is memory that chunks have which follow one another in the file.
type run struct {
	off  uint64 // in the source of all chunks
	size uint64
}

// chunkKind is what stands at a file offset in a stream.
type chunkKind int

const (
	chunkDamaged chunkKind = iota
	chunkCut               // the file ends in it
	chunkSkipped
	chunkMemory
	streamEnd // the length of the stream
)

// packedRecord reads the chunks of the compressed record whose header is at a file
// offset, and returns where the next record is.
func (l *reader) packedRecord(off uint64, r addr.Range) (next uint64, err error) {
	l.img.Format = formatAVML
	s := &stream{start: off + headerSize, pos: off + headerSize, left: r.Size(), runs: []run{{off: l.chunks.size}}}
	whole := false // whether the end of the stream was found
	for next == 0 {
		if err := l.watch.Step(1); err != nil {
			return 0, err
		}
		l.at = s.pos
		kind, n, err := l.lookAt(s, s.pos)
		if err != nil {
			return 0, err
		}
		switch kind {
		case chunkMemory:
			err = l.addChunk(s, n)
			s.pos += n
		case chunkSkipped:
			s.pos += n
		case streamEnd:
			whole, next = true, s.pos+8
		case chunkCut, chunkDamaged:
			whole = s.left == 0
			next, err = l.behindDamage(s, off, kind)
		}
		if err != nil {
			return 0, err
		}
	}
	l.place(s, r, whole)
	l.records++
	return next, nil
}

// lookAt tells what stands at a file offset in a stream, and how many bytes it has, the
// head included.
func (l *reader) lookAt(s *stream, pos uint64) (kind chunkKind, size uint64, err error) {
	b, err := l.near.bytes(pos, chunkLook)
	if err != nil {
		return chunkDamaged, 0, err
	}
	if bad := l.near.unreadable(pos, min(len(b), chunkLook)); bad != nil {
		b = b[:max(bad.Off, pos)-pos]
		if len(b) < 8 { // the length of the stream may be all that can be read
			return chunkDamaged, 0, nil
		}
	}
	if len(b) >= 8 && pos > s.start && binary.LittleEndian.Uint64(b) == pos-s.start {
		return streamEnd, 8, nil
	}
	if len(b) < chunkHead {
		return chunkCut, 0, nil
	}
	n := uint64(b[1]) | uint64(b[2])<<8 | uint64(b[3])<<16
	size = chunkHead + n
	switch kind := b[0]; {
	case kind == 0xff && n == 6, kind >= 0x80 && kind < 0xff:
		if size > l.Size-pos {
			return chunkDamaged, 0, nil
		}
		return chunkSkipped, size, nil
	case kind > 1 || n <= chunkSum || n > packedMost:
		return chunkDamaged, 0, nil
	case size > l.Size-pos:
		return chunkCut, 0, nil
	}
	if len(b) < min(chunkLook, int(size)) {
		return chunkDamaged, 0, nil // what it has cannot be read
	}
	if m := memoryOf(b[:min(len(b), int(size))]); m == 0 || m > min(chunkMost, s.left) {
		return chunkDamaged, 0, nil
	}
	return chunkMemory, size, nil
}

// memoryOf returns how many bytes of memory a chunk has whose first bytes are b, 0 where it
// does not tell.
func memoryOf(b []byte) uint64 {
	if b[0] == 1 {
		return (uint64(b[1]) | uint64(b[2])<<8 | uint64(b[3])<<16) - chunkSum
	}
	n, k := binary.Uvarint(b[chunkHead+chunkSum:])
	if k <= 0 {
		return 0
	}
	return n
}

// addChunk keeps the chunk of size bytes at the stream's position.
func (l *reader) addChunk(s *stream, size uint64) error {
	b, err := l.near.bytes(s.pos, chunkLook)
	if err != nil {
		return err
	}
	m := memoryOf(b[:min(len(b), int(size))])
	if err := l.chunks.makeRoom(l); err != nil {
		return err
	}
	l.chunks.add(b[0], s.pos+chunkHead, uint32(size-chunkHead), m)
	s.runs[len(s.runs)-1].size += m
	s.left -= m
	return nil
}

// behindDamage goes on behind what is no chunk at the stream's position, of the record at a
// file offset: at a chunk, as a run of its own, or at the next record, whose file offset it
// returns. Where the chunk in front of it is damaged, its length may be, so that one is taken back.
func (l *reader) behindDamage(s *stream, record uint64, kind chunkKind) (next uint64, err error) {
	if s.left == 0 {
		return l.withoutLength(s, record)
	}
	if err := l.takeBack(s); err != nil {
		return 0, err
	}
	what := fmt.Errorf("AVML record at %v: no chunk at %v%s", l.Place(record), l.Place(s.pos), l.whyUnreadable(s.pos, chunkLook))
	found, header, err := l.findChunk(s)
	switch {
	case err != nil:
		return 0, err
	case found < l.Size && !header:
		l.noteGap(what, s.pos, found)
		s.pos = found
		s.runs = append(s.runs, run{off: l.chunks.size})
		return 0, nil
	case found == l.Size && kind == chunkCut:
		l.img.Note("truncated: record %d at %v is cut at the end of the file, in a chunk at %v", l.records, l.Place(record), l.Place(s.pos))
		return l.Size, nil
	case found == l.Size:
		if found, _, err = l.findNext(s.pos + 1); err != nil {
			return 0, err
		}
	}
	l.noteGap(what, s.pos, found)
	return found, nil
}

// whyUnreadable returns ", which cannot be read" with the reason where some of n bytes at a file offset cannot.
func (l *reader) whyUnreadable(off uint64, n int) string {
	b, err := l.near.bytes(off, n)
	if err != nil {
		return ""
	}
	if bad := l.near.unreadable(off, min(len(b), n)); bad != nil {
		return fmt.Sprintf(", which cannot be read: %v", bad.Err)
	}
	return ""
}

// takeBack takes the last chunks of a run back that cannot be unpacked: a damaged length leads to
// what looks like others. One that cannot be read stays: a search tells that it cannot.
func (l *reader) takeBack(s *stream) error {
	now := &s.runs[len(s.runs)-1]
	for tries := 0; now.size > 0 && tries < maxShortTries; tries++ {
		at, held, m := l.chunks.last()
		if good, sure := l.verified(at, held); good || !sure {
			return nil
		}
		l.chunks.drop()
		now.size -= m
		s.left += m
		s.pos = at
	}
	return l.ctx.Err()
}

// findChunk looks for the next chunk behind the stream's position, for the length of the stream, or for the
// header of a record. It goes as far as the next chunk can be where one is damaged, and returns the size
// of the file where there is nothing. What may be a chunk is unpacked, which is done a few times only: more often
// where it is as long as those of AVML are, or the last of its record, since short ones are found anywhere.
func (l *reader) findChunk(s *stream) (pos uint64, header bool, err error) {
	tries := map[bool]int{true: maxTries, false: maxShortTries}
	end := s.pos + 2*packedMost // of the search, which does not count what cannot be read
	for pos = s.pos + 1; pos <= end && pos < l.Size; pos++ {
		if err := l.watch.Step(1); err != nil {
			return 0, false, err
		}
		b, err := l.near.bytes(pos, headerSize)
		if err != nil {
			return 0, false, err
		}
		if bad := l.near.unreadable(pos, 1); bad != nil {
			end = input.AddSat(end, bad.End-pos)
			pos = bad.End - 1
			continue
		}
		if bad := l.near.unreadable(pos, min(len(b), headerSize)); bad != nil {
			b = b[:bad.Off-pos]
		}
		if len(b) >= headerSize && l.good(b[:headerSize]) {
			return pos, true, nil
		}
		kind, size, err := l.lookAt(s, pos)
		switch {
		case err != nil:
			return 0, false, err
		case kind == streamEnd && (pos+8 == l.Size || l.begins(pos+8)):
			return pos, false, nil
		case kind != chunkMemory:
			continue
		}
		usual := memoryOf(b[:min(len(b), int(size))]) == chunkMost // lookAt has seen that b has what this needs
		behind, _, err := l.lookAt(s, pos+size)
		if err != nil {
			return 0, false, err
		}
		usual = usual || behind == streamEnd
		if !usual && behind == chunkDamaged || tries[usual] == 0 {
			continue
		}
		tries[usual]--
		if good, _ := l.verified(pos, size); good {
			return pos, false, nil
		}
	}
	return l.Size, false, nil
}

// How many chunks are unpacked at most to find the one behind a damaged one: those that look
// like AVML's, and others.
const (
	maxTries      = 256
	maxShortTries = 16
)

// noteGap tells what of a record was passed over.
func (l *reader) noteGap(what error, from, to uint64) {
	l.img.Note("%v: the %d bytes from there to %v are not read", what, to-from, l.Place(to))
}

// withoutLength goes on behind a record all of whose memory was read and whose length does
// not follow.
func (l *reader) withoutLength(s *stream, record uint64) (next uint64, err error) {
	switch {
	case s.pos+8 >= l.Size:
		next = l.Size
	case l.begins(s.pos + 8):
		next = s.pos + 8
	case l.begins(s.pos):
		next = s.pos
	default:
		if next, _, err = l.findNext(s.pos); err != nil {
			return 0, err
		}
		if next > s.pos+8 {
			l.img.Lose(next - s.pos - 8)
		}
	}
	if why := l.whyUnreadable(s.pos, int(min(8, l.Size-s.pos))); why != "" {
		l.img.Note("AVML record at %v: at its end, %v, stands its length%s", l.Place(record), l.Place(s.pos), why)
	} else {
		l.img.Note("AVML record at %v: at its end, %v, stands another length than that of its chunks, %d", l.Place(record), l.Place(s.pos), s.pos-s.start)
	}
	return next, nil
}

// verified reports whether the chunk of size bytes at a file offset can be unpacked. sure is false where
// its bytes cannot be read.
func (l *reader) verified(pos, size uint64) (good, sure bool) {
	b := make([]byte, size)
	if n, err := l.Fill(b, pos); err != nil || n < len(b) {
		return false, err == nil
	}
	return l.chunks.Unpack(make([]byte, memoryOf(b)), b[chunkHead:], kindOf(b[0])) == nil, true
}

// place makes mappings of the runs of a record, and of what is missing. whole says that the
// end of the record was found, so that its last run ends there.
func (l *reader) place(s *stream, r addr.Range, whole bool) {
	l.rank(r)
	at := uint64(0) // of the record, up to which there are mappings
	for i, one := range s.runs {
		start, known := s.startOf(i, r.Size(), whole)
		if !known {
			continue
		}
		l.miss(r, at, start)
		if one.size > 0 {
			l.addPacked(addr.Range{First: r.First + addr.Addr(start), Last: r.First + addr.Addr(start+one.size-1)}, one.off)
		}
		at = start + one.size
	}
	l.miss(r, at, r.Size())
}

// startOf returns where a run begins in the record of so many bytes, where that is known: that of the
// first and, where the end was found, of the last, and of all where each of the gaps
// between them has room for just one chunk.
func (s *stream) startOf(i int, size uint64, whole bool) (start uint64, known bool) {
	gaps := uint64(len(s.runs) - 1)
	for _, one := range s.runs[:i] {
		start += one.size
	}
	switch {
	case i == 0:
		return 0, true
	case whole && uint64(i) == gaps:
		return size - s.runs[i].size, true
	case whole && s.left == gaps*chunkMost:
		return start + uint64(i)*chunkMost, true
	}
	return 0, false
}

// miss makes a mapping of a part of a record that is missing.
func (l *reader) miss(r addr.Range, from, to uint64) {
	if from == to {
		return
	}
	l.img.Lose(to - from)
	lost := addr.Range{First: r.First + addr.Addr(from), Last: r.First + addr.Addr(to-1)}
	l.img.Mappings = append(l.img.Mappings, engine.Mapping{Range: lost, State: engine.Absent, Absence: engine.Missing, Name: l.name()})
}

// addPacked makes a mapping of memory that chunks have. Its source is set when all chunks
// are known.
func (l *reader) addPacked(r addr.Range, off uint64) {
	l.held += r.Size()
	l.img.Mappings = append(l.img.Mappings, engine.Mapping{Range: r, Offset: off, Name: l.name()})
}

// isPacked reports whether b is a header of a compressed record without a fault.
func isPacked(b []byte) (addr.Range, bool) {
	f := input.NewFields(b, addr.Little)
	r := addr.Range{First: addr.Addr(f.U64(8)), Last: addr.Addr(f.U64(16))}
	return r, string(b[:8]) == avmlStart && r.Valid() && r != addr.All && input.AllZero(b[24:headerSize])
}

// streams reports whether the stream of a compressed record begins at a file offset.
func (l *reader) streams(off uint64) bool {
	var b [len(identifier)]byte
	n, err := l.Fill(b[:], off)
	return err == nil && n == len(b) && string(b[:]) == identifier
}

// tooMany reports whether chunks take more memory than they hold: those of AVML
// have 64 KiB each but the last of a record.
func (c *chunks) tooMany() bool {
	n := uint64(len(c.all))
	return n > fewRecords && c.size/n < leastBytes
}

var errChunks = errors.New("it has very many chunks of compressed memory that hold less than 1 KiB on average, which take more memory than the file: convert it with avml-convert")

// makeRoom takes the memory of the next chunks.
func (c *chunks) makeRoom(l *reader) error {
	if c.tooMany() {
		return fmt.Errorf("%s: up to %v %w", l.Path(), l.Place(l.at), errChunks)
	}
	if len(c.all) < c.room {
		return nil
	}
	if err := l.budget.Take(budget.Product(chunksAtOnce, chunkBytes), "the chunks of the image"); err != nil {
		return fmt.Errorf("%s: chunk %d at %v: %w", l.Path(), len(c.all), l.Place(l.at), err)
	}
	c.room += chunksAtOnce
	return nil
}
