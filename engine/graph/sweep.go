package graph

import (
	"context"
	"encoding/binary"
	"slices"
	"sync"

	"vscan/engine"
	"vscan/engine/addr"
)

// sweep finds all edges in one pass over memory and keeps them by partition of
// their targets.
//
// A scanner of the engine finds the words whose values lie in the ranges of
// targets, exactly these and no others. Each worker has a stream for each
// partition. A stream consists of pieces: a piece holds the edges of one shard, and
// pieces stand in the order in which the worker took the shards. A piece is the
// number of its first source and then one entry for each edge. An entry is the
// difference between the number of its source and that of the entry before, as a
// varint, and then the target's offset from the start of the partition, in 3, 4 or
// 8 bytes:
//
//	stream   | shard 2      | shard 5 | shard 6               |
//	piece    +0 ppp +12 ppp +1 ppp +3 ppp
//
// INVARIANT: sources ascend within a piece, and shards ascend in memory. So the
// pieces of all workers, put in the order of their shards, have the edges of a
// partition by ascending source, and no source is ever sorted.
type sweep struct {
	ends       endpoints
	arch       addr.Arch
	sources    numbering
	targets    numbering
	parts      []partition
	partRanges []partRange
	chunks     *chunks
	workers    []*sweeper
}

// sweeper is one worker's part of a sweep.
type sweeper struct {
	*sweep
	streams []stream // one for each partition
	hints   [hintCount]int32
	source  int // the hint for sources.number
	err     error
}

// hintCount is how many hints a sweeper has. A hint says which partRange held
// the last address that had the same bits from hintShift up.
const (
	hintCount = 1 << 10 // hints of addresses 4 GiB apart collide
	hintShift = 22
)

// stream is what one worker found of one partition.
type stream struct {
	open   []byte // the chunk that is being filled
	last   uint64 // the number of the last entry's source
	shard  uint32 // the shard of the piece that is being filled, which ends in the open chunk, or noShard
	chunks []chunk
	pieces []piece
}

// noShard stands for no shard. A sweep has some thousand shards at most.
const noShard = 1<<32 - 1

// endPiece ends the piece that is being filled, if there is one.
func (s *stream) endPiece() {
	if s.shard != noShard {
		s.pieces[len(s.pieces)-1].end = uint32(len(s.open))
		s.shard = noShard
	}
}

// piece is the entries of one shard in one chunk.
type piece struct {
	source uint64 // the number of the first entry's source
	shard  uint32
	chunk  uint32 // the index of the chunk in the stream
	from   uint32 // the offset of the first entry in the chunk
	end    uint32
}

// maxEntry is the size of the longest entry in bytes.
const maxEntry = binary.MaxVarintLen64 + 8

const (
	// chunkBudget is about how many bytes the chunks that are being filled take
	// together.
	chunkBudget = 32 << 20
	maxChunk    = 32 << 10
)

// newSweep prepares a sweep: it numbers sources and targets, and cuts the targets
// into partitions. The error is that of ctx, or of more targets than can be numbered.
func newSweep(ctx context.Context, space *engine.Space, arch addr.Arch, o *Options) (*sweep, error) {
	ends, err := newEndpoints(ctx, space, arch, o)
	if err != nil {
		return nil, err
	}
	s := &sweep{ends: ends, arch: arch}
	if s.sources, err = newNumbering(ctx, log2(o.Align), s.ends.sources); err != nil {
		return nil, err
	}
	if s.targets, err = newNumbering(ctx, pageShift, s.ends.targets); err != nil {
		return nil, err
	}
	if s.parts, s.partRanges, err = partitions(ctx, s.targets, s.ends.present); err != nil {
		return nil, err
	}
	size := chunkBudget / (o.Workers * max(len(s.parts), 1)) &^ 63
	s.chunks = &chunks{size: min(max(size, 1<<10), maxChunk), limit: int64(min(o.Memory, 1<<62)), dir: o.Spill}
	return s, nil
}

// scan finds the edges and writes each to the stream of its partition.
func (s *sweep) scan(ctx context.Context, space *engine.Space, o *Options) (engine.Stats, error) {
	if len(s.ends.targets) == 0 {
		return engine.Stats{}, nil
	}
	sc, err := pointerScanner(ctx, space, s.arch, o.Align, s.ends.targets, engine.Options{
		Workers: o.Workers, Kernel: o.Kernel, Ranges: o.Sources, Where: o.SourceIn, Progress: o.Progress,
		ShardSize: s.shardSize(), MaxBytes: o.MaxBytes,
	})
	if err != nil {
		return engine.Stats{}, err
	}
	for range o.Workers {
		w := &sweeper{sweep: s, streams: make([]stream, len(s.parts))}
		for i := range w.streams {
			w.streams[i].shard = noShard
		}
		s.workers = append(s.workers, w)
	}
	var once sync.Once
	var failed error
	stats, err := sc.ScanShards(ctx, func(worker int, shard uint64, b *engine.Batch) bool {
		w := s.workers[worker]
		if w.take(uint32(shard), b); w.err != nil {
			once.Do(func() { failed = w.err })
			return false
		}
		return true
	})
	if failed != nil {
		return stats, failed
	}
	if err != nil {
		return stats, err
	}
	for _, w := range s.workers {
		if err := w.finish(); err != nil {
			return stats, err
		}
	}
	return stats, nil
}

const (
	minShard  = 2 << 20
	maxShards = 1 << 12 // about the most shards: each has pieces in some hundred partitions
)

// shardSize returns the size in bytes of the shards that memory is cut into.
func (s *sweep) shardSize() uint64 {
	total := s.sources.count << s.sources.shift
	return max(minShard, total/maxShards)
}

// take adds the edges of a batch of hits.
func (w *sweeper) take(shard uint32, b *engine.Batch) {
	if words := b.Bytes(); len(words) > 0 && w.arch == addr.LE64 {
		w.takeWords(shard, b.Base, b.Offsets, words)
		return
	}
	eachEdge(b, w.arch, w.ends.targets[0].First, func(e Edge) {
		source, _ := w.sources.number(e.Source, &w.source)
		w.add(shard, source, e.Target)
	})
}

// takeWords is take for little-endian words of 8 bytes, which most memory has.
func (w *sweeper) takeWords(shard uint32, base addr.Addr, offsets []uint32, words []byte) {
	from := addr.Range{First: 1} // the range that held the last source; none at first
	var unit uint64
	shift := w.sources.shift & 63
	for _, off := range offsets {
		source := base + addr.Addr(off)
		value := addr.Addr(binary.LittleEndian.Uint64(words))
		words = words[8:]
		if !from.Contains(source) {
			r := w.sources.find(source, &w.source)
			from = w.sources.ranges[r]
			unit = w.sources.first[r] - uint64(from.First)>>shift
		}
		number := unit + uint64(source)>>shift
		t := &w.partRanges[w.hints[(value>>hintShift)%hintCount]]
		s := &w.streams[t.part]
		d := number - s.last
		if uint64(value-t.First) > uint64(t.Last-t.First) || s.shard != shard || d >= 1<<14 || len(s.open)+maxEntry > cap(s.open) || t.bytes == 8 {
			if w.add(shard, number, value); w.err != nil {
				return
			}
			continue
		}
		// The difference takes one byte or two, about equally often, so the code has
		// no branch that depends on it. Bytes that are written too far are
		// overwritten by the next entry.
		at, two := len(s.open), uint64(0x7f-int64(d))>>63
		varint := d&0x7f | two<<7 | d>>7<<8
		binary.LittleEndian.PutUint64(s.open[at:at+8], varint|(t.base+uint64(value-t.First))<<(8+8*two&63))
		s.open = s.open[:at+1+int(two)+int(t.bytes)]
		s.last = number
	}
}

// add adds an edge.
func (w *sweeper) add(shard uint32, source uint64, value addr.Addr) {
	hint := &w.hints[(value>>hintShift)%hintCount]
	t := &w.partRanges[*hint]
	if !t.Contains(value) {
		i, _ := slices.BinarySearchFunc(w.partRanges, value, func(t partRange, v addr.Addr) int {
			if t.Last < v {
				return -1
			}
			return 1
		})
		*hint = int32(i)
		t = &w.partRanges[i]
	}
	s := &w.streams[t.part]
	if len(s.open)+maxEntry > cap(s.open) {
		if w.err = w.nextChunk(s); w.err != nil {
			return
		}
	}
	if s.shard != shard {
		s.endPiece()
		s.pieces = append(s.pieces, piece{source, shard, uint32(len(s.chunks)), uint32(len(s.open)), 0})
		s.shard, s.last = shard, source
	}
	at := len(s.open)
	b := s.open[:at+maxEntry]
	at += binary.PutUvarint(b[at:], source-s.last)
	binary.LittleEndian.PutUint64(b[at:], t.base+uint64(value-t.First))
	s.open = b[:at+int(t.bytes)]
	s.last = source
}

// nextChunk hands over the full chunk of a stream and begins another.
func (w *sweeper) nextChunk(s *stream) error {
	s.endPiece()
	if s.open != nil {
		k, err := w.chunks.put(s.open)
		if err != nil {
			return err
		}
		s.chunks = append(s.chunks, k)
	}
	s.open = w.chunks.get()
	return nil
}

// finish hands over the chunks that are not full. They stay in memory.
func (w *sweeper) finish() error {
	for i := range w.streams {
		s := &w.streams[i]
		s.endPiece()
		if len(s.open) > 0 {
			s.chunks = append(s.chunks, chunk{bytes: s.open})
			w.chunks.held.Add(int64(cap(s.open)))
		}
		s.open = nil
	}
	return nil
}

// ordered appends all pieces of a partition to all, which is empty, in the order of
// their shards: their sources ascend.
func (s *sweep) ordered(all []storedPiece, part int) []storedPiece {
	for _, w := range s.workers {
		st := &w.streams[part]
		for _, p := range st.pieces {
			all = append(all, storedPiece{p, &st.chunks[p.chunk]})
		}
	}
	slices.SortStableFunc(all, func(a, b storedPiece) int { return int(a.shard) - int(b.shard) })
	return all
}

// most returns about how many edges the largest partition has. It is never too few.
func (s *sweep) most() (most int) {
	for part := range s.parts {
		n := 0
		for _, w := range s.workers {
			for _, p := range w.streams[part].pieces {
				n += int(p.end - p.from)
			}
		}
		if n > 0 {
			most = max(most, n/(1+s.offsetBytes(part)))
		}
	}
	return most
}

// storedPiece is a piece with the chunk that it lies in.
type storedPiece struct {
	piece
	in *chunk
}

// drop gives up the memory of a partition that has been sorted.
func (s *sweep) drop(part int) {
	for _, w := range s.workers {
		st := &w.streams[part]
		for i := range st.chunks {
			s.chunks.free(&st.chunks[i])
		}
		st.chunks, st.pieces = nil, nil
	}
}
