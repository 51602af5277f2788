package search

import (
	"context"
	"sync"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/budget"
	"vscan/engine/simd"
	"vscan/patterns"
	"vscan/patterns/yara"
)

// Cache keeps what queries were compiled to, for other images: the set of patterns and what
// looks for it, which depend on the word size and the byte order of an image and on nothing
// else of it. What depends on the memory of an image, such as what of it is scanned, each
// Search has of its own, and so is all of a query that has a pattern with the name of a
// mapping in it (ptr:@heap). Results are the same with a Cache as without.
//
// It is safe for concurrent use: of several searches that need the same at a time, one
// compiles and the others wait. What it keeps counts in its budget once, until Close; where
// memory is short, whatever for, the sets that no search uses are dropped.
//
// A query and its copies share a Cache, as long as nothing is changed in their Patterns.
type Cache struct {
	budget *budget.Budget
	mu     sync.Mutex
	kept   map[cacheKey]*cached
	forget func() // ends that the budget asks for what no search uses
}

// NewCache returns a Cache that has nothing yet. What it will keep it asks of a budget, which
// is that of the queries. Nil has no limit.
func NewCache(b *budget.Budget) *Cache {
	c := cacheOfOne(b)
	c.forget = b.Spare(c.dropIdle)
	return c
}

// cacheOfOne returns a Cache for one search, whose budget it has. It need not be closed.
func cacheOfOne(b *budget.Budget) *Cache {
	return &Cache{budget: b, kept: map[cacheKey]*cached{}, forget: func() {}}
}

// Close gives back what the cache has taken of its budget. No search may use it any more. Nil
// has nothing to give back.
func (c *Cache) Close() {
	if c == nil {
		return
	}
	c.forget()
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, k := range c.kept {
		k.budget.Release()
		delete(c.kept, key)
	}
}

// cacheKey is all that what a query is compiled to depends on.
type cacheKey struct {
	patterns    *patterns.Pattern // the first of as many as number; nil where there is none
	number      int
	rules       *yara.Rules
	rulesAt     int
	kernel      simd.Level
	overlapping bool
	noBytes     bool

	wordSize   int
	order      addr.ByteOrder
	orderKnown bool
	align      uint64
	maxMatch   int
}

func keyOf(q *Query, about *patterns.Target, opt *engine.Options) cacheKey {
	return cacheKey{
		patterns: firstOf(q.Patterns), number: len(q.Patterns), rules: q.Rules, rulesAt: q.RulesAt, kernel: opt.Kernel, overlapping: opt.Overlapping, noBytes: opt.WithoutBytes,
		wordSize: about.WordSize, order: about.Order, orderKnown: about.OrderKnown, align: about.Align, maxMatch: about.MaxMatch,
	}
}

// firstOf returns where a list begins, nil for an empty one.
func firstOf(pats []patterns.Pattern) *patterns.Pattern {
	if len(pats) == 0 {
		return nil
	}
	return &pats[0]
}

// cached is what was compiled for a key, or will be.
type cached struct {
	ready  chan struct{} // is closed once made is there, or there will be none
	made   *compiled     // nil where compiling failed, or ofOne is set
	ofOne  bool          // each image needs its own: a pattern has the name of a mapping
	budget *budget.Budget
	users  int // how many searches use it or wait for it; guarded by Cache.mu
}

// compiled returns what the query of a search is compiled to for its image, about which
// patterns know what about says.
func (c *Cache) compiled(ctx context.Context, s *Search, about patterns.Target) (*compiled, error) {
	key := keyOf(s.q, &about, &s.opt)
	for {
		k, first := c.take(key)
		if first {
			return c.fill(ctx, s, about, key, k)
		}
		select {
		case <-k.ready:
		case <-ctx.Done():
			c.leave(k)
			return nil, context.Cause(ctx)
		}
		switch {
		case k.made != nil:
			return k.made, nil
		case k.ofOne:
			c.leave(k)
			opt := s.opt
			about.Budget, opt.Budget = s.budget, s.budget
			return compile(ctx, s.q, about, opt)
		}
		c.leave(k) // who compiled it failed, perhaps since its context ended
	}
}

// take returns what there is for a key, with one more user, and whether it is new, so that the
// caller has to fill it.
func (c *Cache) take(key cacheKey) (k *cached, first bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if k = c.kept[key]; k == nil {
		k, first = &cached{ready: make(chan struct{}), budget: c.budget.Share()}, true
		c.kept[key] = k
	}
	k.users++
	return k, first
}

// leave says that one user less has k.
func (c *Cache) leave(k *cached) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k.users--
}

// fill compiles the query of a search, for which k is new in the cache.
func (c *Cache) fill(ctx context.Context, s *Search, about patterns.Target, key cacheKey, k *cached) (made *compiled, err error) {
	keep := false
	defer func() { // also where compiling panics
		if !keep {
			c.mu.Lock()
			delete(c.kept, key)
			c.mu.Unlock()
			k.budget.Release()
		}
		close(k.ready)
	}()
	find := about.Mapping
	if find != nil {
		about.Mapping = func(name string) ([]addr.Range, error) {
			k.ofOne = true
			return find(name)
		}
	}
	opt := s.opt
	about.Budget, opt.Budget = k.budget, k.budget
	made, err = compile(ctx, s.q, about, opt)
	switch {
	case err != nil:
		return nil, err
	case !k.ofOne:
		k.made, made.of, keep = made, k, true
		return made, nil
	}
	// That each image needs its own is kept. What was compiled is this search's, and so is
	// its share of the budget.
	taken := k.budget.Taken()
	k.budget.Release()
	if err := s.budget.Take(taken, "the compiled set"); err != nil {
		return nil, err
	}
	keep = true
	c.leave(k)
	return made, nil
}

// done says that a search uses what was compiled no more. made may be nil.
func (c *Cache) done(made *compiled) {
	if made != nil && made.of != nil {
		c.leave(made.of)
	}
}

// dropIdle drops what no search uses, and reports whether there was any.
func (c *Cache) dropIdle() (some bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, k := range c.kept {
		if k.users == 0 && k.made != nil {
			k.budget.Release()
			delete(c.kept, key)
			some = true
		}
	}
	return some
}

// compiled is what a query is compiled to, for all images of a word size and a byte order. It
// does not change, but for the evaluators of rules, which go on from one run to the next.
type compiled struct {
	set    *patterns.Set
	engine *engine.Compiled
	of     *cached // where a cache keeps it, what it is there; else nil

	names                        // of hits
	ruleIndex     []int          // by pattern of the set: its index in the rules' patterns; −1: it is none of them
	patternOfName []int32        // by index in names.all: the pattern of the set; nil where there are no rules
	named         sync.Once      // makes ruleNames
	ruleNames     map[string]int // index in names.all, by name
	evaluators    sync.Pool      // of *yara.Evaluator, of runs that are done
}

// names are the names of the hits of a set: see Summary.
type names struct {
	all     []string // Summary.Names
	first   []int    // by pattern: the index in all of its first name
	own     []string // by pattern: its own name
	longest []int    // Summary.LongestMatch
}

// compile compiles a query. Of the options of the scan, those of engine.CompileSet count.
func compile(ctx context.Context, q *Query, about patterns.Target, opt engine.Options) (*compiled, error) {
	if err := q.clash(); err != nil {
		return nil, err
	}
	set, err := patterns.Compile(ctx, q.AllPatterns(), about)
	if err != nil {
		return nil, err
	}
	c := &compiled{set: set}
	if c.engine, err = engine.CompileSet(ctx, set, opt); err != nil {
		return nil, err
	}
	c.index(q)
	return c, nil
}

// index sets the names of the set's hits, and what tells which of its patterns are strings of
// rules, and which names are theirs. The set has the query's patterns in their order, but for
// those that are there twice.
func (c *compiled) index(q *Query) {
	all, set := q.AllPatterns(), c.set.Patterns()
	n := &c.names
	n.first, n.own, n.longest = make([]int, 0, len(set)), make([]string, 0, len(set)), make([]int, len(set))
	n.all = make([]string, 0, len(set))
	if q.Rules != nil {
		c.ruleIndex, c.patternOfName = make([]int, 0, len(set)), make([]int32, 0, len(set))
	}
	at := 0
	for i := range set {
		name := set[i].Name
		for all[at].Name != name {
			at++
		}
		n.first, n.own = append(n.first, len(n.all)), append(n.own, name)
		names, index := q.namesAt(all, at)
		n.all = append(n.all, names...)
		if q.Rules != nil {
			c.ruleIndex = append(c.ruleIndex, index)
			for range names {
				c.patternOfName = append(c.patternOfName, int32(i))
			}
		}
	}
	for _, e := range c.set.Exprs() {
		n.longest[e.Pattern] = max(n.longest[e.Pattern], e.MaxLen)
	}
}

// nameOf returns the index of a name of a rule's string in names.all.
func (c *compiled) nameOf(name string) int {
	c.named.Do(func() {
		c.ruleNames = make(map[string]int, len(c.all))
		for i, name := range c.all {
			c.ruleNames[name] = i
		}
	})
	return c.ruleNames[name]
}

// evaluator returns an evaluator of rules that nobody uses.
func (c *compiled) evaluator(rules *yara.Rules, l yara.Limits) *yara.Evaluator {
	if e, ok := c.evaluators.Get().(*yara.Evaluator); ok && e.Reuse(l) {
		return e
	}
	return rules.NewEvaluator(l)
}
