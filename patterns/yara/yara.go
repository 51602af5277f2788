// Package yara reads YARA rules and decides which of them match. It does not scan.
// Rules.Patterns says what to look for; the caller looks for it and hands the hits to an
// Evaluator, which evaluates the conditions. The package is for programs that use vscan as
// a library, together with package patterns; all of its names are for users.
//
//	var c yara.Compiler
//	err := c.Add(ctx, "", "rules.yar", file) // and more files, of one namespace or several
//	rules, err := c.Rules(ctx)
//	set, err := patterns.Compile(ctx, rules.Patterns(), target)
//	e := rules.NewEvaluator(yara.Limits{})
//	e.Add(i, addr, length)               // for every hit, in ascending order
//	result, err := e.Evaluate(ctx, yara.Scope{Memory: space, FileSize: n, FileSizeKnown: true})
//
// # The language
//
// It is the language of YARA 4.5 (https://yara.readthedocs.io, and libyara's grammar.y and
// exec.c of that version): text, hex and regular expression strings with all their
// modifiers, conditions, global and private rules, tags, meta, include, external variables
// and namespaces. Conditions have the values that they have in the yara command, undefined
// values included; tests compare the two. Three things are YARA-X's: the word with, shares
// in front of loops (for 50% of them), and sets of conditions (any of (a, #b > 3)).
//
// The package differs where yara does not do what its manual says:
//
//   - none and 0 in front of a loop mean none. yara 4.2 takes such a loop for true.
//   - A turn of a loop is true or not. yara adds up numbers.
//   - A regular expression that is both wide and ascii finds all that either finds.
//   - Two jumps in a row are found, as in { 41 [1-7] 42 [1-3] 43 }, of which yara 4.2
//     misses matches. So are expressions that begin with something optional, as c?., of
//     which it misses those with a c.
//   - With fullword the match is one of those that are full words, of wide ones too. yara
//     4.5 may look for letters as if they were not wide.
//   - \b and \B do not take the end of memory for a letter.
//
// # Lengths and jumps
//
// There is one match at an address. Where an expression matches there in several lengths,
// it is the match that Perl would take: .* and .{2,9} are as long as possible, .*? and
// .{2,9}? as short as possible, and of alternatives the first that is possible counts. So
// /the (cat|cats)/ is "the cat" and /the (cats|cat)/ "the cats", where they stand. Where
// yara has nothing to begin to look at but the alternatives, as in /(cats|cat)/, it takes
// them in another order, and so does this package (atoms.go). The jumps of a hex string are
// as short as possible. Tests compare random expressions with yara: those made of words
// agree, and of those made of few letters, where yara has next to nothing to begin with, 1
// in some hundreds has another length somewhere.
//
// A jump in a hex string may have any length. As in yara, a string is looked for in parts
// if a jump has more than 200 bytes, [-] and [300-] among them. A regular expression is
// split in the same way at .{n,m}? outside of groups; such a jump goes over \n as well. A
// match begins at every place where the first part is found and the others follow, and ends
// with the first hit of the last part that follows (join.go). The memory that is jumped
// over has to be there: no match goes on beyond a hole, nor beyond the scope. yara ends
// jumps without a limit at 2^31 bytes.
//
// No other match of a regular expression is longer than what yara looks at, which is 4096
// bytes behind the place where it begins to look and 4096 in front of it, or
// patterns.Target.MaxMatch if that is more. A rule that asks for the length of a match that
// may go on is undecided. The length of a match of a hex string does not depend on it.
//
// A string that also matches the empty string, as /(abc|)/, is found wherever there is a
// byte, as in yara since 4.3. Its hits are those that have bytes. A rule that asks for more
// of them than whether there is one is undecided (empty.go).
//
// These are allowed here, though yara refuses them: a string that the condition does not
// use; constant ranges that are empty or begin below 0, since an address may be negative
// (see below); a file that is included twice, which is read once; and a module that does
// not exist, since all modules are skipped.
//
// # What is left out
//
// A rule that cannot be evaluated is skipped, by name and reason (Rules.Skipped), and so is
// each rule that refers to it; the others run. If it is global, no rule of its namespace
// can be decided, and all are skipped. A caller that finds rules skipped has not looked for
// all that it was asked for.
//
// These rules are skipped:
//
//   - Rules that need what is not supported: modules (import "pe" may stand there, but a
//     rule that uses pe is skipped), entrypoint, and strings that take more than
//     automaton.MaxProgram steps.
//   - Rules with an identifier that is defined nowhere, which may be an external variable.
//   - Rules with a mistake: a syntax error, an undefined string, operands of the wrong
//     type, a name that another rule has. Reading goes on with the next rule.
//
// What stands between rules and is no rule is skipped as well, without a name. An error
// means that a file, or one that it includes, could not be read at all.
//
// Reasons and errors have text of the files, except of an included file in which no rule
// has begun yet (rule NAME {): such a file need be none of rules, and of it they have the
// line and column, and the paths that it includes.
//
// # Offsets are addresses
//
// What YARA calls an offset is an address of the space that was scanned: in at, in, @a and
// uint32(…). For a raw file that lies at address 0, and only there, it is the offset in the
// file too. Numbers are signed and of 64 bits, as in YARA. So an address from 2^63 up, as a
// kernel's, is negative, and addresses on one side of 2^63 keep their order. filesize is
// what Scope says it is.
package yara

import "vscan/patterns"

// Rules is the rules of some files and of all that they include. A Compiler makes it. It
// does not change and may be used by many goroutines.
type Rules struct {
	// Skipped has the rules that are not evaluated, in the order of the files.
	Skipped []Skipped

	rules         []*rule // those that are evaluated, in the order of the files
	pats          []patterns.Pattern
	info          []patternInfo // for each of pats, by index
	splits        []*splitString
	variables     []variable
	numNamespaces int // how many namespaces there are
}

// Skipped is a rule that is not evaluated, and the reason; or something between rules that
// could not be read and may have been a rule.
type Skipped struct {
	Namespace string
	Rule      string // "" where it has no name
	Global    bool
	Reason    string // one line
	File      string
	Line      int // the line in File that the reason is about, from 1
	Column    int // in bytes, from 1; 0 stands for all of the line

	// Mistake tells whether YARA refuses the rule as well. It is false where something is
	// not supported, or another rule is skipped.
	Mistake bool
	// Undefined is the identifier that is defined nowhere, if that is the reason; it may be
	// an external variable.
	Undefined string
	// Clash is the rule that has the same name, if that is the reason.
	Clash *Rule
}

// Rule is what a rule tells about itself.
type Rule struct {
	Name      string
	Namespace string
	Tags      []string
	Meta      []Meta // in the order of the file; a key may occur more than once
	Private   bool   // it is evaluated for the rules that refer to it, and not reported
	Global    bool   // unless it matches, no rule of its namespace does
	File      string
	Line      int // the line of its name, from 1
}

// FullName returns NAMESPACE:NAME, or the name alone of a rule of DefaultNamespace.
// INVARIANT: no other rule of the same Rules has it.
func (r *Rule) FullName() string {
	if r.Namespace == DefaultNamespace || r.Namespace == "" {
		return r.Name
	}
	return r.Namespace + ":" + r.Name
}

// Meta is a line of a rule's meta section.
type Meta struct {
	Key   string
	Value any // a string, an int64 or a bool
}

// A rule is a rule with its strings and its condition.
type rule struct {
	Rule
	strings   []*ruleString
	condition node
	ns        *namespace
	skip      string // why it is not evaluated; "" where it is
	skipAt    position
	mistake   bool   // whether skip is a mistake
	undefined string // the undefined identifier that skip is about
	clash     *rule  // the rule whose name this one has
	nameless  bool   // its name is not shown: see ruleFile.shown
	index     int    // its index in Rules.rules
	vars      int    // the most variables of loops that its condition has at the same time
}

// A ruleString is a string of a rule.
type ruleString struct {
	id           string // with the $; for an anonymous string with its number: $1
	file         *ruleFile
	search       *searched // what is looked for; nil once it is among Rules.pats
	pos          int32     // where its name stands in file
	patternIndex int32     // the index of search.first in Rules.pats
	anonymous    bool      // it is written without a name, as $
	private      bool

	// What follows says what the condition asks of the string. If it only asks whether the
	// string is at one constant address, and the bytes of the string are known, hits
	// elsewhere do not count and are not shown, since YARA does not find them.
	knownBytes   bool // its bytes are known, except for their case and the key
	asksAnywhere bool // the condition asks for more than whether it is at constant addresses
	asksPlaces   bool // the condition asks for places or lengths of hits, not only for their number
	pinned       pinned
	pinAt        int64 // the constant address at which the condition asks for it, where that is only one
}

// pinned says at how many constant addresses a condition asks for a string.
type pinned uint8

const (
	pinnedNowhere pinned = iota
	pinnedOnce
	pinnedOften // at different addresses
)

// declared returns the name of the string as it is written; $ for an anonymous string.
func (s *ruleString) declared() string {
	if s.anonymous {
		return "$"
	}
	return s.id
}

// searched is what is looked for for a string. Strings that are written alike share it.
type searched struct {
	first patterns.Pattern // the pattern; for a split string that of its first part
	rest  []patterns.Part  // the other parts of a split string

	same  *searched // the first that looks for the same, where this one is not the first; else nil
	index int32     // of the first: the index of its pattern in Rules.pats, −1 where it is not there

	preferLonger bool // whether, of two hits at one place, the longer counts and not the shorter
	knownBytes   bool // its bytes are known, except for their case and the key
	empty        emptiness
}

// pin returns the only address at which hits of the string count, and false where all hits
// count.
func (s *ruleString) pin() (a int64, ok bool) {
	return s.pinAt, !s.asksAnywhere && s.knownBytes && s.pinned == pinnedOnce
}

// pinTo notes that the condition asks whether the string is at an address.
func (s *ruleString) pinTo(a int64) {
	switch {
	case s.pinned == pinnedNowhere:
		s.pinned, s.pinAt = pinnedOnce, a
	case s.pinAt != a:
		s.pinned = pinnedOften
	}
}

// Owners returns the rules of the strings of Names(i), by the same index. The caller must
// not change it.
func (r *Rules) Owners(i int) []*Rule { return r.info[i].owners }

// RuleOf returns the first rule that pattern i is looked for on behalf of, also where its
// string is private. The caller must not change it.
func (r *Rules) RuleOf(i int) *Rule { return r.info[i].rule }

// A patternInfo is what the strings of one pattern have in common. Strings of several rules
// that look for the same are one pattern.
type patternInfo struct {
	names        []string // RULE.$a, of the strings that are not private
	owners       []*Rule  // the rules of names, by the same index
	rules        []*rule  // the rules of which a string looks for the pattern
	rule         *Rule    // the first rule of which a string looks for the pattern
	preferLonger bool
	empty        emptiness
	pinned       bool    // whether hits count only at pins
	pins         []int64 // where hits count for one of the strings
	asksPlaces   bool    // whether some condition asks for places or lengths

	split     *splitString // the string that the pattern is a part of; nil where it is none
	partIndex int          // the index of the part, from 0
}

// Len returns the number of rules that are evaluated, private ones included.
func (r *Rules) Len() int { return len(r.rules) }

// Rule returns rule i of those that are evaluated, 0 ≤ i < Len, in the order of the files.
// The caller must not change it.
func (r *Rules) Rule(i int) *Rule { return &r.rules[i].Rule }

// String is a string of a rule.
type String struct {
	ID      string // as $a; for an anonymous string with its number, as in Patterns
	Pattern int    // its index in Rules.Patterns
	Private bool   // whether its hits are not to be shown
}

// Strings returns the strings of rule i, in the order of the file.
func (r *Rules) Strings(i int) []String {
	var all []String
	for _, s := range r.rules[i].strings {
		all = append(all, String{s.id, int(s.patternIndex), s.private})
	}
	return all
}

// Patterns returns what to look for: one pattern for each string of the rules that are
// evaluated, and only one for strings that look for the same. Its name is RULE.$a of the
// first such string, where RULE is the full name of its rule. Anonymous strings are $1, $2
// and so on, by their place among the rule's strings. A string with long jumps has several
// patterns, one for each of its parts (see IsPart), and those behind the first are named
// RULE.$a.2 and so on. Evaluator.Add takes the index of a pattern. The caller must not
// change the patterns.
func (r *Rules) Patterns() []patterns.Pattern { return r.pats }

// Names returns the strings, as RULE.$a, that the pattern i is looked for on behalf of, in
// the order of the files. Private strings are not among them, since their hits are not
// shown. For a string in parts, its first part has the names. The caller must not change
// it.
func (r *Rules) Names(i int) []string { return r.info[i].names }

// IsPart reports whether the pattern i is a part of a string with long jumps. Its hits are
// not hits of the string, which Evaluator.JoinedHits returns.
func (r *Rules) IsPart(i int) bool { return r.info[i].split != nil }
