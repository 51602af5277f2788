package heap

import (
	"context"
	"encoding/binary"

	"vscan/engine"
	"vscan/engine/addr"
)

// The state of an arena (malloc/malloc.c, struct malloc_state):
//
//	int mutex, flags             flags & 2: not contiguous
//	int have_fastchunks          since glibc 2.27
//	chunk *fastbinsY[]           10 or 11; none since 2.43
//	chunk *top, *last_remainder
//	chunk *bins[254]             the heads of 127 rings of free chunks, fd and bk
//	int binmap[4]
//	state *next                  a ring of all arenas
//	state *next_free
//	word attached_threads        since 2.23
//	word system_mem, max_system_mem
//
// It is found by its bins. The head of a ring counts as a chunk whose fd and bk are these two
// words. So the head of an empty ring holds, twice, the address two words below itself. Few of
// the 127 rings are ever in use, and the chunks of those that are lead back to their heads.

const binCount = 127

// state is the state of an arena as it was read.
type state struct {
	start         addr.Addr // its address; 0 where it is not known
	bins          addr.Addr
	good          int // how many of the bins are sound
	top           addr.Addr
	next          addr.Addr // the address of the arena after this one
	memory        uint64    // bytes that the arena has from the system
	notContiguous bool      // whether its memory need not be contiguous
	end           addr.Addr // the address behind it
}

// soundBins is how many of the 127 bins have to be sound at least: a state can be damaged like
// anything else.
const soundBins = 100

// maxTries is how often binsAt looks around an empty bin, which bounds what memory that is full
// of such words can cost.
const maxTries = 1 << 14

// bin reports whether the two words at a are the head of a ring, and whether it is empty.
func (r *reader) bin(a addr.Addr) (sound, empty bool) {
	fd, ok1 := r.wordAt(a)
	bk, ok2 := r.wordAt(a + r.word)
	self := uint64(a - 2*r.word)
	if !ok1 || !ok2 {
		return false, false
	}
	if fd == self && bk == self {
		return true, true
	}
	if fd == self || bk == self || fd == 0 || bk == 0 {
		return false, false
	}
	look := r.far()
	back, ok1 := look.wordAt(addr.Addr(fd) + 3*r.word)
	forth, ok2 := look.wordAt(addr.Addr(bk) + 2*r.word)
	return ok1 && ok2 && back == self && forth == self, false
}

// binsAt finds the bins that the empty one at a belongs to. It returns false if not enough of
// them are sound.
func (r *reader) binsAt(a addr.Addr) (s state, ok bool) {
	step := 2 * r.word
	const around = 2*binCount - 1
	var sound [around + 1]int // how many of those before each are sound
	low := a - (binCount-1)*step
	if r.tries++; low > a || r.tries > maxTries {
		return s, false
	}
	for i := range around {
		good, _ := r.bin(low + addr.Addr(i)*step)
		sound[i+1] = sound[i]
		if good {
			sound[i+1]++
		}
	}
	led := false // whether the best bins have the address of a top before them
	for i := range binCount {
		good := sound[i+binCount] - sound[i]
		bins := low + addr.Addr(i)*step
		if good < soundBins || good < s.good || good == s.good && (led || !r.topAt(bins)) {
			continue
		}
		s.bins, s.good, led = bins, good, r.topAt(bins)
	}
	return s, s.good > 0
}

// topAt reports whether the address of a top chunk stands before bins.
func (r *reader) topAt(bins addr.Addr) bool {
	top := r.pointer(bins - 2*r.word)
	if top == bins-2*r.word {
		return true
	}
	size, ok := r.far().wordAt(top + r.word)
	end := top + addr.Addr(size&^chunkFlags)
	return ok && top%(2*r.word) == 0 && size&chunkFlags == chunkPrevUsed && size >= uint64(4*r.word) && end%engine.PageSize == 0
}

// readState reads the rest of a state whose bins are known.
func (r *reader) readState(s *state) {
	w := r.word
	s.top = r.pointer(s.bins - 2*w)
	after := s.bins + 2*binCount*w + 16
	s.next = r.pointer(after)
	after += 2 * w
	if threads, ok := r.wordAt(after); ok && threads < 4096 { // glibc since 2.23 counts threads here; no arena has so little memory
		after += w
	}
	s.memory, _ = r.wordAt(after)
	s.end = after + 2*w
	if s.next < s.bins && s.bins-s.next < 24*w {
		s.start = s.next // the arena is the only one, and refers to itself
	}
	r.readFlags(s)
}

// startByNext finds where the state of a main arena starts by the arena after it, whose bins lie
// at the same distance from its start.
func (r *reader) startByNext(ctx context.Context, s *state) {
	if s.start != 0 || s.next == 0 || s.next%r.word != 0 || r.spanOf(s.next) == nil {
		return
	}
	const longest = 24 // the most words in front of the bins
	for _, next := range r.states(ctx, addr.Range{First: s.next, Last: s.next + min(2*binCount*r.word, addr.Max-s.next)}, 1) {
		if front := next.bins - s.next; front < longest*r.word && front < s.bins {
			s.start = s.bins - front
			r.readFlags(s)
		}
	}
}

// readFlags reads what lies at the start of a state.
func (r *reader) readFlags(s *state) {
	if s.start != 0 {
		s.notContiguous = r.uint(s.start+4, 4)&2 != 0
	}
}

// initial reports whether the arena never had any memory.
func (s *state) initial(w addr.Addr) bool { return s.top == s.bins-2*w || s.top == 0 }

// states finds the states of arenas in a range, at most so many, until ctx ends.
func (r *reader) states(ctx context.Context, in addr.Range, most int) (found []state) {
	w := int(r.word)
	buf := make([]byte, walkBytes+2*w)
	for at := in.First &^ (r.word - 1); at <= in.Last && len(found) < most && ctx.Err() == nil; {
		n, _ := r.space.Read(buf[:min(uint64(len(buf)), in.Size())], at)
		next := at + walkBytes
		for off := 0; off+2*w <= n && len(found) < most; off += w {
			a := at + addr.Addr(off)
			if r.load(buf[off:]) != uint64(a-2*r.word) || r.load(buf[off+w:]) != uint64(a-2*r.word) {
				continue
			}
			s, ok := r.binsAt(a)
			if r.tries == maxTries+1 {
				r.bound(addr.Range{First: a, Last: in.Last}, "from %v on: memory is full of what looks like empty bins: after %d of them no more is looked for", a, maxTries)
			}
			if !ok {
				continue
			}
			r.readState(&s)
			found = append(found, s)
			skip := s.end
			if skip > next {
				next = skip
				break
			}
			off = int(skip-at) - w
		}
		if next <= at {
			break
		}
		at = next
	}
	if len(found) == most && most > 1 {
		end := found[most-1].end
		r.bound(addr.Range{First: end, Last: max(in.Last, end)}, "from %v on: %d states of arenas lie in front of it: no more are looked for", end, most)
	}
	return found
}

// load returns the word at the start of b.
func (r *reader) load(b []byte) uint64 {
	if r.le64 {
		return binary.LittleEndian.Uint64(b)
	}
	return r.space.Arch().Order().Uint(b[:r.word])
}
