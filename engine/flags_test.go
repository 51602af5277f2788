package engine_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// ofOthers takes out flags of other programs that the command has too.
var ofOthers = strings.NewReplacer("xz --format=lzma", "xz")

// argumentForm matches the forms of the command's arguments, and calls of the
// command.
var argumentForm = regexp.MustCompile(`FILE@|@ADDR|\+OFFSET|\bpid:N|\bvscan (find|refs|strings|read|map|graph) [a-z]+`)

// speaksArguments matches the files of packages that read arguments, and may say what
// form these have; flags they know as little as others.
var speaksArguments = regexp.MustCompile(`^(image/layered|where)/`)

// No string of a library names a flag of the command or a form of its arguments:
// errors and notes say in fields what would help, and the command says how.
func TestNoLibraryNamesFlags(t *testing.T) {
	flags := commandFlags(t)
	for _, root := range []string{".", "../patterns"} {
		for _, file := range goFiles(t, os.DirFS(root), false) {
			eachString(t, root+"/"+file, func(at token.Position, s string) {
				if speaksArguments.MatchString(file) {
					s = argumentForm.ReplaceAllString(s, "")
				}
				if found := commandWords(s, flags); found != "" {
					t.Errorf("%v: names %s, which is the command's to say: tell what helps in a field of an error, or in a hint", at, found)
				}
			})
		}
	}
}

// commandWords returns the first flag of the command in a string, or the first
// form of an argument; "" where there is none.
func commandWords(s string, flags []string) string {
	s = ofOthers.Replace(s)
	for _, word := range regexp.MustCompile(`--[a-z][a-z0-9-]*`).FindAllString(s, -1) {
		if slices.Contains(flags, word[2:]) {
			return word
		}
	}
	return argumentForm.FindString(s)
}

func TestCommandWords(t *testing.T) {
	flags := commandFlags(t)
	for s, want := range map[string]string{
		"scan it with --image-format raw":  "--image-format",
		"see --space physical":             "--space",
		"(--word 4)":                       "--word",
		" --map ":                          "--map",
		"--sysroot=DIR":                    "--sysroot",
		"lay it with FILE@ADDR":            "FILE@",
		"%s@ADDR":                          "@ADDR",
		"scan it as pid:N":                 "pid:N",
		"use vscan graph build":            "vscan graph build",
		"zstd -dc --long=31 < FILE > OUT":  "",
		"xz --format=lzma -dc < FILE":      "",
		"virsh dump --memory-only":         "",
		"ntfsclone --overwrite OUT FILE":   "",
		"pid:%d: there is no such process": "",
	} {
		if got := commandWords(s, flags); got != want {
			t.Errorf("%q: %q, want %q", s, got, want)
		}
	}
}

// commandFlags returns the names of the command's flags: the first string in each
// call that defines one.
func commandFlags(t *testing.T) (names []string) {
	t.Helper()
	const dir = "../cmd/vscan"
	define := regexp.MustCompile(`Var(P|PF|F)?$`)
	for _, file := range goFiles(t, os.DirFS(dir), false) {
		ast.Inspect(parsed(t, token.NewFileSet(), dir+"/"+file), func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok && define.MatchString(calledName(call)) {
				names = append(names, firstString(call))
			}
			return true
		})
	}
	for _, want := range []string{"image-format", "space", "word", "endian", "map", "under", "modules", "sysroot", "prot-none", "resident", "rule-scope"} {
		if !slices.Contains(names, want) {
			t.Fatalf("flag --%s is not found in %s: %q", want, dir, names)
		}
	}
	return names
}

// calledName returns the last part of the name of the function that is called.
func calledName(call *ast.CallExpr) string {
	switch f := call.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		return f.Sel.Name
	}
	return ""
}

// firstString returns the first argument that is a string, "" where none is.
func firstString(call *ast.CallExpr) string {
	for _, arg := range call.Args {
		if lit, ok := arg.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			s, _ := strconv.Unquote(lit.Value)
			return s
		}
	}
	return ""
}

// eachString calls f with every string of a file.
func eachString(t *testing.T, path string, f func(token.Position, string)) {
	t.Helper()
	files := token.NewFileSet()
	ast.Inspect(parsed(t, files, path), func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			s, err := strconv.Unquote(lit.Value)
			if err != nil {
				t.Fatal(err)
			}
			f(files.Position(lit.Pos()), s)
		}
		return true
	})
}

func parsed(t *testing.T, files *token.FileSet, path string) *ast.File {
	t.Helper()
	f, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	return f
}
