package yara

// This file is about expressions that match the empty string, as /(abc|)/ and /[.-]*/.
// Since 4.3, yara finds such a string at every byte of memory, with length 0 where no more
// is possible. Hits of length 0 are not looked for here. It is known nevertheless whether
// the string is found: it is, unless memory is empty. A rule that asks for more, for
// places, lengths or the number of hits, is not decided.

// emptiness says where an expression matches the empty string.
type emptiness uint8

const (
	nowhere    emptiness = iota
	somewhere            // where a look such as ^ or \b holds, or where the string has to be a full word
	everywhere           // at every byte
)

// emptiness returns where the expression matches the empty string.
func (n *reNode) emptiness() emptiness {
	switch n.op {
	case reLook:
		return somewhere
	case reCat:
		e := everywhere
		for _, sub := range n.subs {
			e = min(e, sub.emptiness())
		}
		return e
	case reAlt:
		e := nowhere
		for _, sub := range n.subs {
			e = max(e, sub.emptiness())
		}
		return e
	case reRepeat:
		if n.least == 0 {
			return everywhere
		}
		return n.subs[0].emptiness()
	}
	return nowhere
}

// loseEmpty notes for which strings there may be hits of length 0. Without memory there are
// none.
func (e *Evaluator) loseEmpty(memory bool) {
	for _, i := range e.empties {
		e.touch(i)
		if memory {
			e.hits[i].unknownFrom, e.hits[i].emptyOnly = 0, true
		} else {
			e.hits[i].unknownFrom = noLimit
		}
	}
}

// isEverywhere reports whether the string is found wherever there is a byte.
func (v view) isEverywhere() bool { return v.empty == everywhere && !v.s.about().Empty }
