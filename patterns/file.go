package patterns

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
)

// ParseFile reads patterns from a file, one a line. name is that of the file, for errors
// and Pattern.File.
//
// Empty lines, lines of blanks and lines whose first character after blanks is # are
// skipped. Blanks in front of a kind or NAME= and around the = do not count. All else is as
// on a command line: a literal is the whole line, and blanks at the end of text belong to
// it. Lines end with \n or \r\n, and the last one need not; a byte order mark of UTF-8 in
// front is skipped.
//
// A line @except PATTERN is an exception to the pattern in front of it, and @except-all
// PATTERN to all patterns of re: that follow in the file: see the package comment.
//
// A line @include FILE stands for the patterns of another file. ParseFile cannot open it
// and returns an error; see ParseFiles.
//
// The error joins those of all lines, each an *Error, and no pattern is returned with it. A
// line that is too long to be a pattern ends the reading, since the file is then no file of
// patterns. The end of ctx ends it too, and its cause is an error.
func ParseFile(ctx context.Context, name string, r io.Reader) ([]Pattern, error) {
	f := fileReader{ctx: ctx}
	f.read(name, r)
	return f.result()
}

// ParseLiterals reads a file of literals. Every line that is not empty is a pattern, its
// bytes as they stand, blanks included; there are no escapes, names or comments. A line
// ends with \n, and one \r in front of that is not part of it (a \r anywhere else is). A
// byte order mark of UTF-8 in front of the first line is skipped. name is that of the file.
// Errors are as with ParseFile.
func ParseLiterals(ctx context.Context, name string, r io.Reader) ([]Pattern, error) {
	return readLines(ctx, name, r, MaxBytes, func(s string, line int) (Pattern, bool, error) {
		if s == "" {
			return Pattern{}, false, nil
		}
		p, err := literalOf(s, name, line)
		return p, true, err
	})
}

// readLines calls parse for each line of at most longest bytes, with its number, and
// returns the patterns for which parse reports true.
func readLines(ctx context.Context, name string, r io.Reader, longest int, parse func(s string, line int) (Pattern, bool, error)) ([]Pattern, error) {
	var pats []Pattern
	errs := eachLine(ctx, name, r, longest, func(s string, line int) error {
		p, ok, err := parse(s, line)
		if err == nil && ok {
			pats = append(pats, p)
		}
		return err
	})
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return pats, nil
}

// eachLine calls do for each line of at most longest bytes, with its number, and returns
// what is wrong with them or with the file, or the cause of the end of ctx.
func eachLine(ctx context.Context, name string, r io.Reader, longest int, do func(s string, line int) error) (errs []error) {
	br := bufio.NewReaderSize(r, 1<<16)
	if start, _ := br.Peek(4); len(start) == 4 && isUTF16(start) {
		return []error{fmt.Errorf("%s: the file is UTF-16: save it as UTF-8", name)}
	} else if len(start) >= 3 && string(start[:3]) == "\ufeff" {
		br.Discard(3)
	}
	for line := 1; ; line++ {
		if line%16 == 1 && ctx.Err() != nil {
			return append(errs, context.Cause(ctx))
		}
		b, err := readLine(br, longest)
		if errors.Is(err, errLong) {
			in := input{text: string(b), file: name, line: line}
			return append(errs, in.fault(longest, "a line of more than %d bytes is no pattern; nothing behind it was read", longest))
		}
		if err != nil && err != io.EOF {
			return append(errs, fmt.Errorf("reading patterns from %s: %w", name, err))
		}
		if bad := do(string(b), line); bad != nil {
			errs = append(errs, bad)
		}
		if err == io.EOF {
			return errs
		}
	}
}

var errLong = errors.New("line too long")

// readLine reads a line without its end; the bytes are valid until the next call. It
// returns io.EOF with the last line, which may be empty, and errLong with the start of a
// line of more than longest bytes.
func readLine(br *bufio.Reader, longest int) ([]byte, error) {
	b, err := br.ReadSlice('\n')
	if err == bufio.ErrBufferFull {
		b = bytes.Clone(b)
		for err == bufio.ErrBufferFull && len(b) <= longest+2 {
			var more []byte
			more, err = br.ReadSlice('\n')
			b = append(b, more...)
		}
	}
	if err == nil {
		b = b[:len(b)-1]
		b = bytes.TrimSuffix(b, []byte{'\r'})
	}
	if len(b) > longest {
		return b[:longest], errLong
	}
	return b, err
}

// isUTF16 reports whether text that starts with these four bytes is UTF-16: a byte order
// mark and a character below U+0100.
func isUTF16(b []byte) bool {
	return b[0] == 0xff && b[1] == 0xfe && b[3] == 0 || b[0] == 0xfe && b[1] == 0xff && b[2] == 0
}
