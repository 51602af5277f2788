package engine_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Whatever a test draws at random, it draws from vscan/internal/testenv, which tells how it
// is drawn again. What math/rand gives without that is drawn once and never again.
func TestDrawsCanBeRepeated(t *testing.T) {
	fsys := os.DirFS("..")
	all := append(goFiles(t, fsys, true), goFiles(t, fsys, false)...)
	files := token.NewFileSet()
	for _, file := range all {
		// A package with a name in test is for tests: simdtest, imagetest.
		forTests := strings.HasSuffix(file, "_test.go") || strings.HasSuffix(path.Dir(file), "test")
		if !forTests || strings.HasPrefix(file, "internal/testenv/") {
			continue
		}
		f, err := parser.ParseFile(files, "../"+file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range unrepeatable(f) {
			t.Errorf("%v: %s: use vscan/internal/testenv, whose draws VSCAN_SEED repeats", files.Position(d.at), d.what)
		}
	}
}

// A draw is a place in a file where numbers are drawn that VSCAN_SEED does not repeat.
type draw struct {
	at   token.Pos
	what string
}

// unrepeatable returns such places: any use of math/rand but for the names of its types,
// crypto/rand, properties that rapid checks by itself, and numbers of a test that are always
// the same.
func unrepeatable(f *ast.File) (found []draw) {
	drawn := map[string][]string{ // by import: what of it is no draw; nil: all are
		"math/rand":              {"Rand", "Source", "Source64", "Zipf"},
		"math/rand/v2":           {"Rand", "Source", "Zipf"},
		"crypto/rand":            nil,
		"pgregory.net/rapid":     nil, // but see below
		"vscan/internal/testenv": nil,
	}
	names := map[string]string{} // of imports, as the file calls them
	for _, i := range f.Imports {
		from, _ := strconv.Unquote(i.Path.Value)
		if _, ok := drawn[from]; !ok {
			continue
		}
		name := path.Base(strings.TrimSuffix(from, "/v2"))
		if i.Name != nil {
			name = i.Name.Name
		}
		if names[name] = from; name == "." {
			found = append(found, draw{i.Pos(), "imports all of " + from})
		}
	}
	for _, d := range f.Decls {
		fn, _ := d.(*ast.FuncDecl)
		ast.Inspect(d, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok && fn != nil && strings.HasPrefix(fn.Name.Name, "Test") {
				if s, ok := call.Fun.(*ast.SelectorExpr); ok && of(s, names) == "vscan/internal/testenv" && s.Sel.Name == "From" && constant(call.Args) {
					found = append(found, draw{call.Pos(), "testenv.From of numbers that are always the same"})
				}
			}
			s, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			switch from := of(s, names); from {
			case "", "vscan/internal/testenv":
			case "pgregory.net/rapid":
				if s.Sel.Name == "Check" || s.Sel.Name == "MakeCheck" {
					found = append(found, draw{s.Pos(), "rapid." + s.Sel.Name})
				}
			default:
				if !slices.Contains(drawn[from], s.Sel.Name) {
					found = append(found, draw{s.Pos(), from + "." + s.Sel.Name})
				}
			}
			return true
		})
	}
	return found
}

// of returns the import that a selector is of, if it is one of these.
func of(s *ast.SelectorExpr, names map[string]string) string {
	if x, ok := s.X.(*ast.Ident); ok {
		return names[x.Name]
	}
	return ""
}

// constant reports whether all of a call's arguments are numbers in the source.
func constant(args []ast.Expr) bool {
	return !slices.ContainsFunc(args, func(a ast.Expr) bool { _, ok := a.(*ast.BasicLit); return !ok })
}

func TestUnrepeatable(t *testing.T) {
	for body, want := range map[string]int{
		"import \"math/rand/v2\"\nfunc TestX(t *testing.T) { r := rand.New(rand.NewPCG(1, 2)); r.IntN(3) }":                            2,
		"import \"math/rand/v2\"\nvar x = rand.IntN(7)":                                                                                1,
		"import \"math/rand\"\nfunc f() { rand.Seed(3); rand.Intn(7) }":                                                                2,
		"import r \"math/rand/v2\"\nfunc BenchmarkX(b *testing.B) { r.Perm(7) }":                                                       1,
		"import . \"math/rand/v2\"\nfunc f() { Perm(7) }":                                                                              1,
		"import \"crypto/rand\"\nfunc f() { rand.Read(nil) }":                                                                          1,
		"import \"math/rand/v2\"\nfunc f(rnd *rand.Rand, s rand.Source) { rnd.IntN(7) }":                                               0,
		"import \"pgregory.net/rapid\"\nfunc TestX(t *testing.T) { rapid.Check(t, func(t *rapid.T) { rapid.Int().Draw(t, \"\") }) }":   1,
		"import \"vscan/internal/testenv\"\nfunc TestX(t *testing.T) { testenv.From(1, 2); testenv.Rand(t); testenv.Seeded(t, 1, 2) }": 1,
		"import \"vscan/internal/testenv\"\nfunc TestX(t *testing.T) { f(func() { testenv.From(1, 2) }) }":                             1,
		"import \"vscan/internal/testenv\"\nfunc BenchmarkX(b *testing.B) { testenv.From(1, 2) }":                                      0,
		"import \"vscan/internal/testenv\"\nfunc TestX(t *testing.T) { r := testenv.Rand(t); testenv.From(r.Uint64(), 2) }":            0,
	} {
		f, err := parser.ParseFile(token.NewFileSet(), "", "package p\n"+body, 0)
		if err != nil {
			t.Fatal(err)
		}
		if got := unrepeatable(f); len(got) != want {
			t.Errorf("%s: %d draws that cannot be repeated, want %d: %v", body, len(got), want, got)
		}
	}
}
