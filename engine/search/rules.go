package search

import (
	"cmp"
	"container/heap"
	"context"
	"iter"
	"math"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/patterns/yara"
)

// Which YARA rules match is known only when all hits of their strings are known. So these
// hits are kept, and handed on behind those of plain patterns: first the rules that match,
// and then the hits of their strings, in the order of hits. With Query.PerMapping that is
// done at the end of each mapping.

// ruleRun evaluates the rules of one run of a search.
type ruleRun struct {
	*running
	rules   *yara.Rules
	eval    *yara.Evaluator
	account *RulesSummary
	vars    map[string]any // external variables that the image sets
	run     addr.Range     // the range of bytes side by side that the latest hit lies in
	begun   bool           // whether there was a hit

	// With Query.PerMapping, next returns the next mapping, and stop ends that; scope is
	// the mapping that is scanned, if more is set. Otherwise next and stop are nil.
	next  func() (engine.Interval, bool)
	stop  func()
	scope engine.Interval
	more  bool  // whether there is such a mapping
	err   error // with PerMapping: why no further mapping is evaluated
}

// newRuleRun returns what evaluates the rules of a run that is about to begin.
func newRuleRun(of *running) *ruleRun {
	q, sum := of.q, of.sum
	r := &ruleRun{
		running: of, rules: q.Rules, vars: variables(of.img, q.Defined),
		eval:    of.evaluator(q.Rules, yara.Limits{CountOnly: q.Want != WantHits, TotalSteps: q.RuleSteps, Budget: of.hits}),
		account: &RulesSummary{LeftOut: len(q.Rules.Skipped)},
	}
	sum.Rules = r.account
	if q.PerMapping {
		r.next, r.stop = iter.Pull(r.scopes())
		r.scope, r.more = r.next()
	}
	return r
}

// scopes returns the mappings that are scanned, ascending, each from its first byte
// that is there to its last. Absent memory in the middle of a mapping, such as a guard
// page of a live process, does not cut it in two.
func (r *ruleRun) scopes() iter.Seq[engine.Interval] {
	ranges := addr.Merge(r.opt.Ranges)
	if len(ranges) == 0 {
		ranges = []addr.Range{addr.All}
	}
	return func(yield func(engine.Interval) bool) {
		for _, within := range ranges {
			for v := range wholeMappings(r.img.Space, within) {
				if (r.opt.Where == nil || r.opt.Where(v.Mapping)) && !yield(v) {
					return
				}
			}
		}
	}
}

// wholeMappings returns what Space.Extents does, except that absent memory in the
// middle of a mapping does not end its interval.
func wholeMappings(space *engine.Space, within addr.Range) iter.Seq[engine.Interval] {
	return func(yield func(engine.Interval) bool) {
		var whole engine.Interval
		var last engine.Interval // the interval before this one, of whatever state
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

// take keeps the hit of a rule's string, and reports whether it was one.
func (r *ruleRun) take(ctx context.Context, h engine.Hit) bool {
	index := r.ruleIndex[h.Pattern]
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

// show hands on the hit of a rule's string at once, under each of its names, and
// reports whether the search is to go on. Hits of a string that is searched for in
// parts are not handed on here: they are put together later.
func (r *ruleRun) show(h engine.Hit) bool {
	index := r.ruleIndex[h.Pattern]
	if r.rules.IsPart(index) {
		return true
	}
	owners := r.rules.Owners(index)
	for i, name := range r.rules.Names(index) {
		k := r.sum.first[h.Pattern] + i
		if r.q.MaxHits > 0 && r.sum.Counts[k] == r.q.MaxHits {
			r.sum.Limited = true
			continue
		}
		r.sum.Counts[k]++
		r.sum.Hits++
		if r.q.Want != WantHits {
			continue
		}
		hit := r.view.show(h)
		hit.Name, hit.Rule = name, owners[i]
		if !r.to.hit(hit) {
			return false
		}
	}
	return true
}

// endScope evaluates the rules for the current mapping, and goes on to the next one, or
// to none after an error.
func (r *ruleRun) endScope(ctx context.Context) {
	scope := r.scope
	if r.err = r.evaluate(ctx, &scope); r.err != nil {
		r.more = false
		return
	}
	r.scope, r.more = r.next()
}

// close frees what newRuleRun began, and leaves the evaluator to other runs. r may be nil.
func (r *ruleRun) close() {
	if r == nil {
		return
	}
	if r.stop != nil {
		r.stop()
	}
	r.evaluators.Put(r.eval)
}

// finish evaluates the rules that are left, once all hits are known.
func (r *ruleRun) finish(ctx context.Context) error {
	if r.next == nil {
		return r.evaluate(ctx, nil)
	}
	for r.more && ctx.Err() == nil {
		r.endScope(ctx)
	}
	return cmp.Or(r.err, ctx.Err())
}

// evaluate hands on the rules that match in a mapping, or in the image if the mapping
// is nil, and the hits of their strings.
func (r *ruleRun) evaluate(ctx context.Context, in *engine.Interval) error {
	res, err := r.eval.Evaluate(ctx, yara.Scope{
		Memory: r.img.Space, FileSize: r.img.FileSize, FileSizeKnown: !r.img.Live, Empty: in == nil && r.scanner.Bytes() == 0, Variables: r.vars,
	})
	if err != nil {
		return err
	}
	for _, u := range res.Undecided {
		r.account.undecided(u, in)
	}
	var hits hitHeap
	for _, m := range res.Matches {
		r.account.Matched++
		if r.q.Want == WantHits && !r.to.rule(&RuleMatch{m.Rule, in}) {
			return r.to.err
		}
		if !r.q.AllStrings { // otherwise show has handed them on already
			for _, h := range m.Strings {
				hits = r.gather(hits, h)
			}
		}
	}
	if r.q.AllStrings {
		for _, h := range r.eval.JoinedHits() {
			hits = r.gather(hits, h)
		}
	}
	r.account.OutOfMemory = r.account.OutOfMemory || r.eval.OutOfMemory()
	err = r.handOn(ctx, hits)
	r.eval.Reset()
	return err
}

// gather counts the hits of a string where hits are not wanted; otherwise it adds them
// to those that are to be handed on.
func (r *ruleRun) gather(hits hitHeap, h yara.Hits) hitHeap {
	n, k := h.Count, r.nameOf(h.Name)
	wanted := uint64(math.MaxUint64) // how many more may be handed on
	if r.q.MaxHits > 0 {
		wanted = r.q.MaxHits - r.sum.Counts[k]
	}
	if h.Partial && uint64(h.Len()) < wanted {
		r.account.leaveOut(h, "hits from %v on are not known: more of its parts waited for others than there is room for", h.UnknownFrom)
	}
	if r.q.Want != WantHits {
		if n > wanted {
			n, r.sum.Limited = wanted, true
		}
		r.sum.Counts[k] += n
		r.sum.Hits += n
		return hits
	}
	if kept := uint64(h.Len()); n > kept {
		r.account.Limited = true
		if kept < wanted {
			r.account.leaveOut(h, "of %d hits, the first %d were kept", n, kept)
		}
	}
	if h.Len() > 0 {
		hits = append(hits, stringHits{Hits: h, name: k})
	}
	return hits
}

// handOn hands on the hits in order.
func (r *ruleRun) handOn(ctx context.Context, hits hitHeap) error {
	heap.Init(&hits)
	for done := 0; len(hits) > 0; done++ {
		if done&0xfff == 0xfff && ctx.Err() != nil {
			return ctx.Err()
		}
		h := &hits[0]
		a, n := h.At(h.at)
		if c := r.sum.Counts[h.name]; r.q.MaxHits == 0 || c < r.q.MaxHits {
			r.sum.Counts[h.name]++
			r.sum.Hits++
			hit := engine.Hit{Addr: a, Pattern: int(r.patternOfName[h.name]), Len: n, Bytes: r.view.ahead.bytes(a, min(n, engine.HitBytes))}
			if !r.to.hit(r.view.showAs(hit, h.Name, h.Rule)) {
				return r.to.err
			}
		} else {
			r.sum.Limited = true
		}
		if h.at++; h.at == h.Len() {
			heap.Pop(&hits)
		} else {
			heap.Fix(&hits, 0)
		}
	}
	return nil
}

// stringHits is the hits of one string, some of which have been handed on.
type stringHits struct {
	yara.Hits
	name int // the index of the string's name in the summary's names
	at   int // the index of the first hit that was not handed on
}

// hitHeap is a heap of strings. On top is the string whose next hit is the first one in
// order.
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
