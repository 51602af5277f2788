package automaton

import (
	"errors"
	"fmt"
	"sync"
	"unsafe"

	"vscan/engine/simd"
)

// Semantics tells which of the matches that begin at a place is the match there. Only those
// of 1 to Options.Limit bytes count.
type Semantics uint8

const (
	First    Semantics = iota // the match that a backtracking search such as Perl's tries first
	Longest                   // the longest, as in POSIX
	Shortest                  // the shortest, as with the jumps of hexadecimal patterns
)

// Options is what Compile has to know besides the expression.
type Options struct {
	Limit     int // the length of the longest match in bytes; at least 1
	Semantics Semantics
	Encoding  Encoding
	Encoded   bool // whether the expression has the encoding already, as those of ParseUTF16

	// MatchOnly makes a program that is not searched for, faster. It has no anchors, and
	// its Next knows no more than with which bytes a match can begin.
	MatchOnly bool

	// Tables is about how many bytes the states of the automaton may take, which matching
	// finds out as it goes, and as many those of the one that a Track goes back with; 0, and more than DefaultTables, stand for that. With few it is
	// slower.
	Tables int
}

// MaxProgram is the most instructions that a program may have. A byte, an alternative and
// an optional repetition take about one each.
const MaxProgram = 1 << 16

// Program tells whether a match begins at a place. It may be used by many goroutines at a
// time. What that takes is made when it is asked for the first time: of the thousands of
// expressions of a set, memory holds the anchors of few.
type Program struct {
	node    *Node // with the encoding
	options Options

	minLen, maxLen int
	cutLen         int // see CutLen
	anchors        []Anchor
	steps          int // how many instructions there are

	once sync.Once
	made *machine // after once
}

// A machine runs a program.
type machine struct {
	node      *Node // see Program
	insts     []inst
	sets      []Set
	semantics Semantics
	encoding  Encoding
	limit     int // see Options
	maxLen    int // of a match, in bytes

	canBegin  [256]bool    // by byte: whether a match can begin with it
	begins    *simd.Marker // of these bytes; nil where another way is taken
	onlyFirst []byte       // the one byte with which matches begin; nil where there are several
	lead      *lead        // how matches begin, if that rules out more places; else nil
	uniform   *uniformLead // the same, of another kind; nil where there is a lead

	// The alphabet: a symbol is a class of bytes that no set tells apart, together with a
	// context, which is a class of places that no look tells apart.
	byteClass    [256]uint16
	numClasses   int    // the last class stands for the end of what may match
	classSample  []byte // a byte of each class but the last
	asksLooks    bool   // whether the program has looks
	contextOf    [numNeighbours * numNeighbours]uint16
	contextLooks []Look // by context: those of the program's looks that hold there

	tables    *tables
	pool      sync.Pool // of *scratch
	optionals []optional
	entries   entries
	back      backwards
}

// entries is with which instructions the nodes begin that are the entries of anchors.
type entries struct {
	pcs  [][]uint32 // by entry; none where there are too many
	of   []int      // by anchor: its entry; nil where an anchor has none
	skip []int      // by anchor
}

const (
	maxEntries   = 64 // of a program
	maxEntrances = 64 // of an entry
)

// newEntries returns the entries of some anchors, and their numbers by their nodes.
func newEntries(anchors []Anchor) (e entries, numbers map[*Node]int) {
	if len(anchors) == 0 {
		return entries{}, nil
	}
	numbers = map[*Node]int{}
	for i := range anchors {
		a := &anchors[i]
		k, ok := numbers[a.entry]
		if !ok {
			k = len(numbers)
			numbers[a.entry] = k
		}
		if a.entry == nil || k == maxEntries {
			return entries{}, nil
		}
		e.of, e.skip = append(e.of, k), append(e.skip, a.skip)
	}
	e.pcs = make([][]uint32, len(numbers))
	return e, numbers
}

// note notes that the node with a number begins with the instruction pc.
func (e *entries) note(number int, pc uint32) {
	if e.pcs == nil {
		return
	}
	if e.pcs[number] = append(e.pcs[number], pc); len(e.pcs[number]) > maxEntrances {
		*e = entries{}
	}
}

// An inst is an instruction. What it does depends on op:
//
//	opByte   reads a byte of sets[arg], then goes on at out
//	opAlt    goes on at out and, if that leads to no match, at arg
//	opLook   goes on at out where Look(arg) holds
//	opMatch  ends a match
type inst struct {
	op       uint8
	out, arg uint32
}

const (
	opByte = iota
	opAlt
	opLook
	opMatch
)

// Compile makes the program of an expression. It returns an error of one line if there is
// no match of 1 to Options.Limit bytes, or if there are too many instructions.
func Compile(n *Node, o Options) (*Program, error) {
	if !o.Encoded {
		n = n.encode(o.Encoding)
	}
	if o.Limit < 1 {
		return nil, fmt.Errorf("matches of at most %d bytes: want at least 1", o.Limit)
	}
	least, longest := n.Lengths()
	switch {
	case longest == 0:
		return nil, errors.New("it matches nothing but what is empty: want an expression that matches bytes")
	case least > o.Limit:
		return nil, fmt.Errorf("its matches have at least %d bytes, more than the limit of %d", least, o.Limit)
	}
	p := &Program{node: n, options: o, minLen: max(least, 1), maxLen: o.Limit, cutLen: o.cutLen(n, longest)}
	if longest > 0 {
		p.maxLen = min(longest, o.Limit)
	}
	c := compiler{limit: o.Limit}
	c.emit(opMatch, 0, 0)
	c.node(n, matchEnd)
	if c.full {
		return nil, fmt.Errorf("it takes more than %d steps: repeat less often, or in fewer places", MaxProgram)
	}
	p.steps = c.steps
	first, _ := n.firstBytes()
	if first.Len() == 0 {
		return nil, errors.New("nothing matches it")
	}
	if !o.MatchOnly {
		_, rarest := findLead(n, byteShare(first))
		p.anchors = n.anchors(p.maxLen, first, min(useless, rarest))
	}
	return p, nil
}

// WithTables returns the same program with tables of its own, of most bytes: see
// Options.Tables.
func (p *Program) WithTables(most int) *Program {
	o := p.options
	o.Tables = most
	return &Program{node: p.node, options: o, minLen: p.minLen, maxLen: p.maxLen, cutLen: p.cutLen, anchors: p.anchors, steps: p.steps}
}

// machine returns what runs the program.
func (p *Program) machine() *machine {
	p.once.Do(func() { p.made = p.newMachine() })
	return p.made
}

func (p *Program) newMachine() *machine {
	o := &p.options
	m := &machine{node: p.node, limit: o.Limit, semantics: o.Semantics, encoding: o.Encoding, maxLen: p.maxLen}
	m.insts = make([]inst, 0, p.steps)
	c := compiler{limit: o.Limit, m: m, sets: map[Set]uint32{}}
	m.entries, c.entries = newEntries(p.anchors)
	c.emit(opMatch, 0, 0)
	start := c.node(p.node, matchEnd)
	m.alphabet(c.asked)
	m.chooseStarts(p.node, p.minLen, o.MatchOnly)
	m.pool.New = func() any { return newScratch(len(m.insts)) }
	most := DefaultTables
	if o.Tables > 0 {
		most = min(o.Tables, DefaultTables)
	}
	m.tables = newTables(m.symbols(), most, []uint32{start})
	return m
}

// Match returns the length of the match that begins at offset at of b, 0 where none does; 0
// ≤ at < len(b). All of the match lies in b[at:], of which at most MaxLen bytes are looked
// at. For looks at what lies around, Match calls beyond with an offset outside b. beyond
// returns false where memory has no byte; a nil beyond means that there are none.
func (p *Program) Match(b []byte, at int, beyond func(i int) (byte, bool)) int {
	return p.machine().match(b, at, beyond)
}

// Next returns the first offset of b, at least from and below to, at which a match may
// begin, and to where there is none. It looks at nothing but b, and there at no more than
// MaxLen bytes from to on.
func (p *Program) Next(b []byte, from, to int) int {
	var k scanned
	return p.machine().findNext(b, from, to, &k)
}

// Size returns about how many bytes of memory the program takes once it was asked for a match,
// without the states of its automaton but for the first, of which Options.Tables says how many
// bytes they may take.
func (p *Program) Size() int {
	symbols := min(256, 2*p.steps) + 2
	n := int(unsafe.Sizeof(*p)) + int(unsafe.Sizeof(machine{})) + p.steps*(int(unsafe.Sizeof(inst{}))+backwardBytes) +
		symbols*(8+1) + int(unsafe.Sizeof(lead{})) + 2*simd.MarkerBytes
	for _, a := range p.anchors {
		n += int(unsafe.Sizeof(a)) + len(a.Lit) + len(a.Mask)
	}
	return n
}

// chooseStarts chooses how to find places at which a match can begin.
func (p *machine) chooseStarts(n *Node, minLen int, matchOnly bool) {
	first, _ := n.firstBytes()
	for c := range 256 {
		if p.canBegin[c] = first.Has(byte(c)); p.canBegin[c] {
			p.onlyFirst = append(p.onlyFirst, byte(c))
		}
	}
	if len(p.onlyFirst) > 1 {
		p.onlyFirst = nil
	}
	if !matchOnly {
		p.lead = newLead(n, p, byteShare(first))
	}
	if !matchOnly && p.lead == nil && p.onlyFirst == nil {
		p.uniform = newUniformLead(n, p, minLen, worthwhile)
	}
	if p.lead == nil && p.onlyFirst == nil && p.uniform == nil {
		p.begins = newMarker(first)
	}
}

// MinLen returns the length in bytes of the shortest match that is possible, at least 1.
func (p *Program) MinLen() int { return p.minLen }

// MaxLen returns the length in bytes of the longest match that is possible, at most
// Options.Limit.
func (p *Program) MaxLen() int { return p.maxLen }

// CutLen returns a length in bytes: a match as long as that, or longer, may be the
// beginning of one that Options.Limit does not allow. It returns 0 where there is no such
// match.
func (p *Program) CutLen() int { return p.cutLen }

// cutLen returns CutLen for a node whose longest match has most bytes, or no bound if most
// < 0. A repetition goes on by whole turns, so a match may be cut where one more turn of
// the longest loop would pass the limit.
func (o *Options) cutLen(n *Node, most int) int {
	if most >= 0 && most <= o.Limit || o.Semantics == Shortest {
		return 0
	}
	return max(1, o.Limit+1-n.turn())
}

// turn returns the length in bytes of one turn of the longest loop in n, at least 1.
func (n *Node) turn() int {
	longest := 1
	if n.Op == OpRepeat && n.Max < 0 {
		longest, _ = n.Subs[0].Lengths()
	}
	for _, sub := range n.Subs {
		longest = max(longest, sub.turn())
	}
	return max(longest, 1)
}

// A compiler emits a program from its end to its start, so that an instruction's successor
// is known when it is emitted, except in loops.
type compiler struct {
	m     *machine // nil where the instructions are only counted
	limit int      // see Options
	steps int      // how many instructions were emitted
	sets  map[Set]uint32
	asked Look
	full  bool // whether no more instructions fit

	entries map[*Node]int // the numbers of the machine's entries
}

func (c *compiler) emit(op uint8, out, arg uint32) uint32 {
	if c.steps == MaxProgram {
		c.full = true
		return 0
	}
	if c.m != nil {
		c.m.insts = append(c.m.insts, inst{op, out, arg})
	}
	c.steps++
	return uint32(c.steps - 1)
}

// alt emits an instruction that tries first and then second, or if swap the other way
// round.
func (c *compiler) alt(first, second uint32, swap bool) uint32 {
	if swap {
		first, second = second, first
	}
	return c.emit(opAlt, first, second)
}

// node emits what matches n and then goes on at next. It returns where that starts.
func (c *compiler) node(n *Node, next uint32) uint32 {
	pc := c.emitNode(n, next)
	if number, ok := c.entries[n]; ok {
		c.m.entries.note(number, pc)
	}
	return pc
}

func (c *compiler) emitNode(n *Node, next uint32) uint32 {
	if c.full {
		return 0
	}
	switch n.Op {
	case OpSet:
		if c.m == nil {
			return c.emit(opByte, next, 0)
		}
		k, ok := c.sets[n.Set]
		if !ok {
			k = uint32(len(c.m.sets))
			c.sets[n.Set] = k
			c.m.sets = append(c.m.sets, n.Set)
		}
		return c.emit(opByte, next, k)
	case OpLook:
		c.asked |= n.Look
		return c.emit(opLook, next, uint32(n.Look))
	case OpCat:
		for i := len(n.Subs) - 1; i >= 0; i-- {
			next = c.node(n.Subs[i], next)
		}
		return next
	case OpAlt:
		start := c.node(n.Subs[len(n.Subs)-1], next)
		for i := len(n.Subs) - 2; i >= 0; i-- {
			start = c.alt(c.node(n.Subs[i], next), start, false)
		}
		return start
	}
	return c.repeat(n, next)
}

// repeat emits x{min,max} as x…x(x(x)?)?, and x{min,} as x…xx*.
func (c *compiler) repeat(n *Node, next uint32) uint32 {
	sub, least, most := n.Subs[0], n.Min, n.Max
	shortest, longest := sub.Lengths()
	if longest == 0 {
		// What takes no bytes matches the same several times as it does once.
		if least = min(least, 1); most != 0 {
			most = 1
		}
	}
	if limit := c.limit; shortest > 0 && most > limit/shortest {
		most = -1 // the limit ends a match before
	}
	switch {
	case most < 0 && least > 0:
		// x{2,} is emitted as xx+.
		next = c.loop(n, next)
		least--
	case most < 0 && shortest > 0:
		next = c.star(n, next)
	case most < 0:
		// x* is emitted as (x+)?, which is right also where x matches the empty string: see
		// golang.org/issue/46123.
		next = c.alt(c.loop(n, next), next, n.Lazy)
	default:
		after := next
		if c.m != nil && sub.Op == OpSet && most-least > 1 {
			c.m.optionals = append(c.m.optionals, optional{last: uint32(c.steps), turns: most - least})
		}
		for range most - least {
			if c.full {
				return 0
			}
			next = c.alt(c.node(sub, next), after, n.Lazy)
		}
	}
	for range least {
		if c.full {
			return 0
		}
		next = c.node(sub, next)
	}
	return next
}

// star emits x*.
func (c *compiler) star(n *Node, next uint32) uint32 {
	again := c.emit(opAlt, 0, 0)
	c.close(again, c.node(n.Subs[0], again), next, n.Lazy)
	return again
}

// loop emits x+.
func (c *compiler) loop(n *Node, next uint32) uint32 {
	again := c.emit(opAlt, 0, 0)
	start := c.node(n.Subs[0], again)
	c.close(again, start, next, n.Lazy)
	return start
}

// close fills in the instruction that goes round a loop again or goes on.
func (c *compiler) close(again, round, on uint32, lazy bool) {
	if c.full || c.m == nil {
		return
	}
	if lazy {
		round, on = on, round
	}
	c.m.insts[again] = inst{opAlt, round, on}
}

// These are the kinds of neighbours that looks tell apart.
const (
	neighbourNone = iota // there is no byte
	neighbourLine        // \n
	neighbourLow         // _
	neighbourAlnum
	neighbourOther
	numNeighbours
)

func neighbourOf(b byte) int {
	switch {
	case b == '\n':
		return neighbourLine
	case b == '_':
		return neighbourLow
	case b >= '0' && b <= '9', b >= 'a' && b <= 'z', b >= 'A' && b <= 'Z':
		return neighbourAlnum
	}
	return neighbourOther
}

// looksBetween returns the looks that hold between two neighbours.
func looksBetween(before, behind int) Look {
	var l Look
	set := func(bit Look, holds bool) {
		if holds {
			l |= bit
		}
	}
	isWord := func(kind int) bool { return kind == neighbourLow || kind == neighbourAlnum }
	set(BeginMemory, before == neighbourNone)
	set(EndMemory, behind == neighbourNone)
	set(BeginLine, before == neighbourNone || before == neighbourLine)
	set(EndLine, behind == neighbourNone || behind == neighbourLine)
	set(WordBoundary, isWord(before) != isWord(behind))
	set(NoBoundary, isWord(before) == isWord(behind))
	set(NoAlnumBefore, before != neighbourAlnum)
	set(NoAlnumBehind, behind != neighbourAlnum)
	return l
}

// alphabet sorts bytes and places into classes.
func (p *machine) alphabet(asked Look) {
	p.numClasses = 1
	for i := range p.sets {
		s := &p.sets[i]
		inside := make([]uint16, p.numClasses) // by class: the class of its bytes that are in s; 0 where there is none yet
		outside := make([]bool, p.numClasses)
		for b := range 256 {
			if !s.Has(byte(b)) {
				outside[p.byteClass[b]] = true
			}
		}
		for b := range 256 {
			old := p.byteClass[b]
			if !s.Has(byte(b)) || !outside[old] {
				continue
			}
			if inside[old] == 0 {
				inside[old] = uint16(p.numClasses)
				p.numClasses++
			}
			p.byteClass[b] = inside[old]
		}
	}
	p.classSample = make([]byte, p.numClasses)
	for b := range 256 {
		p.classSample[p.byteClass[b]] = byte(b)
	}
	p.numClasses++
	p.asksLooks = asked != 0
	known := map[Look]uint16{}
	for before := range numNeighbours {
		for behind := range numNeighbours {
			l := looksBetween(before, behind) & asked
			k, ok := known[l]
			if !ok {
				k = uint16(len(p.contextLooks))
				known[l] = k
				p.contextLooks = append(p.contextLooks, l)
			}
			p.contextOf[before*numNeighbours+behind] = k
		}
	}
}

// symbols returns the size of the alphabet.
func (p *machine) symbols() int { return p.numClasses * len(p.contextLooks) }

// firstBytes returns the bytes with which a match of n can begin, and reports whether n can
// match the empty string.
func (n *Node) firstBytes() (first Set, empty bool) {
	switch n.Op {
	case OpSet:
		return n.Set, false
	case OpLook:
		return Set{}, true
	case OpCat:
		return firstOf(n.Subs)
	case OpAlt:
		for _, sub := range n.Subs {
			s, e := sub.firstBytes()
			first, empty = first.Or(s), empty || e
		}
		return first, empty
	}
	if n.Max == 0 {
		return Set{}, true
	}
	first, empty = n.Subs[0].firstBytes()
	return first, empty || n.Min == 0
}

// firstOf is firstBytes of nodes side by side.
func firstOf(items []*Node) (first Set, empty bool) {
	for _, n := range items {
		s, empty := n.firstBytes()
		if first = first.Or(s); !empty {
			return first, false
		}
	}
	return first, true
}
