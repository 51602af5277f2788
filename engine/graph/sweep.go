package graph

import (
	"context"
	"encoding/binary"
	"slices"
	"sync"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/patterns"
)

// sweep finds all edges in one pass over memory and keeps them by partition of
// their targets.
//
// A scanner of the engine finds the words whose values are in the ranges of
// targets, which is exact. Each worker has a stream for each partition. A stream
// is pieces, of one shard each, in the order in which the worker took the
// shards; a piece is its first source and then, for each edge, how many units
// the source is above the one before, as a varint, and the target's place in
// the partition in 3, 4 or 8 bytes:
//
//	stream   | shard 2      | shard 5 | shard 6               |
//	piece    +0 ppp +12 ppp +1 ppp +3 ppp
//
// The pieces of all workers, put in the order of shards, have a partition's
// edges by ascending source, so no source is ever sorted.
type sweep struct {
	scope   scope
	arch    addr.Arch
	sources numbering
	targets numbering
	parts   []partition
	cut     []target
	kept    *chunks
	workers []*sweeper
}

// sweeper is one worker's part of a sweep.
type sweeper struct {
	*sweep
	streams []stream // by partition
	hints   [hintCount]int32
	source  int // hint of sources.number
	err     error
}

// hintCount is how many hints a sweeper has of which target holds an address:
// by the address's bits from hintShift up.
const (
	hintCount = 1 << 10 // 4 GiB until hints collide
	hintShift = 22
)

// stream is what one worker found of one partition.
type stream struct {
	open   []byte // the chunk that is being filled
	last   uint64 // source
	shard  uint32 // of the piece in hand, which is in the open chunk, or noShard
	chunks []chunk
	pieces []piece
}

// noShard is the number of no shard: there are some thousand at most.
const noShard = 1<<32 - 1

// cut ends the piece in hand.
func (s *stream) cut() {
	if s.shard != noShard {
		s.pieces[len(s.pieces)-1].end = uint32(len(s.open))
		s.shard = noShard
	}
}

// piece is a run of entries of one shard, in one chunk.
type piece struct {
	source uint64 // number of the first
	shard  uint32
	chunk  uint32 // of the stream
	from   uint32 // in the chunk
	end    uint32
}

// maxEntry is the longest entry in bytes.
const maxEntry = binary.MaxVarintLen64 + 8

const (
	// chunkBudget is about how much memory chunks that are being filled take.
	chunkBudget = 32 << 20
	maxChunk    = 32 << 10
)

func newSweep(space *engine.Space, arch addr.Arch, o *Options) (*sweep, error) {
	s := &sweep{scope: newScope(space, arch, o), arch: arch}
	var err error
	if s.sources, err = newNumbering(log2(o.Align), s.scope.sources); err != nil {
		return nil, err
	}
	if s.targets, err = newNumbering(pageShift, s.scope.targets); err != nil {
		return nil, err
	}
	s.parts, s.cut = partitions(s.targets, s.scope.present)
	size := chunkBudget / (o.Workers * max(len(s.parts), 1)) &^ 63
	s.kept = &chunks{size: min(max(size, 1<<10), maxChunk), limit: int64(min(o.Memory, 1<<62)), dir: o.Spill}
	return s, nil
}

// run sweeps.
func (s *sweep) run(ctx context.Context, space *engine.Space, o *Options) (engine.Stats, error) {
	if len(s.scope.targets) == 0 {
		return engine.Stats{}, nil
	}
	ref, err := patterns.ParsePointer("@targets")
	if err != nil {
		return engine.Stats{}, err
	}
	set, err := patterns.Compile([]patterns.Pattern{ref}, patterns.Target{
		WordSize: s.arch.WordSize(), Order: s.arch.Order(), OrderKnown: true, Align: o.Align,
		Mapping: func(string) ([]addr.Range, error) { return s.scope.targets, nil },
	})
	if err != nil {
		return engine.Stats{}, err
	}
	sc, err := engine.Compile(space, set, engine.Options{
		Workers: o.Workers, Kernel: o.Kernel, Ranges: o.Sources, Where: o.SourceIn, Progress: o.Progress,
		ShardSize: s.shardSize(),
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
	maxShards = 1 << 12 // about; each has pieces in some hundred partitions
)

func (s *sweep) shardSize() uint64 {
	total := s.sources.count << s.sources.shift
	return max(minShard, total/maxShards)
}

// take adds the edges of a batch.
func (w *sweeper) take(shard uint32, b *engine.Batch) {
	words := b.Bytes()
	size, order := w.arch.WordSize(), w.arch.Order()
	switch {
	case len(words) == 0: // one address is all there is to point at
		for h := range b.Hits() {
			source, _ := w.sources.number(h.Addr, &w.source)
			w.add(shard, source, w.scope.targets[0].First)
		}
	case size == 8 && order == addr.Little:
		w.takeWords(shard, b.Base, b.Offsets, words)
	default:
		for i, off := range b.Offsets {
			source, _ := w.sources.number(b.Base+addr.Addr(off), &w.source)
			w.add(shard, source, addr.Addr(order.Uint(words[i*size:][:size])))
		}
	}
}

// takeWords is take for words of 8 bytes, little-endian: most memory there is.
func (w *sweeper) takeWords(shard uint32, base addr.Addr, offsets []uint32, words []byte) {
	from := addr.Range{First: 1} // the range of sources that the last one was in, and the number of its first unit
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
		t := &w.cut[w.hints[(value>>hintShift)%hintCount]]
		s := &w.streams[t.part]
		d := number - s.last
		if uint64(value-t.First) > uint64(t.Last-t.First) || s.shard != shard || d >= 1<<14 || len(s.open)+maxEntry > cap(s.open) || t.bytes == 8 {
			if w.add(shard, number, value); w.err != nil {
				return
			}
			continue
		}
		// One byte or two, as likely as not: no branch depends on it. What is
		// written too much is overwritten by the next entry.
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
	t := &w.cut[*hint]
	if !t.Contains(value) {
		i, _ := slices.BinarySearchFunc(w.cut, value, func(t target, v addr.Addr) int {
			if t.Last < v {
				return -1
			}
			return 1
		})
		*hint = int32(i)
		t = &w.cut[i]
	}
	s := &w.streams[t.part]
	if len(s.open)+maxEntry > cap(s.open) {
		if w.err = w.turn(s); w.err != nil {
			return
		}
	}
	if s.shard != shard {
		s.cut()
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

// turn keeps the chunk of a stream and begins another.
func (w *sweeper) turn(s *stream) error {
	s.cut()
	if s.open != nil {
		k, err := w.kept.put(s.open)
		if err != nil {
			return err
		}
		s.chunks = append(s.chunks, k)
	}
	s.open = w.kept.get()
	return nil
}

// finish keeps what is open. The chunks that are not full stay in memory.
func (w *sweeper) finish() error {
	for i := range w.streams {
		s := &w.streams[i]
		s.cut()
		if len(s.open) > 0 {
			s.chunks = append(s.chunks, chunk{bytes: s.open})
			w.kept.held.Add(int64(cap(s.open)))
		}
		s.open = nil
	}
	return nil
}

// ordered is all pieces of a partition, by ascending source. They are appended
// to all, which is empty.
func (s *sweep) ordered(all []placed, part int) []placed {
	for _, w := range s.workers {
		st := &w.streams[part]
		for _, p := range st.pieces {
			all = append(all, placed{p, &st.chunks[p.chunk]})
		}
	}
	slices.SortStableFunc(all, func(a, b placed) int { return int(a.shard) - int(b.shard) })
	return all
}

// most is about the most edges that a partition has, and not fewer.
func (s *sweep) most() (most int) {
	for part := range s.parts {
		n := 0
		for _, w := range s.workers {
			for _, p := range w.streams[part].pieces {
				n += int(p.end - p.from)
			}
		}
		if n > 0 {
			most = max(most, n/(1+s.placeBytes(part)))
		}
	}
	return most
}

type placed struct {
	piece
	in *chunk
}

// drop forgets a partition.
func (s *sweep) drop(part int) {
	for _, w := range s.workers {
		st := &w.streams[part]
		for i := range st.chunks {
			s.kept.free(&st.chunks[i])
		}
		st.chunks, st.pieces = nil, nil
	}
}
