package patterns

// kinds lists every kind of pattern that is written with a keyword. A new kind is a file
// with its kind and its body, one line here, and a constant beside Kind.
var kinds = []*kind{
	&textKind,   // text.go
	&hexKind,    // hex.go
	&intKind,    // ints.go
	&ptrKind,    // ptr.go
	&floatKind,  // floats.go
	&aesKind,    // aes.go
	&regexpKind, // regexp.go
}

// A kind is how one kind of pattern is written.
type kind struct {
	kind     Kind
	keywords []string // each may stand in front of the colon; made of [a-z0-9]
	flags    string   // the flags that the kind takes, a byte each
	arg      string   // those of the flags that may have something in parentheses behind them

	// parse reads the body. keyword is the one that was written. flags are those that were
	// given: a subset of kind.flags, none twice. A kind without parse belongs to the
	// language but is not supported yet.
	parse func(in input, keyword, flags string) (body, error)
}

// kindOf has the kind of each keyword.
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
