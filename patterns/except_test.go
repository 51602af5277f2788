package patterns

import (
	"context"
	"slices"
	"strings"
	"testing"
)

// excepted reports whether the exceptions of a pattern drop a match.
func excepted(t *testing.T, p Pattern, form int, match string) bool {
	t.Helper()
	set, err := Compile(context.Background(), []Pattern{p}, Target{MaxMatch: 100})
	if err != nil {
		t.Fatal(err)
	}
	return set.Exprs()[form].Excepted([]byte(match))
}

func except(t *testing.T, p string, exceptions ...string) (Pattern, error) {
	var all []Pattern
	for _, x := range exceptions {
		all = append(all, mustParse(t, x))
	}
	return mustParse(t, p).WithExceptions(all...)
}

// An exception is looked for in the bytes of the match and nowhere else.
func TestExcept(t *testing.T) {
	for _, c := range []struct {
		pattern    string
		exceptions []string
		form       int
		match      string
		want       bool
	}{
		{"re:.*", []string{"re:b"}, 0, "abc", true},
		{"re:.*", []string{"re:^b"}, 0, "abc", false},
		{"re:.*", []string{"re:^a"}, 0, "abc", true},
		{"re:.*", []string{"re:c$"}, 0, "abc", true},
		{"re:.*", []string{"re:^abc$"}, 0, "abcd", false},
		{"re:.*", []string{"re:^abc$", "re:d"}, 0, "abcd", true},
		{"re:.*", []string{`re:\bb`}, 0, "a b", true},
		{"re:.*", []string{`re:\bb`}, 0, "ab", false},
		{"re:.*", []string{"re/i:^A"}, 0, "abc", true},
		{"re/i:.*", []string{"re:^A"}, 0, "abc", false},
		{"re/s:.*", []string{"re:a.b"}, 0, "a\nb", false},
		{"re/s:.*", []string{"re/s:a.b"}, 0, "a\nb", true},
		{"re/s:.*", []string{"re/m:^b"}, 0, "a\nb", true},
		{"re/s:.*", []string{"re:^b"}, 0, "a\nb", false},
		{`re:.*`, []string{`re:\x00\xff`}, 0, "a\x00\xffb", true},
		{"re/w:.*", []string{"re:^ab$"}, 0, "a\x00b\x00", true},
		{"re/w:.*", []string{"re:ab"}, 0, "a\x00b\x00", true},
		{"re/w:.*", []string{"re:\u0416$"}, 0, "a\x00\x16\x04", true},
		{"re/w:.*", []string{"re:\u0416"}, 0, "\x16a\x04b", false},
		{"re/w:.*", []string{"re:ba"}, 0, "a\x00b\x00", false},
		{"re/w:.*", []string{"re:\u6162"}, 0, "\x00ba\x00", false}, // its bytes, but not as one code unit
		{"re/aw:.*", []string{"re:^ab$"}, 0, "a\x00b\x00", false},
		{"re/aw:.*", []string{"re:^ab$"}, 1, "a\x00b\x00", true},
		{"re/W:.*", []string{"re:^ab$"}, 0, "\x00a\x00b", true},
		{"re:.*", []string{"re:x{200}"}, 0, strings.Repeat("x", 100), false}, // longer than any match
		{"re:.*", nil, 0, "abc", false},
	} {
		p, err := except(t, c.pattern, c.exceptions...)
		if err != nil {
			t.Fatal(err)
		}
		if got := excepted(t, p, c.form, c.match); got != c.want {
			t.Errorf("%s but %q, %q: %v", c.pattern, c.exceptions, c.match, got)
		}
		if !slices.Equal(p.Exceptions(), c.exceptions) || p.WithoutExceptions().Exceptions() != nil {
			t.Errorf("exceptions %q, want %q", p.Exceptions(), c.exceptions)
		}
	}
	// These are bytes with a zero beside each, as in YARA.
	p, err := NewRegexp("n", "n", "a+", RegexpOptions{Wide: true})
	if err == nil {
		p, err = p.WithExceptions(mustParse(t, "re:^aa$"))
	}
	if err != nil || !excepted(t, p, 0, "a\x00a\x00") || excepted(t, p, 0, "a\x00") {
		t.Errorf("wide: %v", err)
	}
	// WithFlags keeps exceptions, and more can be added; the pattern that they are added to
	// stays what it is.
	one, _ := except(t, "re:a+", "re:aa")
	two, err := one.WithExceptions(mustParse(t, "re:b"))
	if err != nil {
		t.Fatal(err)
	}
	if two, err = two.WithFlags("i"); err != nil || len(two.Exceptions()) != 2 || len(one.Exceptions()) != 1 {
		t.Errorf("%q, %q, %v", one.Exceptions(), two.Exceptions(), err)
	}
}

func TestExceptErrors(t *testing.T) {
	for _, c := range []struct{ pattern, exception, want string }{
		{"text:a", "re:a", "pattern 'text:a': only patterns of re: have exceptions: write it as re:, with \\xNN for its bytes"},
		{"hex:00", "re:a", "only patterns of re: have exceptions"},
		{"a", "re:a", "only patterns of re: have exceptions"},
		{"re:a", "text:a", "pattern 'text:a': an exception is a pattern of re:"},
		{"re:a", "a", "pattern 'a': an exception is a pattern of re:"},
		{"re:a", "re/w:a", "an exception has the encoding of the pattern that it is of, and no flags but i, s and m"},
		{"re:a", "re/wa:a", "an exception has the encoding"},
		{"re:a", "re:x*", "column 4: as an exception it would hold in every match"},
		{"re:a", "re:^", "as an exception it would hold in every match"},
		{"re/w:a", "re:[\U0001f600-\U0001f64f]?", "as an exception it would hold in every match"},
		{"re/w:a", "re:[^\U0001f600]", "column"},
	} {
		_, err := except(t, c.pattern, c.exception)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s but %s: %v, want %s", c.pattern, c.exception, err, c.want)
		}
	}
	one, _ := except(t, "re:a", "re:a")
	if _, err := mustParse(t, "re:a").WithExceptions(one); err == nil {
		t.Error("an exception with an exception")
	}
	p, err := except(t, "n=re:a", "re:"+strings.Repeat("a{1000}", 70))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Compile(context.Background(), []Pattern{p}, Target{}); err == nil || !strings.Contains(err.Error(), ": column 4: it takes more than 65536 steps") {
		t.Errorf("a long exception: %v", err)
	}
	// Two patterns of one name are the same only with the same exceptions.
	one.Name = "re:a"
	if _, err := Compile(context.Background(), []Pattern{one, mustParse(t, "re:a")}, Target{}); err == nil || !strings.Contains(err.Error(), "also that of another") {
		t.Errorf("a name with and without exceptions: %v", err)
	}
	if set, err := Compile(context.Background(), []Pattern{one, one}, Target{}); err != nil || len(set.Exprs()) != 1 {
		t.Errorf("the same twice: %v", err)
	}
}

// These are the lines @except and @except-all of a file.
func TestExceptLines(t *testing.T) {
	d := disk{
		"main": "text:x\n" +
			"a = re:a+\n\t@except re:^aa$\n# a comment\n\n  @except\tre/i:B\n" +
			"@except-all re:all\n" +
			"text:y\nre:c\n@except re:d\n@include sub\nre:e\n@exceptional\n@except-allowed",
		"sub": "re:f\n@except re:g\n@except-all re:h\nre:i\n",
	}
	pats, err := ParseFiles(context.Background(), "main", d.open)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range pats {
		got = append(got, p.Written+strings.Join(p.Exceptions(), ""))
	}
	want := "text:x re:a+re:^aa$re/i:B text:y re:cre:allre:d re:fre:g re:ire:h re:ere:all @exceptional @except-allowed"
	if strings.Join(got, " ") != want {
		t.Errorf("%q, want %q", got, want)
	}
	for text, want := range map[string]string{
		"@except re:a":                                 "main:1:1: an exception belongs to the pattern in front of it, and there is none in this file\n\t@except re:a\n\t^",
		"re:a\n@except":                                "main:2:8: want the exception, a pattern of re:, found the end\n\t@except\n\t       ^",
		"re:a\n  @except   ":                           "want the exception, a pattern of re:, found the end",
		"re:a\n@except re:(":                           "main:2:12: ",
		"re:a\n@except re:a*":                          "main:2:12: as an exception it would hold in every match: want an expression that takes a byte at least\n\t@except re:a*\n\t           ^",
		"re:a\n@except a":                              "main:2: an exception is a pattern of re:\n\t@except a",
		"re:a\n@except n=re:b":                         "main:2:9: an exception has no name",
		"re:a\n@except re/w:b":                         "main:2: an exception has the encoding of the pattern",
		"text:a\n@except re:b":                         "main:2:1: the pattern in front (line 1): only patterns of re: have exceptions: write it as re:, with \\xNN for its bytes",
		"@except-all text:b":                           "main:1: an exception is a pattern of re:",
		"@include sub\n@except re:b":                   "main:2:1: an exception belongs",
		"re:a\n@except-all re:b\n@except re:c":         "main:3:1: an exception belongs",
		"@except-all re:b+\nre:a\n@except re:b*\nre:[": "main:3:12: as an",
		"@except-all re:[^\U0001f600]\nre/w:a":         "main:1:",
	} {
		d["main"] = text
		if _, err := ParseFiles(context.Background(), "main", d.open); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}
