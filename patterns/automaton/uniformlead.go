package automaton

import (
	"math/bits"

	"vscan/engine/simd"
)

// A uniformLead is how matches begin where all that they begin with is of one kind, as the
// digits of [0-9a-f]{32}: with at least length bytes of set. A byte that is not in the set rules
// out all length places up to it, so most of memory is not even looked at (the idea is Boyer and
// Moore's, 1977).
//
//	[0-9a-f]{8,}     length 8 memory …….a9…x…           the next place is behind x
//	                               ^from  ^ from+7, going back
//
// In memory that is full of bytes of the set, places are found out by bits, many at a time.
type uniformLead struct {
	set           [256]bool
	canBegin      *[256]bool // the bytes that a match can begin with
	length        int
	marks, begins *simd.Marker // of set and of canBegin; nil where length is more than longestRun
}

const (
	// runPlaces is how many places are found out by bits at a time, where length is longestRun at the most.
	runPlaces, longestRun = 1024, 256
	// They are where going back has looked at that many bytes more than an eighth of those that it passed over.
	muchLooked = 128
)

// runs is what was found out by bits: the places from from on, below to, a bit each.
type runs struct {
	from, to int
	places   [runPlaces / 64]uint64
	looked   int // eight times as many bytes as going back has looked at, less those that it passed over
}

// worthwhile is about how many places a byte has to rule out for a uniform lead to be of more
// use than the first byte of a match.
const worthwhile = 3

// newUniformLead returns how matches of n begin, if a byte then rules out more than so many
// places. Otherwise it returns nil.
func newUniformLead(n *Node, p *machine, minLen int, places float64) *uniformLead {
	var set, best Set
	length, bestLength, most := 0, 0, places
	for _, item := range beginning(n) {
		least, _ := item.Lengths()
		set = set.Or(item.bytes())
		length = min(plus(length, least), minLen)
		if out := float64(length) * (1 - byteShare(set)); out > most {
			best, bestLength, most = set, length, out
		}
	}
	if bestLength == 0 {
		return nil
	}
	s := &uniformLead{canBegin: &p.canBegin, length: bestLength}
	var first Set
	for c := range 256 {
		if s.set[c] = best.Has(byte(c)); p.canBegin[c] {
			first.Add(byte(c))
		}
	}
	if s.length <= longestRun {
		s.marks, s.begins = newMarker(best), newMarker(first)
	}
	return s
}

// next is machine.findNext for a program with a uniform lead.
func (s *uniformLead) next(b []byte, from, to int, k *scanned) int {
	known := from // b[from:known] is in the set
	if k.from <= from && from < k.to {
		known = k.to
	}
	last := min(to, len(b)-s.length+1)
	for from < last {
		if r := &k.runs; from >= r.from && from < r.to {
			if from = r.next(from); from < r.to {
				return min(from, to)
			}
			known = from
		} else if r.looked > 8*muchLooked && s.marks != nil {
			s.find(b, from, to, r)
		} else if from, known = s.goBack(b, from, last, known, r); known > from {
			k.from, k.to = from, known
			return from
		}
	}
	return to
}

// goBack goes from place to place from from on, below last, where b[from:known] is in the set. It ends at one at which a match can begin, and
// then known is more than that; at last; or where finding places by bits is worth it.
func (s *uniformLead) goBack(b []byte, from, last, known int, r *runs) (place, inSet int) {
	looked, since := r.looked, from
	for from < last {
		end := from + s.length
		at := end - 1
		if at >= known && !s.set[b[at]] { // most often
			from, known = end, end
			continue
		}
		for at >= known && s.set[b[at]] {
			at--
		}
		if looked < from-since {
			looked, since = 0, from
		}
		if looked += 8 * (end - max(at, known)); looked-(from-since) > 8*muchLooked && s.marks != nil {
			r.looked = looked - (from - since)
			return from, from
		}
		if at >= known {
			from, known = at+1, end
			continue
		}
		if known = end; s.canBegin[b[from]] {
			break
		}
		from++
	}
	r.looked = max(0, looked-(from-since))
	if from >= last {
		return last, last
	}
	return from, known
}

// find finds out the places of b from from on, below to. Where few bytes are of the set, the next ones are looked for by going
// back.
func (s *uniformLead) find(b []byte, from, to int, r *runs) {
	n := min(runPlaces, to-from, len(b)-from-s.length+1)
	var marks [(runPlaces+longestRun)/64 + 1]uint64
	words := (n + s.length - 1 + 63) / 64
	s.marks.Mark(marks[:], b[from:from+n+s.length-1])
	many := 0
	for _, word := range marks[:words] {
		many += bits.OnesCount64(word)
	}
	for run := 1; run < s.length; { // a bit is set where so many bytes from there on are of the set
		step := min(run, s.length-run)
		shift, bit := step/64, step%64
		for i := range words - shift {
			marks[i] &= marks[i+shift]>>bit | marks[i+shift+1]<<(64-bit)
		}
		clear(marks[words-shift : words])
		run += step
	}
	s.begins.Mark(r.places[:], b[from:from+n])
	for i := range (n + 63) / 64 {
		r.places[i] &= marks[i]
	}
	if r.from, r.to = from, from+n; many < n/2 {
		r.looked = 0
	}
}

// next returns the first place from from on, r.to where there is none.
func (r *runs) next(from int) int {
	return r.from + nextBit(r.places[:], from-r.from, r.to-r.from)
}
