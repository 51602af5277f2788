package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"vscan/internal/wording"
	"vscan/patterns"
)

// A pattern that does not start with a known kind is literal text. So a misspelt kind is
// looked for as it stands, and is found nowhere. Where a search finds nothing, it tells
// which patterns look misspelt.

// maxHints is the most patterns of which a hint is told.
const maxHints = 5

// noteMisspelt tells which patterns look as if something else had been meant.
func (a *commands) noteMisspelt(pats []patterns.Pattern) {
	told := 0
	for _, p := range pats {
		if p.Kind != patterns.KindLiteral {
			continue
		}
		hint := misspelt(p.Written)
		if hint == "" {
			continue
		}
		if told++; told > maxHints {
			a.Note("more patterns look like this")
			return
		}
		shown, _ := strings.CutSuffix(wording.Cut(wording.Escape(p.Written), 60), "\n")
		a.Tell(fmt.Sprintf("nothing was found, and '%s' was searched for as it stands: %s", shown, wording.Printable(hint)))
	}
}

// misspelt returns what a literal was probably meant to be, in words; "" where it looks
// like a literal.
func misspelt(s string) string {
	if name, ok := strings.CutPrefix(s, "@"); ok && isListFile(name) {
		return fmt.Sprintf("patterns are read from a file with -f %s, or lines of text with -F %s", name, name)
	}
	if word, ok := kindWord(s); ok {
		if kind := meantKind(word); kind != "" {
			return fmt.Sprintf("%s: is no kind of pattern; %s: is one", word, kind)
		}
	}
	return misnamed(s)
}

// isListFile reports whether there is a file of this name, or whether the name looks
// like that of a list of patterns.
func isListFile(name string) bool {
	if info, err := os.Stat(name); err == nil && info.Mode().IsRegular() {
		return true
	}
	switch strings.ToLower(filepath.Ext(name)) {
	case ".txt", ".lst", ".list", ".yar", ".yara", ".vscan", ".words", ".dic":
		return true
	}
	return false
}

// kindWord returns the word in front of a colon, or in front of a /, flags and a colon,
// and whether there is one. Text that looks like an address of the network or a drive
// has none.
func kindWord(s string) (string, bool) {
	head, rest, ok := strings.Cut(s, ":")
	word, flags, _ := strings.Cut(head, "/")
	letters := func(s string) bool {
		return !strings.ContainsFunc(s, func(r rune) bool { return r >= utf8.RuneSelf || !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	}
	return word, ok && len(word) > 1 && letters(word) && letters(flags) && !strings.HasPrefix(rest, "//")
}

// otherNames has the kinds by what they are called elsewhere.
var otherNames = map[string]string{
	"txt": "text", "str": "text", "string": "text", "ascii": "text", "literal": "text", "lit": "text", "utf8": "text",
	"utf16": "text/w", "utf16le": "text/w", "utf16be": "text/W", "unicode": "text/w", "wide": "text/w",
	"regex": "re", "regexp": "re", "rx": "re", "pcre": "re", "grep": "re",
	"bytes": "hex", "byte": "u8", "hexa": "hex", "bin": "hex",
	"int": "i32", "int8": "i8", "int16": "i16", "int32": "i32", "int64": "i64", "short": "i16", "long": "i64",
	"uint": "u32", "uint8": "u8", "uint16": "u16", "uint32": "u32", "uint64": "u64", "word": "u16", "dword": "u32", "qword": "u64",
	"s8": "i8", "s16": "i16", "s32": "i32", "s64": "i64", "float": "f32", "double": "f64", "pointer": "ptr", "addr": "ptr", "ref": "ptr",
}

// kindNames are the kinds of patterns.
var kindNames = []string{"text", "hex", "re", "ptr", "aes", "u8", "u16", "u32", "u64", "i8", "i16", "i32", "i64", "f32", "f64"}

// meantKind returns the kind that a word probably stands for, or "". It knows other
// names of kinds, ignores the case of letters, and allows one slip in a kind of three
// letters and more.
func meantKind(word string) string {
	lower := strings.ToLower(word)
	if kind, ok := otherNames[lower]; ok {
		return kind
	}
	for _, kind := range kindNames {
		if lower == kind || len(kind) > 2 && len(lower) > 2 && isSlip(lower, kind) && !unicode.IsDigit(rune(kind[1])) {
			return kind
		}
	}
	return ""
}

// isSlip reports whether two words differ in one letter, in one letter that one of them
// lacks, or in two neighbouring letters that are swapped.
func isSlip(a, b string) bool {
	if len(a) < len(b) {
		a, b = b, a
	}
	i := 0
	for i < len(b) && a[i] == b[i] {
		i++
	}
	switch {
	case len(a) == len(b)+1:
		return a[i+1:] == b[i:]
	case len(a) != len(b) || i == len(a):
		return false
	case a[i+1:] == b[i+1:]:
		return true
	}
	return i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:]
}

// misnamed returns a hint, in words, for a literal NAME=KIND:BODY whose NAME or KIND is
// none; "" for any other literal.
func misnamed(s string) string {
	name, rest, ok := strings.Cut(s, "=")
	word, isWord := kindWord(strings.TrimLeft(rest, " \t"))
	if !ok || !isWord {
		return ""
	}
	if slices.Contains(kindNames, strings.TrimSuffix(strings.TrimSuffix(word, "le"), "be")) {
		return fmt.Sprintf("'%s' is no NAME in front of %s:; a name is a letter or _ and then letters, digits, . $ - or _", name, word)
	}
	if kind := meantKind(word); kind != "" {
		return fmt.Sprintf("%s: is no kind of pattern; %s: is one", word, kind)
	}
	return ""
}

// noteTrailing tells of blanks at the ends of lines in files of patterns: nobody sees
// them, and they are part of what is looked for.
func (a *commands) noteTrailing(pats []patterns.Pattern) {
	type file struct{ first, more int }
	files := map[string]*file{}
	for _, p := range pats {
		if !endsInBlank(p) {
			continue
		}
		if f := files[p.File]; f != nil {
			f.more++
			continue
		}
		files[p.File] = &file{first: p.Line}
	}
	for _, p := range pats {
		f := files[p.File]
		if f == nil || f.first != p.Line {
			continue
		}
		others := ""
		if f.more > 0 {
			others = fmt.Sprintf(", here and in %s more", wording.Count(uint64(f.more), "line"))
		}
		a.Note("%s:%d: the blanks at the end of the line are part of the pattern%s", p.File, p.Line, others)
		delete(files, p.File)
	}
}

// endsInBlank reports whether a pattern is from a file and ends in a blank that counts.
func endsInBlank(p patterns.Pattern) bool {
	last, _ := utf8.DecodeLastRuneInString(p.Written)
	switch p.Kind {
	case patterns.KindLiteral, patterns.KindText, patterns.KindRegexp:
		return p.Line > 0 && unicode.IsSpace(last)
	}
	return false
}
