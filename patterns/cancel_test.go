package patterns

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
)

// lines is an endless file of lines. It ends a context after some of them.
type lines struct {
	text string
	end  func()
	n    int
}

func (l *lines) Read(b []byte) (int, error) {
	b = b[:min(len(b), 4096)]
	if l.n++; l.n == 10 {
		l.end()
	}
	return copy(b, strings.Repeat(l.text, len(b)/len(l.text))), nil
}

// The end of a context ends the reading of a file that has no end, and its cause is the
// error, whatever the lines are.
func TestReadingEnds(t *testing.T) {
	why := errors.New("why")
	for _, text := range []string{"word\n", "re:a{1,9}\n", "hex:0\n", "\n", "# comment\n", "text/x:secret\n"} {
		for name, read := range map[string]func(context.Context, io.Reader) ([]Pattern, error){
			"ParseFile":     func(ctx context.Context, r io.Reader) ([]Pattern, error) { return ParseFile(ctx, "f", r) },
			"ParseLiterals": func(ctx context.Context, r io.Reader) ([]Pattern, error) { return ParseLiterals(ctx, "f", r) },
			"ParseFiles": func(ctx context.Context, r io.Reader) ([]Pattern, error) {
				return ParseFiles(ctx, "f", func(name string) (io.ReadCloser, error) {
					if name == "f" {
						return io.NopCloser(strings.NewReader("@include g\n@include h\n")), nil
					}
					return io.NopCloser(r), nil
				})
			},
		} {
			ctx, end := context.WithCancelCause(t.Context())
			pats, err := read(ctx, &lines{text: text, end: func() { end(why) }})
			if !errors.Is(err, why) || pats != nil {
				t.Errorf("%s of %q: %d patterns, %v", name, text, len(pats), err)
			}
		}
	}
}

// The end of a context ends Compile, with its cause and no other error.
func TestCompileEnds(t *testing.T) {
	why := errors.New("why")
	for _, text := range []string{"text/x:secret", "re:(a{1,30}b{1,30}){1,30}", "hex:00[1-9]01", "aes:128", "u32:1"} {
		p, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		all := make([]Pattern, 1<<17)
		for i := range all {
			all[i] = p
		}
		ctx, end := context.WithCancelCause(t.Context())
		end(why)
		if s, err := Compile(ctx, all, Target{}); err != why || s != nil {
			t.Errorf("%s: %v, %v", text, s, err)
		}
	}
}
