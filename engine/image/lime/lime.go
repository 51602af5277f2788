// Package lime reads LiME dumps, and those of AVML, whose records may be compressed (avml.go).
// It is for the engine and may change.
//
// A dump is records of physical memory, each a header of 32 bytes and the bytes of
// one range: magic 0x4c694d45 (4), version 1 (4), first address (8), last
// address, inclusive (8), reserved (8), all in the byte order of the machine
// that wrote it, which is the machine that was dumped: little-endian files begin
// with "EMiL", big-endian ones with "LiME". Source: LiME docs/README.md, "LiME
// Memory Range Header Version 1 Specification", and main.c, which writes the
// structure as it is. AVML writes the same with many records a range and leaves
// out blocks of zeros.
//
// Where a header of zeros stands, the dump ends or was padded; where a header is
// damaged or cannot be read, the length of its record is not known. In each case the next record
// is looked for (sync.go), and what is skipped is missing.
//
// The format tells no word size, and no byte order where it is little-endian,
// which programs that convert dumps write for any machine.
package lime

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/budget"
	"vscan/engine/image"
	"vscan/engine/image/blocks"
	"vscan/engine/image/input"
	"vscan/engine/image/magic"
	"vscan/internal/interrupt"
)

const (
	headerSize  = 32
	magicNumber = 0x4c694d45
)

// Format is the format's line in the table of detection.
var Format = magic.Format{Name: "LiME", What: "a LiME dump", Match: isDump, Option: "lime", Open: open}

// reader reads the records of a dump one after another.
type reader struct {
	input.Reader
	ctx    context.Context // of the opening
	watch  *interrupt.Watch
	order  addr.ByteOrder
	start  []byte  // magic and version in that order
	window window  // of searches
	near   window  // of headers
	padded *uint64 // file offset from which on there are but zeros, once it was asked

	budget  *budget.Budget // asked for the memory of records
	room    int            // for how many mappings it was asked
	img     *image.Draft
	chunks  chunks    // of compressed records
	at      uint64    // file offset that is being looked at
	records int       // that were read
	held    uint64    // bytes of them that the file has
	top     addr.Addr // the highest address of them
	mixed   bool      // one is not above those before it
}

// open reads a LiME dump.
func open(ctx context.Context, in input.Reader, o image.Options) (*image.Draft, error) {
	if o.Space == image.Virtual {
		return nil, &image.SpaceError{Path: in.Path(), Want: o.Space, Have: []image.AddressSpace{image.Physical}, Why: "a LiME dump has physical addresses only"}
	}
	l, err := newReader(ctx, in)
	if err != nil {
		return nil, err
	}
	l.budget = o.Budget
	if err := l.makeRoom(0); err != nil {
		return nil, err
	}
	if err := l.read(); err != nil {
		return nil, image.Interrupted(err, in.Path(), "reading records, of which %d were read, up to %v of %#x", l.records, l.Place(l.at), l.Size)
	}
	if l.mixed {
		if err := l.noteOverlap(); err != nil {
			return nil, image.Interrupted(err, in.Path(), "comparing %d records", l.records)
		}
	}
	l.img.Detail = fmt.Sprintf("%s, %d bytes", input.Plural(l.records, "record"), l.held)
	l.img.Tell("records", strconv.Itoa(l.records))
	l.unpack()
	return l.img, nil
}

// unpack gives the mappings of compressed records their source.
func (l *reader) unpack() {
	if l.chunks.size == 0 {
		return
	}
	l.img.Tell("compression", "snappy")
	source := blocks.New(l.Reader, l.chunks.size, chunkMost, &l.chunks)
	for i := range l.img.Mappings {
		if m := &l.img.Mappings[i]; m.State == engine.Present && m.Source == nil {
			m.Source = source
		}
	}
}

// noteOverlap notes where records overlap, which those of a dump do not: what one
// has there is hidden by a later one. The error is that of l.ctx.
func (l *reader) noteOverlap() error {
	need := budget.Product(uint64(len(l.img.Mappings)), overlapBytes)
	if err := l.budget.Take(need, "comparing the records of the image"); err != nil {
		return fmt.Errorf("%s: %d records: %w", l.Path(), l.records, err)
	}
	defer l.budget.Give(need)
	all := slices.Clone(l.img.Mappings)
	if err := interrupt.SortStableFunc(l.ctx, all, func(a, b engine.Mapping) int { return cmp.Compare(a.First, b.First) }); err != nil {
		return err
	}
	for i := 1; i < len(all); i++ {
		if a, b := all[i-1], all[i]; b.First <= a.Last {
			l.img.Note("%s, %v, and %s, %v, overlap: where records do, the later one in the file shows, and the other is not searched", a.Name, a.Range, b.Name, b.Range)
			return nil
		}
	}
	return nil
}

// newReader tells the byte order by the first header, or by that behind a
// header of zeros.
func newReader(ctx context.Context, in input.Reader) (*reader, error) {
	var b [headerSize + 4]byte
	if _, err := in.Fill(b[:], 0); err != nil {
		return nil, err
	}
	l := &reader{Reader: in, ctx: ctx, watch: interrupt.New(ctx), order: addr.Little, window: window{Patient: input.NewPatient(ctx, in), block: blockSize}, near: window{Patient: input.NewPatient(ctx, in), block: nearSize}}
	l.img = &image.Draft{Image: image.Image{Format: "LiME", Space: image.Physical, Spaces: []image.AddressSpace{image.Physical}}}
	if isBig(b[:]) || input.AllZero(b[:headerSize]) && isBig(b[headerSize:]) {
		l.order = addr.Big
		l.img.Order, l.img.OrderKnown = addr.Big, true
	}
	l.start = make([]byte, 8)
	l.order.PutUint(l.start[:4], magicNumber)
	l.order.PutUint(l.start[4:], 1)
	return l, nil
}

var isBig = magic.At(0, "LiME")

// isDump matches a first header, or a second one behind a first of zeros.
func isDump(head []byte) bool {
	if magic.At(0, "EMiL", "LiME")(head) {
		return true
	}
	return magic.At(headerSize, "EMiL\x01\x00\x00\x00", "LiME\x00\x00\x00\x01")(head) && input.AllZero(head[:headerSize])
}

// read reads all records. A file in which none is found is an error, unless it
// is empty but for zeros.
func (l *reader) read() error {
	var damage error // of the first header
	for off := uint64(0); off < l.Size; {
		if err := l.watch.Step(1); err != nil {
			return err
		}
		l.at = off
		next, err := l.step(off)
		if err != nil && !errors.As(err, new(*headerError)) {
			return err
		}
		if off == 0 {
			damage = err
		}
		off = next
		if err := l.tooSmall(off); err != nil {
			return err
		}
		if err := l.makeRoom(off); err != nil {
			return err
		}
	}
	if l.records == 0 && damage != nil {
		return fmt.Errorf("%s: %w", l.Path(), damage)
	}
	return nil
}

// Records take some hundred bytes of memory each, so many that are smaller than that
// would take more than the file has. What dumps memory writes whole pages.
const (
	fewRecords = 1 << 18 // records that may be as small as they like
	leastBytes = 1 << 10 // bytes that more records have on average
)

// tooSmall refuses a dump whose records up to a file offset are too many and too
// small.
func (l *reader) tooSmall(off uint64) error {
	n := uint64(len(l.img.Mappings))
	if n <= fewRecords || l.held/n >= leastBytes {
		return nil
	}
	return &image.UnsupportedError{
		Path: l.Path(), Format: "LiME",
		What:     fmt.Sprintf("a LiME dump with %d records of %s on average up to %v", n, input.Plural(int(l.held/n), "byte"), l.Place(off)),
		Advice:   "make a dump with a record for each range, for so many pieces take more memory than the file has",
		RawHelps: "scan its bytes as they are",
	}
}

// A record takes about recordBytes while records are read, with what append leaves behind,
// and overlapBytes more while those of a dump that are out of order are compared.
const (
	recordBytes   = 230
	overlapBytes  = 110
	recordsAtOnce = 1 << 12
	forRecords    = "the records of the image"
)

// makeRoom takes the memory of the next records, behind a file offset, if the budget has it.
func (l *reader) makeRoom(off uint64) error {
	if n := len(l.img.Mappings); n+2 < l.room { // a step makes up to two mappings
		return nil
	}
	if err := l.budget.Take(recordsAtOnce*recordBytes, forRecords); err != nil {
		return fmt.Errorf("%s: record %d at %v: %w", l.Path(), l.records, l.Place(off), err)
	}
	l.room += recordsAtOnce
	return nil
}

// step reads what is at a file offset and returns where the next header is. A
// The error is a *headerError where the header is damaged and was skipped.
func (l *reader) step(off uint64) (next uint64, err error) {
	rec, err := l.record(off)
	switch {
	case errors.As(err, new(*headerError)):
		return l.skipDamage(off, err)
	case err != nil:
		return 0, err
	case rec.end:
		return l.skipZeros(off)
	case rec.empty:
		l.img.Note("record %d at %v is empty", l.records, l.Place(off))
		l.records++
		return off + headerSize, nil
	case rec.packed:
		return l.packedRecord(off, rec.Range)
	}
	data := off + headerSize
	switch held := l.Size - data; {
	case uint64(rec.Last-rec.First) < held:
	case !rec.good:
		return l.skipDamage(off, &headerError{l.Place(off), fmt.Sprintf("%v is longer than the file, and the reserved bytes are not zero", rec.Range)})
	default:
		return l.cut(off, rec.Range, held)
	}
	l.rank(rec.Range)
	l.add(rec.Range, data)
	l.records++
	return data + rec.Size(), nil
}

// rank keeps where a record lies among those before it.
func (l *reader) rank(r addr.Range) {
	l.mixed = l.mixed || l.known(r)
	l.top = max(l.top, r.Last)
}

// known reports whether a range is not above all that was read.
func (l *reader) known(r addr.Range) bool {
	return len(l.img.Mappings) > 0 && r.First <= l.top
}

// add makes a mapping of bytes of the record that is being read, from a file
// offset on.
func (l *reader) add(r addr.Range, data uint64) {
	l.held += r.Size()
	l.img.Mappings = append(l.img.Mappings, engine.Mapping{Range: r, Source: l.Source, Offset: data, Name: l.name()})
}

func (l *reader) name() string { return fmt.Sprintf("record[%d]", l.records) }

// cut reads a record that is longer than the file: the last one of a truncated
// file, or one whose header is damaged, where other records follow.
func (l *reader) cut(off uint64, r addr.Range, held uint64) (next uint64, err error) {
	if found, err := l.findChain(off+headerSize, r.First); err != nil || found < l.Size {
		return l.skipTo(off, found, fmt.Errorf("LiME record at %v: %v is longer than the file, in which other records follow", l.Place(off), r), err)
	}
	l.rank(r)
	short := uint64(r.Last-r.First) - held // one less than the number of bytes, which can be 2^64
	l.img.Note("truncated: record %d at %v, %v, is cut at the end of the file after %d bytes", l.records, l.Place(off), r, held)
	l.img.Lose(input.AddSat(short, 1))
	if held > 0 {
		l.add(addr.Range{First: r.First, Last: r.First + addr.Addr(held-1)}, off+headerSize)
		r.First += addr.Addr(held)
	}
	l.img.Mappings = append(l.img.Mappings, engine.Mapping{Range: r, State: engine.Absent, Absence: engine.Missing, Name: l.name()})
	l.records++
	return l.Size, nil
}

// headerError is a damaged record header.
type headerError struct {
	at  input.Place
	msg string
}

func (e *headerError) Error() string {
	return fmt.Sprintf("LiME record at %v: %s", e.at, e.msg)
}

type record struct {
	addr.Range
	end    bool // a header of zeros
	empty  bool // a range of no bytes, with another header or the end behind
	good   bool // the reserved bytes are zero too
	packed bool // compressed
}

// record reads the header at a file offset.
func (l *reader) record(off uint64) (record, error) {
	b, err := l.header(off)
	switch {
	case err != nil:
		return record{}, err
	case input.AllZero(b):
		return record{end: true}, nil
	case len(b) < headerSize:
		return record{}, &headerError{l.Place(off), fmt.Sprintf("truncated: the header is cut at the end of the file after %d of %d bytes", len(b), headerSize)}
	}
	r, packed := isPacked(b)
	if packed {
		return record{Range: r, packed: true}, nil
	}
	r, ok := l.parse(b)
	switch {
	case ok:
		return record{Range: r, good: l.good(b)}, nil
	case l.isEmpty(off, b):
		return record{empty: true}, nil
	}
	return record{}, &headerError{l.Place(off), l.damage(b)}
}

// parse reads a header. ok is false where it is damaged.
func (l *reader) parse(b []byte) (r addr.Range, ok bool) {
	f := input.NewFields(b, l.order)
	r = addr.Range{First: addr.Addr(f.U64(8)), Last: addr.Addr(f.U64(16))}
	return r, bytes.HasPrefix(b, l.start) && r.Valid()
}

// damage returns what is wrong with a header.
func (l *reader) damage(b []byte) string {
	f := input.NewFields(b, l.order)
	switch {
	case string(b[:8]) == avmlStart:
		return fmt.Sprintf("last address %#x, first %#x, and reserved bytes %#x, which do not go together in a compressed record", f.U64(16), f.U64(8), b[24:headerSize])
	case !bytes.Equal(b[:4], l.start[:4]):
		return fmt.Sprintf("magic %#08x, not %#x", f.U32(0), magicNumber)
	case f.U32(4) != 1:
		return fmt.Sprintf("version %d, not 1", f.U32(4))
	}
	return fmt.Sprintf("last address %#x below the first, %#x", f.U64(16), f.U64(8))
}

// isEmpty reports whether a header is good but for its range, which ends just
// before it begins, and the next header or the end of the file follows. A file
// with nothing but that is damaged.
func (l *reader) isEmpty(off uint64, b []byte) bool {
	f := input.NewFields(b, l.order)
	if !bytes.HasPrefix(b, l.start) || f.U64(16)+1 != f.U64(8) || f.U64(8) == 0 {
		return false
	}
	next := off + headerSize
	return next == l.Size && off > 0 || l.begins(next)
}
