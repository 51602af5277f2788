package automaton

// A uniformLead is how matches begin where all that they begin with is of one kind, as the
// digits of [0-9a-f]{32}: with at least length bytes of set. A byte that is not in the set rules
// out all length places up to it, so most of memory is not even looked at (the idea is Boyer and
// Moore's, 1977).
//
//	[0-9a-f]{8,}     length 8 memory …….a9…x…           the next place is behind x
//	                               ^from  ^ from+7, going back
type uniformLead struct {
	set      [256]bool
	canBegin *[256]bool // the bytes that a match can begin with
	length   int
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
	for c := range 256 {
		s.set[c] = best.Has(byte(c))
	}
	return s
}

// next is machine.findNext for a program with a uniform lead.
func (s *uniformLead) next(b []byte, from, to int, k *scanned) int {
	known := from // b[from:known] is in the set
	if k.from <= from && from < k.to {
		known = k.to
	}
	for from < to && from+s.length <= len(b) {
		at := from + s.length - 1
		for at >= known && s.set[b[at]] {
			at--
		}
		if at >= known {
			from, known = at+1, from+s.length
			continue
		}
		known = from + s.length
		if s.canBegin[b[from]] {
			k.from, k.to = from, known
			return from
		}
		from++
	}
	return to
}
