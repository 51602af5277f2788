package patterns

// kinds is every kind of pattern that has a word of its own. A new kind is a
// file with a kind and a body, one line here and a constant beside Kind.
var kinds = []*kind{
	&textKind,   // text.go
	&hexKind,    // hex.go
	&intKind,    // ints.go
	&ptrKind,    // ptr.go
	&floatKind,  // floats.go
	&aesKind,    // aes.go
	&regexpKind, // regexp.go
}

// kind is how one kind of pattern is written.
type kind struct {
	kind     Kind
	keywords []string // what may stand in front of the colon: [a-z0-9]+
	flags    string   // the flags it takes, a byte each
	arg      string   // those of them that may have something in parentheses behind

	// parse reads the body. word is the one that was written, flags those
	// that were given: a subset of kind.flags, none twice. A kind without
	// parse belongs to the language but is not supported yet.
	parse func(in input, word, flags string) (body, error)
}

// kindOf finds a kind by its word.
var kindOf = func() map[string]*kind {
	m := make(map[string]*kind)
	for _, k := range kinds {
		for _, w := range k.keywords {
			if m[w] != nil {
				panic("patterns: two kinds have the word " + w)
			}
			m[w] = k
		}
	}
	return m
}()
