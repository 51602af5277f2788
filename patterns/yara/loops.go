package yara

// ofNode is QUANTIFIER of SET, and the same in (X..Y).
type ofNode struct {
	q   quantifier
	set []*ruleString
	in  pair
}

func (n ofNode) eval(s *evaluation) value {
	found := 0
	if !s.spend(len(n.set)) {
		return undefined
	}
	var lo, hi value
	if n.in.lo != nil {
		if lo, hi = n.in.lo.eval(s), n.in.hi.eval(s); !lo.defined() || !hi.defined() {
			return undefined
		}
	}
	for _, str := range n.set {
		v := s.view(str)
		if n.in.lo == nil && v.total(1) > 0 || n.in.lo != nil && v.countIn(lo.i, hi.i, 1) > 0 {
			found++
		}
	}
	return n.q.holdsFor(s, found, len(n.set))
}

// ofConditionsNode is QUANTIFIER of (CONDITIONS), where a rule is a condition too.
type ofConditionsNode struct {
	q   quantifier
	set []node
}

func (n ofConditionsNode) eval(s *evaluation) value {
	found := 0
	if !s.spend(len(n.set)) {
		return undefined
	}
	for _, x := range n.set {
		if x.eval(s).truth() {
			found++
		}
	}
	return n.q.holdsFor(s, found, len(n.set))
}

// holdsFor returns whether the quantifier holds for a set of n members, found of which are
// true.
func (q quantifier) holdsFor(s *evaluation, found, n int) value {
	if q.all {
		return boolValue(found == n)
	}
	want := q.count.eval(s)
	switch {
	case q.percent && !want.defined():
		return undefined
	case q.percent:
		return boolValue(100*float64(found)/float64(n) >= float64(want.i))
	case !want.defined():
		return boolValue(found == n) // in YARA, all is an undefined number
	case want.i == 0:
		return boolValue(found == 0)
	}
	return boolValue(int64(found) >= want.i)
}

// A tally counts how many turns of a loop were true. YARA 4.2 adds up the values of the
// bodies, and takes the quantifiers 0 and none for no condition at all. Here, as in YARA's
// manual and its later versions, a turn is true or not, and none means none.
type tally struct {
	all, none   bool
	percent     bool // whether want is a share in percent, as in YARA-X
	want        int64
	turns, held int64
}

func (q quantifier) tally(s *evaluation) tally {
	t := tally{all: q.all}
	if q.all {
		return t
	}
	v := q.count.eval(s)
	t.all, t.none, t.want = !v.defined(), v.defined() && v.i == 0, v.i
	t.percent = q.percent && v.defined()
	return t
}

// add counts a turn. It returns false where the other turns do not matter any more.
func (t *tally) add(v value) bool {
	t.turns++
	if v.truth() {
		t.held++
	}
	switch {
	case t.all:
		return t.held == t.turns
	case t.none:
		return t.held == 0
	case t.percent:
		return true
	}
	return t.held < t.want
}

// value returns whether the loop holds. A loop without turns does not.
func (t *tally) value() value {
	switch {
	case t.turns == 0:
		return boolValue(false)
	case t.all:
		return boolValue(t.held == t.turns)
	case t.none:
		return boolValue(t.held == 0)
	case t.percent:
		return boolValue(100*float64(t.held)/float64(t.turns) >= float64(t.want))
	}
	return boolValue(t.held >= t.want)
}

// forOfNode is for QUANTIFIER of SET : ( BODY ).
type forOfNode struct {
	q    quantifier
	set  []*ruleString
	body node
	cost int
}

func (n forOfNode) eval(s *evaluation) value {
	t := n.q.tally(s)
	outer := s.loopString
	for _, s.loopString = range n.set {
		if !s.spend(n.cost) || !t.add(n.body.eval(s)) {
			break
		}
	}
	s.loopString = outer
	return t.value()
}

// forInNode is for QUANTIFIER NAME in (X..Y) : ( BODY ), or in (X, Y, Z).
type forInNode struct {
	q     quantifier
	slot  int
	in    pair
	items []node
	body  node
	cost  int
}

func (n forInNode) eval(s *evaluation) value {
	t := n.q.tally(s)
	for _, x := range n.items {
		s.loopVars[n.slot] = x.eval(s)
		if !s.spend(n.cost) || !t.add(n.body.eval(s)) {
			break
		}
	}
	if n.in.lo == nil {
		return t.value()
	}
	lo, hi := n.in.lo.eval(s), n.in.hi.eval(s)
	if !lo.defined() || !hi.defined() {
		return t.value()
	}
	for i := lo.i; i <= hi.i; i++ {
		s.loopVars[n.slot] = intValue(i)
		if !s.spend(n.cost) || !t.add(n.body.eval(s)) || i == hi.i {
			break
		}
	}
	return t.value()
}
