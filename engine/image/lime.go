package image

import (
	"errors"
	"fmt"

	"vscan/engine"
	"vscan/engine/addr"
)

// LiME: records of physical memory, each a header of 32 bytes and the bytes of
// one range. Little-endian: magic "EMiL" (4), version 1 (4), first address (8),
// last address, inclusive (8), reserved (8). Source: LiME docs/README.md,
// "LiME Memory Range Header Version 1 Specification". AVML writes the same with
// many records a range and leaves out blocks of zeros. A header of zeros ends
// the file for LeechCore, and so it does here.
//
// The format tells neither word size nor byte order of the machine.

const limeHeader = 32

// openLiME reads a LiME dump.
func openLiME(in input, o Options) (*Image, error) {
	if o.Space == Virtual {
		return nil, fmt.Errorf("%s: a LiME dump has physical addresses only", in.path())
	}
	img := &Image{Format: "LiME", Space: Physical, Spaces: []string{Physical}}
	var total uint64
	off := uint64(0)
	records := 0
	for ; off < in.size; records++ {
		rec, err := in.limeRecord(off)
		if err != nil && errors.As(err, new(*limeError)) {
			if records == 0 {
				return nil, fmt.Errorf("%s: %w", in.path(), err)
			}
			img.note("%v: the %d bytes from there on are not read", err, in.size-off)
			img.lose(in.size - off)
			break
		} else if err != nil {
			return nil, err
		}
		if rec.end {
			if rest := in.size - off; rest > limeHeader {
				img.note("a header of zeros ends the dump at file offset %#x: the %d bytes behind it are not read", off, rest-limeHeader)
			}
			break
		}
		data := off + limeHeader
		held := in.size - data // of the record and all that follow
		m := engine.Mapping{Range: rec.Range, Source: in.src, Offset: data, Name: fmt.Sprintf("record[%d]", records)}
		if lastByte := uint64(rec.Last - rec.First); held <= lastByte {
			short := lastByte - held // one less than the number of bytes, which can be 2^64
			img.note("truncated: record %d at file offset %#x, %v, is cut at the end of the file after %d bytes", records, off, rec.Range, held)
			img.lose(addSat(short, 1))
			if held > 0 {
				m.Last = m.First + addr.Addr(held-1)
				img.Mappings = append(img.Mappings, m)
				m.First = m.Last + 1
			}
			m.Last, m.State, m.Source, m.Offset = rec.Last, engine.Absent, nil, 0
			img.Mappings = append(img.Mappings, m)
			total += held
			records++
			break
		}
		img.Mappings = append(img.Mappings, m)
		total += m.Size()
		off = data + m.Size()
	}
	img.Detail = fmt.Sprintf("%s, %d bytes", plural(records, "record"), total)
	return img, nil
}

// limeError is a damaged record header.
type limeError struct {
	off uint64
	msg string
}

func (e *limeError) Error() string {
	return fmt.Sprintf("LiME record at file offset %#x: %s", e.off, e.msg)
}

type limeRecord struct {
	addr.Range
	end bool // a header of zeros
}

// limeRecord reads the header at a file offset.
func (in input) limeRecord(off uint64) (limeRecord, error) {
	var b [limeHeader]byte
	n, err := in.read(b[:], off)
	switch {
	case err != nil:
		return limeRecord{}, err
	case b == [limeHeader]byte{}:
		return limeRecord{end: true}, nil
	case n < limeHeader:
		return limeRecord{}, &limeError{off, fmt.Sprintf("truncated: the header is cut at the end of the file after %d of %d bytes", n, limeHeader)}
	}
	f := fields{b[:], addr.Little}
	rec := limeRecord{Range: addr.Range{First: addr.Addr(f.u64(8)), Last: addr.Addr(f.u64(16))}}
	switch {
	case string(b[:4]) != "EMiL":
		return rec, &limeError{off, fmt.Sprintf("magic %#08x, not 0x4c694d45", f.u32(0))}
	case f.u32(4) != 1:
		return rec, &limeError{off, fmt.Sprintf("version %d, not 1", f.u32(4))}
	case !rec.Valid():
		return rec, &limeError{off, fmt.Sprintf("last address %v below the first, %v", rec.Last, rec.First)}
	}
	return rec, nil
}
