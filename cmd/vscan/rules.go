package main

import (
	"cmp"
	"container/heap"
	"context"
	"fmt"
	"iter"
	"slices"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/patterns"
	"vscan/patterns/yara"
)

// YARA rules: which of them match is known only when all hits are, so the hits
// of their strings are kept and printed behind those of plain patterns: first
// the rules that match, then the hits of their strings, in the order of hits.
// With --rule-scope mapping that is done at the end of each mapping.

// ruleHit is a rule that matches, as outputs have it.
type ruleHit struct {
	*yara.Rule
	mapping *engine.Interval // that it matches in; nil: the image
}

// ruleRun is the rules in the search of one image.
type ruleRun struct {
	f       *searchFlags
	t       *target
	s       *summary
	view    *viewer
	rep     reporter
	rules   *yara.Rules
	eval    *yara.Evaluator
	vars    map[string]any // external variables that the image sets
	index   []int          // in the rules' patterns, by pattern of the set; −1: it is none of them
	names   map[string]int
	pattern []int // of the set, by index of the summary's names
	scanner *engine.Scanner
	run     addr.Range // bytes side by side that the latest hit lies in
	begun   bool       // there was one

	next      func() (engine.Interval, bool) // with --rule-scope mapping: those to come
	stop      func()
	scope     engine.Interval // the one in hand
	more      bool
	matched   uint64
	undecided []string
	cut       bool // not all hits of some string were kept
}

// newRuleRun is nil where there are no rules.
func (f *searchFlags) newRuleRun(t *target, set *patterns.Set, opt engine.Options, s *summary, view *viewer, rep reporter) *ruleRun {
	if f.rules == nil {
		return nil
	}
	r := &ruleRun{
		f: f, t: t, s: s, view: view, rep: rep, rules: f.rules, vars: t.variables(f.defined), names: map[string]int{},
		eval: f.rules.NewEvaluator(yara.Limits{CountOnly: f.count || f.silent()}),
	}
	at := map[string]int{}
	for i, p := range f.rules.Patterns() {
		at[p.Name] = i
	}
	for _, p := range set.Patterns() {
		i, ok := at[p.Name]
		if !ok {
			i = -1
		}
		r.index = append(r.index, i)
	}
	for i, name := range s.names {
		r.names[name] = i
		behind, _ := slices.BinarySearch(s.first, i+1) // some have no name, some several
		r.pattern = append(r.pattern, behind-1)
	}
	if f.ruleScope == "mapping" {
		r.next, r.stop = iter.Pull(r.scopes(opt))
		r.scope, r.more = r.next()
	}
	return r
}

// scopes is the mappings that are in scope, ascending, each from its first byte
// that is there to its last: what is absent in the middle, such as a guard page of a
// live process, does not part it.
func (r *ruleRun) scopes(opt engine.Options) iter.Seq[engine.Interval] {
	ranges := addr.Merge(opt.Ranges)
	if len(ranges) == 0 {
		ranges = []addr.Range{addr.All}
	}
	return func(yield func(engine.Interval) bool) {
		for _, within := range ranges {
			for v := range wholeMappings(r.t.space, within) {
				if (opt.Where == nil || opt.Where(v.Mapping)) && !yield(v) {
					return
				}
			}
		}
	}
}

// wholeMappings is like Space.Extents, but that a mapping goes on behind absent
// bytes of it.
func wholeMappings(space *engine.Space, within addr.Range) iter.Seq[engine.Interval] {
	return func(yield func(engine.Interval) bool) {
		var whole engine.Interval
		var last engine.Interval // what was seen before, of whatever state
		for v := range space.Intervals(within) {
			goesOn := last.Mapping != nil && v.Mapping != nil && v.Mapping.Continues(last.Mapping) && last.Last+1 == v.First
			if !goesOn && whole.Mapping != nil {
				if !yield(whole) {
					return
				}
				whole = engine.Interval{}
			}
			last = v
			switch s := v.State(); {
			case s != engine.Present && s != engine.Zero:
			case whole.Mapping == nil:
				whole = v
			default:
				whole.Last = v.Last
			}
		}
		if whole.Mapping != nil {
			yield(whole)
		}
	}
}

// take keeps a hit of a string, and says whether it was one.
func (r *ruleRun) take(ctx context.Context, h engine.Hit) bool {
	index := r.index[h.Pattern]
	if index < 0 {
		return false
	}
	if r.next != nil {
		for r.more && r.scope.Last < h.Addr {
			r.endScope(ctx)
		}
		last := h.Addr + addr.Addr(h.Len-1)
		if !r.more || !r.scope.Contains(h.Addr) || !r.scope.Contains(last) {
			return true
		}
	}
	if h.Addr > r.run.Last || !r.begun {
		r.run, _ = r.scanner.Run(h.Addr)
		r.begun = true
		r.eval.MarkHole()
	}
	if h.Cut {
		r.eval.AddCut(index, h.Addr, h.Len)
	} else {
		r.eval.Add(index, h.Addr, h.Len)
	}
	return true
}

// show prints a hit of a string at once, under each of its names, and is false
// where that failed. Those of a string in parts are known later.
func (r *ruleRun) show(h engine.Hit) bool {
	index := r.index[h.Pattern]
	if r.rules.IsPart(index) {
		return true
	}
	owners := r.rules.Owners(index)
	for i, name := range r.rules.Names(index) {
		k := r.s.first[h.Pattern] + i
		if r.f.max > 0 && r.s.counts[k] == r.f.max {
			r.s.limited = true
			continue
		}
		r.s.counts[k]++
		r.s.hits++
		if r.f.count || r.f.silent() {
			continue
		}
		hit := r.view.show(h)
		hit.pattern, hit.rule = name, owners[i]
		if r.rep.hit(hit) != nil {
			return false
		}
	}
	return true
}

// endScope evaluates the rules for the mapping in hand and goes on to the next.
func (r *ruleRun) endScope(ctx context.Context) {
	scope := r.scope
	r.evaluate(ctx, &scope)
	r.scope, r.more = r.next()
}

// close frees what newRuleRun began.
func (r *ruleRun) close() {
	if r != nil && r.stop != nil {
		r.stop()
	}
}

// finish evaluates what is left, once all hits are known.
func (r *ruleRun) finish(ctx context.Context) error {
	if r.next == nil {
		return r.evaluate(ctx, nil)
	}
	for r.more && ctx.Err() == nil && r.rep.failed() == nil {
		r.endScope(ctx)
	}
	return ctx.Err()
}

// evaluate prints the rules that match, and the hits of their strings.
func (r *ruleRun) evaluate(ctx context.Context, in *engine.Interval) error {
	res, err := r.eval.Evaluate(ctx, yara.Scope{
		Memory: r.t.space, FileSize: r.t.FileSize, FileSizeKnown: !r.t.Live, Empty: in == nil && r.scanner.Bytes() == 0, Variables: r.vars,
	})
	if err != nil {
		return err
	}
	for _, u := range res.Undecided {
		r.undecided = append(r.undecided, fmt.Sprintf("rule %s of %s could not be decided: %s", u.Rule.FullName(), u.Rule.File, u.Reason))
	}
	var hits hitHeap
	for _, m := range res.Matches {
		r.matched++
		if !r.f.silent() && !r.f.count {
			r.rep.rule(&ruleHit{m.Rule, in})
		}
		if !r.f.allStrings { // else they are out already
			for _, h := range m.Strings {
				hits = r.gather(hits, h)
			}
		}
	}
	if r.f.allStrings {
		for _, h := range r.eval.JoinedHits() {
			hits = r.gather(hits, h)
		}
	}
	err = r.print(hits)
	r.eval.Reset()
	return err
}

// gather counts the hits of a string, or adds them to those that are to be printed.
func (r *ruleRun) gather(hits hitHeap, h yara.Hits) hitHeap {
	n, k := h.Count, r.names[h.Name]
	if r.f.count || r.f.silent() {
		if r.f.max > 0 && r.s.counts[k]+n > r.f.max {
			n, r.s.limited = r.f.max-r.s.counts[k], true
		}
		r.s.counts[k] += n
		r.s.hits += n
		return hits
	}
	r.cut = r.cut || n > uint64(h.Len())
	if h.Len() > 0 {
		hits = append(hits, stringHits{Hits: h, name: k})
	}
	return hits
}

// print prints the hits in order.
func (r *ruleRun) print(hits hitHeap) error {
	heap.Init(&hits)
	for len(hits) > 0 {
		h := &hits[0]
		a, n := h.At(h.at)
		if c := r.s.counts[h.name]; r.f.max == 0 || c < r.f.max {
			r.s.counts[h.name]++
			r.s.hits++
			bytes, _ := r.t.space.Bytes(a, min(n, engine.HitBytes))
			hit := engine.Hit{Addr: a, Pattern: r.pattern[h.name], Len: n, Bytes: bytes}
			if err := r.rep.hit(r.view.showAs(hit, h.Name, h.Rule)); err != nil {
				return err
			}
		} else {
			r.s.limited = true
		}
		if h.at++; h.at == h.Len() {
			heap.Pop(&hits)
		} else {
			heap.Fix(&hits, 0)
		}
	}
	return nil
}

// stringHits is the hits of a string from one on.
type stringHits struct {
	yara.Hits
	name int // index of the summary's names
	at   int
}

// hitHeap has the string on top whose next hit is the first in order.
type hitHeap []stringHits

func (h hitHeap) Len() int { return len(h) }
func (h hitHeap) Less(i, j int) bool {
	a, n := h[i].At(h[i].at)
	b, m := h[j].At(h[j].at)
	return cmp.Or(cmp.Compare(a, b), cmp.Compare(h[i].name, h[j].name), cmp.Compare(n, m)) < 0
}
func (h hitHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *hitHeap) Push(x any)   { *h = append(*h, x.(stringHits)) }
func (h *hitHeap) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

// account tells what else there is to say of the rules.
func (r *ruleRun) account(a *app) {
	const most = 20
	for _, u := range r.undecided[:min(len(r.undecided), most)] {
		a.note("%s: not complete: %s", r.t.arg, u)
	}
	if n := len(r.undecided) - most; n > 0 {
		a.note("%s: not complete: %s more could not be decided", r.t.arg, plural(uint64(n), "rule"))
	}
	if r.cut {
		a.note("%s: limited: of a string, not more than %d hits are kept and printed, those with the lowest addresses; -c counts all", r.t.arg, yara.DefaultHits)
	}
	if n := len(r.f.leftOut()); n > 0 {
		a.note("%s: not complete: %s matched; %s left out", r.t.arg, plural(r.matched, "rule"), plural(uint64(n), "rule"))
	}
}
