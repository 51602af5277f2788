package patterns

import "strings"

// WithFlags returns the pattern with more flags, which are any of
//
//	i   the case of ASCII letters does not count, as with flag i of text and re
//	f   full words only, as with flag f of text: no ASCII letter or digit on
//	    either side; of re, only the matches that are full words count
//
// A literal is then looked for as text. The name stays. The error is an *Error that says
// which of the flags means nothing to a pattern of this kind, or why it does not go with
// the pattern's own flags.
func (p Pattern) WithFlags(flags string) (Pattern, error) {
	in := input{text: p.text, end: len(p.text), file: p.File, line: p.Line}
	if flags == "" {
		return p, nil
	}
	p.origin = p.origin.withFlags(flags)
	var err error
	if p.Kind == KindLiteral {
		o := TextOptions{Caseless: strings.Contains(flags, "i"), FullWord: strings.Contains(flags, "f")}
		p.body, err = newText(in, []byte(p.Written), nil, o)
		return p, err
	}
	_, _, h := splitHead(p.text, p.Line > 0)
	if h.kind == nil || p.Kind != KindText && p.Kind != KindRegexp {
		return Pattern{}, in.fault(-1, "%s", refusals[flags[0]])
	}
	own, err := h.checkFlags(&in)
	if err != nil {
		return Pattern{}, err
	}
	for _, f := range flags {
		if !strings.ContainsRune(own, f) {
			own += string(f)
		}
	}
	in.pos = h.body
	p.body, err = h.kind.parse(in, h.keyword, own)
	return p, err
}

// refusals has the reason why a flag means nothing to patterns of other kinds.
var refusals = map[byte]string{
	'i': "the case of letters means nothing to it; only literals, text: and re: have any",
	'f': "it cannot be asked for as a full word; only literals, text: and re: can",
}
