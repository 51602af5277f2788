package patterns

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"vscan/engine/addr"
)

var seeds = []string{
	"password=x", `C:\new`, "http://x", "a=b:c", "text", `n=text:a\x41\n\0\\`, `text:\`, `text:\033`, "text/w:é😀", "text/wW:\xff",
	"text/i:x", "hex:00 ff", "hex:4?", "hex:4", "u8:1", "i8:-128..127", "u32be:0x10+4", "i64:..-1", "u64:..", "u16:5..4", "f32le:1",
	"re:x", "re/ismwWa:^(a|b)+?[^\\x80-\\xff]{2,}\\b", `re:\Q.\E\C(?i:k)`, "hex:41 ~4? [2-4] (42 | 43 [1-] ( 44 | 45)) 46", "hex:( 41 | 42 )",
	"text/fwWa:x", "text/x(01-7f)wf:ab", "text/bBw:abc", "f64:1.5~0.1", "f32be:-inf..inf", "f64:nan", "ptr:0x1000", "ptr:..", "ptr:@[heap]", "ptr:@mapped", "ptr:0xffffffff+2", "a = text:x", "text/plain; q:", " # c",
}

// checkError checks what any error of a pattern has to be.
func checkError(t *testing.T, err error, in string) {
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("%q: %T: %v", in, err, err)
	}
	if e.Pattern != in || e.Column < 0 || e.Column > len(in)+1 || e.Msg == "" {
		t.Fatalf("%q: %+v", in, e)
	}
	if n := len(err.Error()); n > 2000 {
		t.Fatalf("%q: a message of %d bytes", in, n)
	}
}

// checkCompile compiles a pattern for every machine and checks the needles.
func checkCompile(t *testing.T, p Pattern) {
	for _, target := range []Target{{}, le64, be64, le32, be32, {Align: 3}} {
		target.Mapping = func(name string) ([]addr.Range, error) {
			switch len(name) % 4 {
			case 0:
				return nil, nil
			case 1:
				return nil, errors.New("no")
			}
			return []addr.Range{{First: 1 << 33, Last: addr.Max}, {First: addr.Addr(len(name)), Last: 1000}}, nil
		}
		s, err := Compile(context.Background(), []Pattern{p, p}, target)
		if err != nil {
			var m *MissingError
			if errors.As(err, &m) {
				if target.OrderKnown {
					t.Fatalf("%q: %v", p.Written, err)
				}
				continue
			}
			_ = err.Error()
			if p.Kind != KindPtr && p.Kind != KindHex && p.Kind != KindRegexp {
				t.Fatalf("%q: %v", p.Written, err)
			}
			continue
		}
		if len(s.Patterns()) != 1 || (len(s.Needles()) == 0) == (len(s.Exprs()) == 0) {
			t.Fatalf("%q: %d patterns, %d needles, %d expressions", p.Written, len(s.Patterns()), len(s.Needles()), len(s.Exprs()))
		}
		for _, e := range s.Exprs() {
			checkExpr(t, p, s, e)
		}
		for i, n := range s.Needles() {
			if n.Pattern != 0 || n.Align == 0 || n.Len() == 0 || n.Len() > s.MaxLen() || (n.Lit == nil) == (n.Words == nil) {
				t.Fatalf("%q: %+v", p.Written, n)
			}
			if n.Mask != nil && (len(n.Mask) != len(n.Lit) || bytes.Count(n.Mask, []byte{0}) == len(n.Mask)) {
				t.Fatalf("%q: %s", p.Written, show(n))
			}
			if i > 0 && sameHits(n, s.Needles()[i-1]) {
				t.Fatalf("%q: the same needle twice", p.Written)
			}
			if n.Words == nil {
				continue
			}
			highest := ^uint64(0) >> (64 - 8*n.Words.Size)
			for i, r := range n.Words.Ranges {
				if r.Lo > r.Hi || r.Hi > highest || i > 0 && n.Words.Ranges[i-1].Hi+1 >= r.Lo {
					t.Fatalf("%q: %s", p.Written, show(n))
				}
			}
		}
		if p.Kind == KindLiteral && !bytes.Equal(s.Needles()[0].Lit, []byte(p.Written)) {
			t.Fatalf("%q: %x", p.Written, s.Needles()[0].Lit)
		}
	}
}

// checkExpr checks what an expression tells about itself, on a little memory.
func checkExpr(t *testing.T, p Pattern, s *Set, e Expr) {
	if e.Pattern != 0 || e.Align == 0 || e.MinLen < 1 || e.MinLen > e.MaxLen || e.MaxLen > s.MaxLen() {
		t.Fatalf("%q: %+v", p.Written, e)
	}
	for _, a := range e.Anchors {
		if len(a.Lit) == 0 || a.Mask != nil && len(a.Mask) != len(a.Lit) || a.First < 0 || a.First > a.Last || a.Last+len(a.Lit) > e.MaxLen {
			t.Fatalf("%q, of %d to %d bytes: %+v", p.Written, e.MinLen, e.MaxLen, a)
		}
	}
	m := &Memory{Bytes: []byte("\x00a\xff1\n" + p.Written + "\x00\x00")}
	for at := range min(len(m.Bytes), 40) {
		if n := e.Matcher.Match(m, at); n != 0 && (n < e.MinLen || n > e.MaxLen || n > len(m.Bytes)-at) {
			t.Fatalf("%q: %d bytes of %d to %d", p.Written, n, e.MinLen, e.MaxLen)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		if p, err := ParsePointer(in); err != nil {
			checkError(t, err, in)
		} else {
			checkCompile(t, p)
		}
		p, err := Parse(in)
		if err != nil {
			checkError(t, err, in)
			return
		}
		if p.Name == "" || !strings.HasSuffix(in, p.Written) || p.Kind == KindLiteral && p.Written != in {
			t.Fatalf("%q: %+v", in, p)
		}
		if q, err := Parse(p.Written); err != nil || q.Kind != p.Kind || q.Name != p.Written {
			t.Fatalf("%q: its source is %+v, %v", in, q, err)
		}
		checkCompile(t, p)
	})
}

func FuzzParseFile(f *testing.F) {
	f.Add([]byte(strings.Join(seeds, "\n")))
	for _, s := range seeds {
		f.Add([]byte("# c\r\n \n" + s + "\r\n" + s))
	}
	f.Add([]byte("\xff\xfea\x00"))
	f.Add([]byte("\ufeff\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		lines := strings.Split(strings.TrimPrefix(string(in), "\ufeff"), "\n")
		for i := range lines[:len(lines)-1] {
			lines[i] = strings.TrimSuffix(lines[i], "\r")
		}
		utf16 := len(in) >= 4 && isUTF16(in)

		pats, err := ParseLiterals(context.Background(), "f", bytes.NewReader(in))
		if (err != nil) != utf16 {
			t.Fatalf("Lines: %v", err)
		}
		last := 0
		for _, p := range pats {
			if p.Line <= last || p.Written != lines[p.Line-1] || p.Written == "" || p.Kind != KindLiteral {
				t.Fatalf("%+v", p)
			}
			last = p.Line
		}

		pats, err = ParseFile(context.Background(), "f", bytes.NewReader(in))
		if utf16 {
			if err == nil {
				t.Fatal("UTF-16 taken for patterns")
			}
			return
		}
		// A line of a file is read as Parse reads the line without its layout.
		bad, good := []error(nil), pats
		if err != nil {
			bad = err.(interface{ Unwrap() []error }).Unwrap()
			if pats != nil {
				t.Fatal("patterns and an error")
			}
		}
		for i, line := range lines {
			trimmed := strings.TrimLeft(line, " \t")
			if trimmed == "" || trimmed[0] == '#' {
				continue
			}
			if len(bad) > 0 && bad[0].(*Error).Line == i+1 {
				checkError(t, bad[0], line)
				bad = bad[1:]
				continue
			}
			if err != nil {
				continue
			}
			if len(good) == 0 || good[0].Line != i+1 {
				t.Fatalf("line %d, %q, is lost", i+1, line)
			}
			p := good[0]
			good = good[1:]
			if p.Kind == KindLiteral {
				if p.Written != line {
					t.Fatalf("line %d, %q: %+v", i+1, line, p)
				}
			} else if q, err := Parse(p.Written); err != nil || q.Kind != p.Kind {
				t.Fatalf("line %d, %q: %+v, %v", i+1, line, q, err)
			}
			checkCompile(t, p)
		}
		if len(bad) > 0 || len(good) > 0 {
			t.Fatalf("%d errors and %d patterns too many", len(bad), len(good))
		}
	})
}
