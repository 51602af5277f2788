package engine_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"testing"
)

// Tests that compare how long something took fail on a busy machine. The
// functions below find such comparisons in a file of tests.

// clockComparisons returns the places, outside benchmarks, where a file
// compares a span of time that it has measured.
func clockComparisons(f *ast.File) []token.Pos {
	var found []token.Pos
	for _, d := range f.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || fn.Body == nil {
			continue
		}
		c := clock{instants: map[string]bool{}, spans: map[string]bool{}}
		ast.Inspect(fn, c.visit)
		found = append(found, c.found...)
	}
	return found
}

// A clock is what is known of a function: the names of its variables that hold
// a time that was read or a span that was measured, and its comparisons of
// spans.
type clock struct {
	instants, spans map[string]bool
	found           []token.Pos
}

// visit looks at a node and reports whether to look into it. Nodes come in the
// order of the source.
func (c *clock) visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.FuncDecl:
		return !benchmarks(n.Type)
	case *ast.FuncLit:
		return !benchmarks(n.Type)
	case *ast.AssignStmt:
		c.assign(n.Lhs, n.Rhs)
	case *ast.ValueSpec:
		for i, name := range n.Names {
			if i < len(n.Values) {
				c.assign([]ast.Expr{name}, n.Values[i:i+1])
			}
		}
	case *ast.BinaryExpr:
		comparisons := []token.Token{token.LSS, token.LEQ, token.GTR, token.GEQ, token.EQL, token.NEQ}
		if slices.Contains(comparisons, n.Op) && (has(n.X, c.span) || has(n.Y, c.span)) {
			c.found = append(c.found, n.Pos())
		}
	}
	return true
}

// assign notes the variables to which a time or a span is assigned.
func (c *clock) assign(to, values []ast.Expr) {
	if len(to) != len(values) {
		return
	}
	for i, v := range values {
		if name, ok := to[i].(*ast.Ident); ok {
			c.spans[name.Name] = c.spans[name.Name] || has(v, c.span)
			c.instants[name.Name] = c.instants[name.Name] || c.instant(v)
		}
	}
}

// span reports whether an expression is a span that was measured: time.Since or
// time.Until, the difference of a time that was read and another one, or a
// variable that has such.
func (c *clock) span(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.Ident:
		return c.spans[n.Name]
	case *ast.BinaryExpr:
		return n.Op == token.SUB && (c.instant(n.X) || c.instant(n.Y))
	case *ast.CallExpr:
		s, ok := n.Fun.(*ast.SelectorExpr)
		return ok && (isOf(s, "time", "Since", "Until") || s.Sel.Name == "Sub" && (c.instant(s.X) || slices.ContainsFunc(n.Args, c.instant)))
	}
	return false
}

// instant reports whether an expression is time.Now(), the result of a method
// of it such as UnixNano, or a variable that has one.
func (c *clock) instant(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.Ident:
		return c.instants[e.Name]
	case *ast.CallExpr:
		s, ok := e.Fun.(*ast.SelectorExpr)
		return ok && (isOf(s, "time", "Now") || c.instant(s.X))
	}
	return false
}

// isOf reports whether s is one of names of a package.
func isOf(s *ast.SelectorExpr, pkg string, names ...string) bool {
	x, ok := s.X.(*ast.Ident)
	return ok && x.Name == pkg && slices.Contains(names, s.Sel.Name)
}

// has reports whether is holds for n or a part of it.
func has(n ast.Node, is func(ast.Node) bool) bool {
	found := false
	ast.Inspect(n, func(n ast.Node) bool {
		found = found || n != nil && is(n)
		return !found
	})
	return found
}

// benchmarks reports whether a function gets a *testing.B, and so may measure.
func benchmarks(f *ast.FuncType) bool {
	for _, p := range f.Params.List {
		if star, ok := p.Type.(*ast.StarExpr); ok {
			if s, ok := star.X.(*ast.SelectorExpr); ok && isOf(s, "testing", "B") {
				return true
			}
		}
	}
	return false
}

func TestClockComparisons(t *testing.T) {
	for body, want := range map[string]int{
		"if time.Since(at) > time.Second { t.Error() }":                                                    1,
		"if d := time.Since(at); d > time.Second { t.Error(d) }":                                           1,
		"ok := stats.Cancelled && 100 < time.Since(at).Seconds(); _ = ok":                                  1,
		"if time.Now().Sub(at) >= limit { t.Error() }":                                                     1,
		"at := time.Now(); end := time.Now(); for end.Sub(at) < limit {}":                                  1,
		"at := time.Now().UnixNano(); took := time.Duration(time.Now().UnixNano() - at); _ = took < limit": 1,
		"var took = time.Since(at); for range 3 { if limit < took { t.Error() } }":                         1,
		"took := max(time.Since(at), time.Since(b)); x, y := took, 1; _ = x > limit; _ = y > 1":            1,
		"switch { case -time.Until(at) > limit: t.Error() }":                                               1,
		"t.Run(``, func(t *testing.T) { if time.Since(at) > 9 { t.Error() } })":                            1,

		"t.Logf(`%v`, time.Since(at)); if n > 1 { t.Error() }":                                  0,
		"seed := uint64(time.Now().UnixNano()); if seed == 0 { seed = 1 }":                      0,
		"for d := time.Now().Add(time.Minute); !ok(); { if time.Now().After(d) { t.Fatal() } }": 0,
		"if took := stats.Views - 1; took > 9 { t.Error() }":                                    0,
		"testing.Benchmark(func(b *testing.B) { if time.Since(at) > 9 { b.Error() } })":         0,
		"start := time.Now(); if s.rate(start.Add(time.Second), 9) != 9 { t.Error() }":          0,
		"if a.Sub(b) > 3 { t.Error() }":                                                         0,
	} {
		f, err := parser.ParseFile(token.NewFileSet(), "", "package p\nfunc TestX(t *testing.T) { "+body+" }\nfunc BenchmarkX(b *testing.B) { _ = time.Since(at) > 9 }", 0)
		if err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		if got := clockComparisons(f); len(got) != want {
			t.Errorf("%s: %d comparisons, want %d", body, len(got), want)
		}
	}
}
