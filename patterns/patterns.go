// Package patterns says what to look for: it has the pattern language, and compiles many
// patterns into one Set for one image. It knows addresses and byte order (package addr) and
// expressions on bytes (package automaton), and nothing else of vscan: how a Set is looked
// for is the engine's business.
//
// # For users and for the engine
//
// Programs that use vscan as a library need these names; they are meant to stay:
//
//	Parse, ParsePointer                      one pattern, from text
//	ParseFile, ParseFiles, ParseLiterals     files of patterns
//	Bytes, Masked, Numbers, Pointers,        patterns that a program makes
//	NewText, NewHex, NewRegexp
//	ASCIIRuns, TextRuns, Encoding            printable runs
//	Pattern, Kind, Error                     a pattern, and what is wrong with one
//	Pattern.Source, FromSources              patterns as plain values, to be written down
//	Compile, Target, Set, MissingError       all patterns, for one image
//	Set.Patterns, Set.Value, Set.Text, Set.XorKey   whose hit it is, and what it holds
//
// The others stand between this package and those that work with it, and may change. The
// engine asks a Set for its needles and expressions: Needle, Words, Expr, Anchor, Matcher,
// Finder, Tracker, Track and Memory. Package yara makes patterns with NewHexParts, Part and
// NewExpression.
//
// # The language
//
// A pattern is KIND[/FLAGS]:BODY. NAME= in front of it names it; without one its name is
// the pattern as written. What does not start with a known kind, or with NAME= and a known
// kind, is literal text: its bytes as they stand, without escapes. So password=x, http://x,
// C:\new and hexagon:1 mean themselves. Kinds are lower case; a NAME matches
// [A-Za-z_][A-Za-z0-9_.$-]*.
//
//	text:BODY       bytes, with escapes \xNN \n \r \t \0 \a \b \f \v \e \\ \" \'
//	text/w:BODY     BODY as UTF-16, little-endian; \xNN is the code unit 0x00NN
//	text/W:BODY     BODY as UTF-16, big-endian; /wW looks for both, a for
//	                plain bytes as well
//	text/i:BODY     without regard to the case of ASCII letters
//	text/f:BODY     full words: no ASCII letter or digit on either side
//	text/x:BODY     exclusive-ored with any byte; x(LO-HI): with those from LO
//	                to HI, in hexadecimal
//	text/b:BODY     what base64 makes of it, in any of three phases; B: and
//	                that as UTF-16
//	hex:BODY        pairs of hexadecimal digits, blanks between pairs; a ? is
//	                any digit, ~ in front of a byte any other byte, [N] [N-M]
//	                [N-] [-] so many bytes of any value, ( A | B ) a choice
//	u8: u16: u32: u64: i8: i16: i32: i64:
//	                a number, in the image's byte order; le or be behind the
//	                type (u32be:) sets it. VALUE or a range of values
//	f32: f64:       a floating-point number, likewise: VALUE, a range LO..HI,
//	                VALUE~TOL for VALUE − TOL to VALUE + TOL; inf, -inf, and nan,
//	                which is any value that is no number. 0 is −0 as well
//	ptr:BODY        a word of the image that holds an address: ADDR, a range
//	                or @NAME, a mapping (@mapped: all that is mapped); lengths
//	                in ranges may end in K, M, G or T
//	re:BODY         a regular expression on bytes, of RE2's syntax, not Perl's
//	re/i:BODY       without regard to the case of ASCII letters; s: . is \n as
//	                well; m: ^ and $ hold at \n as well
//	re/w:BODY       on characters of UTF-16, little-endian; W: big-endian; a: on
//	                bytes as well
//	aes:BITS        the key schedule of AES with a key of 128, 192 or 256
//	                bits, verified; aes/s: its words the other way round
//	aes/d:BITS      the same with up to 10 wrong bits, d(N): N of 1 to 32, of
//	                which as many words in a row as the key has are right
//
// Flags go together, as in text/wi:, but x, b and B go with none of the others that change
// what a letter may be.
//
// Numbers are decimal, or hexadecimal with 0x; i types take a - in front. Ranges are
// LO..HI, both ends included, where an end that is left out is the type's lowest or highest
// value. Types other than f also have LO+LEN, LEN values from LO on.
//
// A hit of ptr lies at a multiple of the word size, and all others are found at any
// address, unless Target.Align says otherwise.
//
// # Matches of several lengths
//
// A re: or a hex: with jumps may match in several lengths at one place. There is one hit
// for each place. Of hex: it is the shortest match; of re: it is the match that Perl would
// take, which is as much or as little as * and *? say. An empty match does not count, and
// no match is longer than Target.MaxMatch bytes (DefaultMaxMatch, 4096, unless it is set):
// longer ones are left out when the match of a place is chosen. Matches of re: that overlap
// an earlier one are dropped by whoever searches, unless the caller says otherwise (see
// Pattern.Disjoint).
//
// Regular expressions know bytes and no characters: \xff is one byte, . is any byte but \n,
// é is two bytes in a row and [é] either of them. ^ and $ hold where memory begins and
// ends. See ParseRegexp of package vscan/patterns/automaton. With w or W they know
// characters: é and [é] are the same, . is any code unit of two bytes but \n, \xff is ÿ,
// and i goes for letters of all scripts. See ParseUTF16 there.
//
// The syntax is RE2's (https://github.com/google/re2/wiki/Syntax), not Perl's: there is no
// looking ahead or behind and no back reference, and a pattern with one is refused. An
// empty alternative matches the empty string: re:(a|)b finds ab and b. re:a| finds what
// re:a finds, since an empty match does not count.
//
// # Exceptions
//
// A pattern of re: may have exceptions. These are expressions that drop a match in which
// they are found: placeholders, known examples. In a file of patterns they are lines behind
// the pattern:
//
//	password = re/aw:(?i:password)=[^;\s]{4,64}
//	@except re:=(\*+|x+|<[^>]*>)$
//	@except re/i:=(secret|change_?me)$
//
// An exception is a pattern of re: with no flags but i, s and m. It is looked for in the
// bytes of the match as if there were no others, so ^ and $ are the ends of the match, and
// in the encoding of the match. What lies wholly in a match that is dropped is no hit
// either; what begins in it and goes on beyond it may be one. @except-all is an exception
// to all patterns of re: that follow in the file, but not to those of files that it
// includes. See Pattern.WithExceptions.
//
// # From a program
//
// Parse and ParsePointer read what a person has written. A program that has bytes, numbers
// or addresses needs no text for them:
//
//	Bytes, Masked                 bytes, and which of their bits count
//	Numbers, Pointers             numbers, and words that hold addresses, in ranges
//	NewText, NewHex, NewRegexp    text, hex: and re: with their flags as fields
//	ASCIIRuns, TextRuns           printable runs
//
// Compile makes a Set of all patterns, for engine.Compile. Patterns of numbers need the
// byte order of the image, those of pointers its word size as well: see Target, which an
// image.Image makes.
//
// # Files
//
// A file of patterns has one a line, # comments, and lines @include FILE, @except and
// @except-all; see ParseFile and ParseFiles.
package patterns

import "bytes"

// Pattern is one thing to look for, as one of the functions of this package made it. Name
// may be set before the pattern is compiled; nothing else of it changes, and it may be
// shared and copied. The zero Pattern looks for nothing, and Compile refuses it.
type Pattern struct {
	Name    string // given by NAME=, else Written; hits are told apart by it
	Written string // the pattern as written, without NAME=
	Kind    Kind
	origin  origin // how it was made; it takes no room, which Kind leaves
	File    string // the file that it was read from, "" if none
	Line    int    // its line in File, from 1; 0 if it was not read from a file

	text   string // all that was parsed, NAME= and blanks included; columns count in it
	body   body
	except *exceptions // see WithExceptions; nil where there are none
}

// Kind is the kind of a pattern: what its body means.
type Kind uint8

// The kinds of patterns.
const (
	KindLiteral Kind = iota // bytes as they stand, without a kind in front
	KindText                // text:, with escapes and encodings
	KindHex                 // hex:, pairs of digits, jumps, alternatives
	KindInt                 // u8: to i64:, a number or a range of numbers
	KindPtr                 // ptr:, a word that holds an address
	KindFloat               // f32: and f64:, a floating-point number or a range
	KindRegexp              // re:, a regular expression on bytes
	KindAES                 // aes:, a key schedule
	KindRun                 // printable characters in a row: ASCIIRuns and TextRuns
)

// String returns the kind in one word: literal, text, hex, int, ptr, float, re, aes or run.
func (k Kind) String() string {
	switch k {
	case KindLiteral:
		return "literal"
	case KindText:
		return "text"
	case KindHex:
		return "hex"
	case KindInt:
		return "int"
	case KindPtr:
		return "ptr"
	case KindFloat:
		return "float"
	case KindRegexp:
		return "re"
	case KindAES:
		return "aes"
	case KindRun:
		return "run"
	}
	return "unknown"
}

// Disjoint reports whether matches that overlap an earlier one are dropped unless the
// caller wants them: of an e-mail address not also its suffixes. This is so for re:, where
// it is expected. Of all other patterns every occurrence counts.
func (p Pattern) Disjoint() bool {
	b, ok := p.body.(*programBody)
	return ok && b.disjoint
}

// Endless reports whether the pattern is a hex: with a jump without an end, [-] or [N-]. It
// may have matches of any length, and those of more than Target.MaxMatch bytes are not
// found.
func (p Pattern) Endless() bool {
	b, ok := p.body.(*programBody)
	return ok && b.endless
}

// MaxBytes is the most bytes that a needle may have. A pattern with a longer one is
// refused, since every shard reads on past its end by the longest needle.
const MaxBytes = 1 << 20

// A body is what a pattern looks for, as its kind has read it. Each kind has a type of its
// own.
type body interface {
	// needles returns what to look for in the image that c is for, with the alignment that
	// the kind has by default: at least one needle, no two alike, or none where the body is
	// an exprBody. The error is an *Error, or needs where the image's word size or byte
	// order is missing. The caller sets Needle.Pattern.
	needles(p *Pattern, c *compiler) ([]Needle, error)
}

// An exprBody is a body that is looked for by expressions; its needles method returns none.
// The caller sets Expr.Pattern.
type exprBody interface {
	body
	exprs(p *Pattern, c *compiler) ([]Expr, error)
}

// literals is the body of the kinds whose bytes do not depend on the image. Each literal is
// one needle. INVARIANT: none is empty, and no two are alike.
type literals []literal

// A literal is bytes, and which of their bits count; mask is nil where all do. INVARIANT:
// bits that do not count are zero in bytes.
type literal struct{ bytes, mask []byte }

func (e literals) needles(*Pattern, *compiler) ([]Needle, error) {
	out := make([]Needle, len(e))
	for i, enc := range e {
		out[i] = Needle{Lit: enc.bytes, Mask: enc.mask, Align: 1}
	}
	return out, nil
}

// add returns the literals with one more, unless they have it already.
func (e literals) add(enc literal) literals {
	for _, old := range e {
		if bytes.Equal(enc.bytes, old.bytes) && bytes.Equal(enc.mask, old.mask) {
			return e
		}
	}
	return append(e, enc)
}
