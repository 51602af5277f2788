// Package yara reads YARA rules and decides which of them match. It does not
// scan: Rules.Patterns says what to look for, the caller looks for it and hands
// the hits to an Evaluator, which evaluates the conditions.
//
//	var c yara.Compiler
//	err := c.Add("", "rules.yar", file) // and more files, of one namespace or several
//	rules := c.Rules()
//	set, err := patterns.Compile(rules.Patterns(), target)
//	e := rules.NewEvaluator(yara.Limits{})
//	e.Add(i, addr, length)               // for every hit, in ascending order
//	result, err := e.Evaluate(ctx, yara.Scope{Memory: space, FileSize: n, FileSizeKnown: true})
//
// # The language
//
// It is that of YARA 4.5 (https://yara.readthedocs.io, and libyara's grammar.y
// and exec.c of that version): text, hex and regular expression strings with
// all their modifiers, conditions, global and private rules, tags, meta,
// include, external variables and namespaces. Conditions give what the yara
// command gives, undefined values included; the tests compare. Of YARA-X there
// are with, shares in front of loops (for 50% of them), and sets of conditions
// (any of (a, #b > 3)).
//
// It differs where yara does not do what its manual says: none and 0 in front of
// a loop are none (yara 4.2 takes such a loop for true), a turn of a loop is
// true or not (yara adds up numbers), a regular expression that is both wide
// and ascii finds all that either finds, two jumps in a row ({ 41 [1-7] 42 [1-3]
// 43 }, of which yara 4.2 misses matches) and expressions that begin with what may
// be left out (c?., of which it misses those with a c) are found. With fullword the
// match is one of those that are full words, of wide ones too, where yara 4.5 may look for
// letters as if they were not wide. \b and \B take the end of
// memory for no letter.
//
// # Lengths and jumps
//
// There is one match at an address. Where an expression matches there in several
// lengths, it is what Perl takes: of .* and .{2,9} as much as will do, of .*? and
// .{2,9}? as little, and of alternatives the first that will do; /the (cat|cats)/ is
// "the cat" and /the (cats|cat)/ "the cats", where they stand. Where the alternatives
// are all that yara can begin to look at, as in /(cats|cat)/, their order is
// another one; here it is the same as yara's (atoms.go says which). Of a hex string,
// jumps are as short as will do. Tests compare random expressions with yara: those of
// words agree, and of those of few letters, where yara has next to nothing to begin
// with, 1 in some hundreds has another length somewhere.
//
// A jump in a hex string may have any length. As in yara, a string is looked for in
// parts where a jump has more than 200 bytes, [-] and [300-] among them, and so is a
// regular expression at .{n,m}? outside of groups, of which such a jump goes over \n
// as well. A match begins at every place where the first part is found and others
// follow, and ends with the first of the last part that does (join.go). Memory that
// is jumped over is there: no match goes on beyond a hole, nor beyond the scope. yara
// ends jumps without a limit at 2^31 bytes.
//
// No other match of a regular expression is longer than what yara looks at, 4096
// bytes behind the place where it begins to look and 4096 in front of it, or
// patterns.Target.MaxMatch if that is more. A rule that asks for the length of one
// that may go on is undecided. That of a hex string does not depend on it.
//
// A string that matches the empty string too, as /(abc|)/, is found wherever there is
// a byte, as in yara since 4.3. Its hits are those that have bytes; a rule that asks for
// more of them than whether there is one is undecided (empty.go).
//
// What yara refuses and is allowed here: a string that the condition does not
// use; constant ranges that are empty or begin below 0, for an address may be
// negative (see below); a file that is included twice, which is read once; and a
// module that is not there, for all are skipped.
//
// # What is left out
//
// A rule that cannot be evaluated is skipped, by name and reason
// (Rules.Skipped), and so is each rule that refers to it; the others run. If it
// is global, no rule of its namespace can be decided, and all are skipped. A
// caller that finds rules skipped has not looked for all that it was asked for.
//
// Skipped are rules that need what is not supported: modules (import "pe" may
// stand there; a rule that uses pe is skipped), entrypoint, and strings
// that take more than automaton.MaxProgram steps. Skipped are rules
// with an identifier that is defined nowhere: an external variable maybe. And
// skipped are rules with a mistake (a syntax error, an undefined string,
// operands of the wrong type, a name that another rule has): reading goes on
// with the next rule. What stands between rules and is none is skipped as well,
// without a name. Only what cannot be read at all is an error: a file, or one
// that it includes.
//
// # Offsets are addresses
//
// What YARA calls an offset is an address of the space that was scanned: in
// at, in, @a and uint32(…). For a raw file that lies at address 0, and only
// there, it is the offset in the file too. Numbers are signed and of 64 bits,
// as in YARA: an address from 2^63 up, a kernel's, is negative, so its order
// among its like is kept. filesize is what Scope says it is.
package yara

import (
	"slices"

	"vscan/patterns"
)

// Rules is the rules of files and of all that they include, read by a Compiler. It
// does not change and may be used by many goroutines.
type Rules struct {
	// Skipped is the rules that are not evaluated, in the order of the files.
	Skipped []Skipped

	rules         []*rule // those that are evaluated, in the order of the files
	pats          []patterns.Pattern
	info          []patternInfo // of pats, by index
	splits        []*splitString
	variables     []variable
	numNamespaces int // namespaces
}

// Skipped is a rule that is not evaluated, and why; or something between rules
// that could not be read, which may have been one.
type Skipped struct {
	Namespace string
	Rule      string // "" if it has no name
	Global    bool
	Reason    string // in one line
	File      string
	Line      int // of what the reason is about, in File, from 1
	Column    int // in bytes, from 1; 0: all of the line

	// Mistake is true where YARA refuses the rule as well, and false where
	// something is not supported, or another rule is skipped.
	Mistake bool
	// Undefined is the identifier that is defined nowhere, where that is the
	// reason: an external variable maybe.
	Undefined string
	// Clash is the rule whose name this one has, where that is the reason.
	Clash *Rule
}

// Rule is what a rule says of itself.
type Rule struct {
	Name      string
	Namespace string
	Tags      []string
	Meta      []Meta // in the order of the file; a key may occur more than once
	Private   bool   // it is evaluated for those that refer to it, not reported
	Global    bool   // unless it matches, no rule of the namespace does
	File      string
	Line      int // of its name, from 1
}

// FullName is the name with the namespace, NAMESPACE:NAME, or the name alone
// of a rule of DefaultNamespace. No other rule of a Rules has it.
func (r *Rule) FullName() string {
	if r.Namespace == DefaultNamespace || r.Namespace == "" {
		return r.Name
	}
	return r.Namespace + ":" + r.Name
}

// Meta is a line of a rule's meta section.
type Meta struct {
	Key   string
	Value any // string, int64 or bool
}

// rule is a rule with its strings and its condition.
type rule struct {
	Rule
	strings   []*ruleString
	condition node
	ns        *namespace
	skip      string // why it is not evaluated; "" if it is
	skipAt    position
	mistake   bool   // skip is a mistake
	undefined string // the identifier that skip is about
	clash     *rule  // the rule whose name this one has
	index     int    // in Rules.rules
	vars      int    // variables of loops that its condition has at a time
}

// ruleString is a string of a rule.
type ruleString struct {
	id           string // with the $; of an anonymous one its number: $1
	declared     string // as it is written: $ if it is anonymous
	private      bool
	preferLonger bool // of two matches at one place the longer counts, not the shorter
	empty        emptiness
	declaration  token

	first        patterns.Pattern // of a string in parts, the first one
	rest         []patterns.Part  // the others
	searchKey    string           // what it looks for: the same for strings that look for the same
	patternIndex int              // index in Rules.pats

	// What a condition asks of it. Where it only asks whether the string is at
	// one constant address, and the string is literal, hits elsewhere do not
	// count, and are not shown: YARA does not find them.
	knownBytes   bool    // its bytes are known, but for case and keys
	asksAnywhere bool    // the condition asks for more
	pins         []int64 // the constant addresses that it asks for
	asksPlaces   bool    // it asks for places or lengths of hits, not only for their number
}

// pin is the only address where hits of the string count. It is false where
// all do.
func (s *ruleString) pin() (a int64, ok bool) {
	if s.asksAnywhere || !s.knownBytes || len(s.pins) != 1 {
		return 0, false
	}
	return s.pins[0], true
}

// pinTo notes that the condition asks whether the string is at an address.
func (s *ruleString) pinTo(a int64) {
	if !slices.Contains(s.pins, a) {
		s.pins = append(s.pins, a)
	}
}

// Owners is the rules of Names(i), by the same index. The caller must not change
// it.
func (r *Rules) Owners(i int) []*Rule { return r.info[i].owners }

// patternInfo is what the strings of one pattern have in common. Strings of several
// rules that look for the same are one pattern.
type patternInfo struct {
	names        []string // RULE.$a, of those that are not private
	owners       []*Rule  // by name
	preferLonger bool
	empty        emptiness
	pinned       bool    // hits count at pins only
	pins         []int64 // where they count for one string or another
	asksPlaces   bool    // some condition asks for places or lengths

	split     *splitString // that it is a part of; nil: of none
	partIndex int          // which one, from 0
}

// Len is the number of rules that are evaluated, private ones included.
func (r *Rules) Len() int { return len(r.rules) }

// Rule is rule i of those that are evaluated, 0 ≤ i < Len, in the order of the
// files. The caller must not change it.
func (r *Rules) Rule(i int) *Rule { return &r.rules[i].Rule }

// String is a string of a rule.
type String struct {
	ID      string // as $a; of an anonymous one its number, as in Patterns
	Pattern int    // index in Rules.Patterns
	Private bool   // its hits are not shown
}

// Strings is the strings of rule i, in the order of the file.
func (r *Rules) Strings(i int) []String {
	var all []String
	for _, s := range r.rules[i].strings {
		all = append(all, String{s.id, s.patternIndex, s.private})
	}
	return all
}

// Patterns is what to look for: one pattern for every string of the rules that
// are evaluated, and one only for strings that look for the same. Each has the
// name RULE.$a of the first such string, RULE being its full name; anonymous ones are $1, $2 and so on,
// by their place among the rule's strings. A string with long jumps has several,
// one for each of its parts (see Part); the second and following ones are named
// RULE.$a.2 and so on. The index of a pattern is what Evaluator.Add takes. The
// caller must not change it.
func (r *Rules) Patterns() []patterns.Pattern { return r.pats }

// Names is the strings, as RULE.$a, that the pattern i is looked for on behalf
// of, in the order of the file. Private ones are not among them: their hits
// are not shown. Of a string in parts the first part has them. The caller must not
// change it.
func (r *Rules) Names(i int) []string { return r.info[i].names }

// IsPart reports whether the pattern i is a part of a string with long jumps: its
// hits are not those of the string, which Evaluator.JoinedHits has.
func (r *Rules) IsPart(i int) bool { return r.info[i].split != nil }
