package patterns

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// A disk is files by their paths.
type disk map[string]string

func (d disk) open(name string) (io.ReadCloser, error) {
	text, ok := d[filepath.ToSlash(name)]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return io.NopCloser(strings.NewReader(text)), nil
}

func TestInclude(t *testing.T) {
	d := disk{
		"sets/main":    "a\n@include sub/one\n  @include\tsub/../two  \nb\n@include /abs\n@includes are text\n",
		"sets/sub/one": "one\n@include two\n",
		"sets/sub/two": "text:sub two\n",
		"sets/two":     "x = hex:00\n@include sub/two\n",
		"/abs":         "abs",
	}
	pats, err := ParseFiles(context.Background(), "sets/main", d.open)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range pats {
		got = append(got, fmt.Sprintf("%s:%d:%s", filepath.ToSlash(p.File), p.Line, p.Written))
	}
	want := "sets/main:1:a sets/sub/one:1:one sets/sub/two:1:text:sub two sets/two:1:hex:00 sets/main:4:b /abs:1:abs sets/main:6:@includes are text"
	if g := strings.Join(got, " "); g != want {
		t.Errorf("%s\nwant\n%s", g, want)
	}
}

func TestIncludeErrors(t *testing.T) {
	d := disk{
		"a": "u8:300\n@include b\nu8:301\n  @include none\n@include\n",
		"b": "@include c\nhex:0\n",
		"c": "@include ./b\n@include c\n@include a\n",
	}
	_, err := ParseFiles(context.Background(), "a", d.open)
	want := "a:1:4: 300 is outside u8, which holds 0 to 255\n\tu8:300\n\t   ^\n" +
		"c:1:10: b includes itself: a, b, c, b\n\t@include ./b\n\t         ^\n" +
		"c:2:10: c includes itself: a, b, c, c\n\t@include c\n\t         ^\n" +
		"c:3:10: a includes itself: a, b, c, a\n\t@include a\n\t         ^\n" +
		"b:2:6: want the second digit of a byte, found the end\n\thex:0\n\t     ^\n" +
		"a:3:4: 301 is outside u8, which holds 0 to 255\n\tu8:301\n\t   ^\n" +
		"a:4:12: open none: file does not exist\n\t  @include none\n\t           ^\n" +
		"a:5:9: want the path of a file behind @include, found the end\n\t@include\n\t        ^"
	if err == nil || err.Error() != want {
		t.Errorf("%v\nwant\n%s", err, want)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		t.Error("the cause is lost")
	}
	if _, err := ParseFiles(context.Background(), "none", d.open); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
	if _, err := ParseFile(context.Background(), "f", strings.NewReader("@include a")); err == nil || !strings.Contains(err.Error(), "f:1:10: no other file can be included here") {
		t.Errorf("%v", err)
	}
}

// Files that include the next one many times are read once each, and not deeper
// than is allowed.
func TestIncludeDepth(t *testing.T) {
	d := disk{}
	for i := range 20 {
		d[fmt.Sprint(i)] = fmt.Sprintf("pattern %d\n", i) + strings.Repeat(fmt.Sprintf("@include %d\n", i+1), 3)
	}
	_, err := ParseFiles(context.Background(), "0", d.open)
	if err == nil || !strings.HasPrefix(err.Error(), "16:2:10: files include one another more than 16 deep") {
		t.Errorf("%v", err)
	}
	d["16"] = "end\n"
	if pats, err := ParseFiles(context.Background(), "0", d.open); err != nil || len(pats) != 17 {
		t.Errorf("%d patterns, %v", len(pats), err)
	}
}

// What is wrong with an included file that is none of patterns is told without its text:
// patterns of strangers may include what only the user can read.
func TestIncludeConceals(t *testing.T) {
	long := strings.Repeat("secret", MaxBytes)
	for text, want := range map[string]string{
		"secret one\nhex:secret\n":                   "b:2:5: no pattern can be read here; the text is not shown",
		"# comment\n\n  secret\nre:secret(\n":        "b:4:4: no pattern",
		"secret\n@except hex:secret\n":               "b:2:",
		"secret\n@include /secret\n":                 "b:2:10: open /secret: file does not exist", // the path is shown
		long:                                         "b:1:",
		"u8:1\nhex:shown\n":                          "b:2:5: want a hexadecimal digit, found 's'\n\thex:shown\n\t    ^",
		"hex:shown\n":                                "\n\thex:shown\n",
		"name = u8:1\n@include none\nu8:shown":       "\n\t@include none\n",
		"@include none\nu8:shown\n":                  "\n\tu8:shown\n",
		"# hex:1\nsecret\n@except-all text:secret\n": "b:3:",
	} {
		_, err := ParseFiles(t.Context(), "a", disk{"a": "@include b\n", "b": text}.open)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v, want %s", text, err, want)
			continue
		}
		if told := strings.ReplaceAll(err.Error(), "/secret", ""); strings.Contains(told, "secret") {
			t.Errorf("%.40q: %s", text, told)
		}
	}
	// Of the file that is named, it is shown.
	if _, err := ParseFiles(t.Context(), "a", disk{"a": "literal\nhex:shown\n"}.open); err == nil || !strings.Contains(err.Error(), "\n\thex:shown\n") {
		t.Error(err)
	}
}
