package flattened

import (
	"slices"

	"vscan/engine/image/input"
)

// Finding the next block behind one whose header is damaged or cannot be read. Blocks follow one
// another without alignment or magic, and memory is full of numbers that might be a header: an array of small
// little-endian ones is. So what may be one is believed for what it leads to. Programs write a dump as
// a few streams (of descriptors, of pages), a block of one goes on where an earlier one of it ended, and
// the last header is followed by nothing.
//
//	file    | header 3, 0x1000+0x80 | bytes | damage | bytes | header 5, 0x7000+0x20 | bytes | header 6, 0x7020+0x40 | ...
//
// So what follows is believed where nearly all of it goes on so, or where it leads to the last header, and the first block
// is the first one that goes on with another, or that another goes on with: what stands before that may
// lead there by chance, and is passed over.

const (
	reach       = 64 << 20 // bytes that are looked through behind a header, but for holes and what cannot be read
	chainLen    = 256      // headers that are looked at behind what may be one
	leastJoints = 16       // so many of them go on where others end, if they are headers, unless they lead to the end of the file
	mostStarts  = 6        // and so many at most do not: they begin a stream
	recentEnds  = 64       // blocks before the damage that may be gone on with
	maxTries    = 1 << 19  // headers that are looked at in all searches of a file, together
	findBlock   = 1 << 20  // bytes that are read at a time
)

// skip goes on behind a header at a file offset that is none, for a reason: at the next one, whose
// file offset it returns, 0 where none is found.
func (r *indexer) skip(at uint64, why string) (next uint64, err error) {
	x := r.x
	x.lost = true
	next, found, err := r.find(at + 1)
	switch {
	case err != nil:
		return 0, err
	case !found:
		x.cut("the header of block %d at %v %s; what follows is not read", x.blocks, x.file.Place(at), why)
		return 0, nil
	}
	x.cut("the header of block %d at %v %s; the %d bytes from there to the next block that is found, at %v, are not read", x.blocks, x.file.Place(at), why, next-at, x.file.Place(next))
	return next, nil
}

// find looks for the next header from a file offset on. What may be one can lead to any
// of those behind it, so all before the one that is known are tried.
func (r *indexer) find(from uint64) (at uint64, found bool, err error) {
	ends := r.recentEnds()
	at = r.Size
	buf := make([]byte, min(findBlock, r.Size))
	stop := from + reach
	for off := from; off < min(stop, at) && r.tries > 0; {
		if err := r.ctx.Err(); err != nil {
			return 0, false, err
		}
		if end, hole := r.Extent(off); hole { // a header has a size
			end = max(off+1, end-min(end, blockSize-1))
			stop = input.AddSat(stop, end-off)
			off = end
			continue
		}
		n, bad, err := r.Fill(buf, off)
		if err != nil {
			return 0, false, err
		}
		if len(bad) > 0 && bad[0].Off <= off {
			stop = input.AddSat(stop, bad[0].End-off)
			off = bad[0].End
			continue
		}
		if len(bad) > 0 {
			n = int(bad[0].Off - off)
		}
		for i := 0; i+blockSize <= n; i++ {
			if !mayBe(buf[i : i+blockSize]) {
				continue
			}
			best, believed, err := r.follow(off+uint64(i), ends)
			if err != nil {
				return 0, false, err
			}
			if believed {
				at = min(at, best)
			}
			if off+uint64(i) >= at {
				break
			}
		}
		if n < blockSize {
			if len(bad) == 0 { // the file ends
				break
			}
			off = bad[0].Off
			continue
		}
		off += uint64(n - blockSize + 1)
	}
	return at, at < r.Size, nil
}

// mayBe reports whether b may be a header: 2^48 bytes of a dump and 2^32 of a block are beyond all that is written.
func mayBe(b []byte) bool {
	if b[0]|b[1]|b[8]|b[9]|b[10]|b[11] != 0 {
		return false
	}
	h := parseHeader(b)
	return h.why == "" && !h.last && h.size > 0
}

// openEnd is where in the dump a block ends with which no other one has gone on.
type openEnd struct {
	end uint64
	at  uint64 // the file offset of the block's header; 0: it is known
}

// recentEnds returns those of the last blocks that were read.
func (r *indexer) recentEnds() []openEnd {
	var ends []openEnd
	for _, e := range r.all[max(0, len(r.all)-recentEnds):] {
		ends = append(ends, openEnd{end: e.end()})
	}
	return ends
}

// follow goes through the headers that what may be one leads to, and returns at which to go
// on where they are believed: the first that goes on with a block or that another goes on with.
func (r *indexer) follow(pos uint64, known []openEnd) (at uint64, believed bool, err error) {
	ends := append(r.ends[:0], known...)
	defer func() { r.ends = ends }()
	best := r.Size
	joints, starts := 0, 0
	for at, i := pos, 0; i < chainLen && r.tries > 0; i++ {
		r.tries--
		if err := r.ctx.Err(); err != nil {
			return 0, false, err
		}
		h, err := r.header(at)
		switch {
		case err != nil:
			return 0, false, err
		case h.last && at+blockSize == r.Size && i > 0:
			return best, joints > 0, nil
		case h.cut || h.last || h.why != "" || h.size > r.Size-at-blockSize:
			return best, joints >= leastJoints, nil
		}
		// Each end is gone on with once, so that chains of small numbers do not go on for long.
		here := openEnd{h.off + h.size, at}
		if k := slices.IndexFunc(ends, func(e openEnd) bool { return e.end == h.off }); k >= 0 {
			if joints++; ends[k].at != 0 {
				best = min(best, ends[k].at)
			}
			best = min(best, at)
			ends[k] = here
		} else if starts++; starts > mostStarts {
			return 0, false, nil
		} else {
			ends = append(ends, here)
		}
		at += blockSize + h.size
	}
	return best, joints >= leastJoints, nil
}
