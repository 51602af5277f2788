package search

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/budget"
	"vscan/engine/image/layered"
	"vscan/engine/simd"
	"vscan/engine/where"
	"vscan/patterns"
	"vscan/patterns/yara"
)

// Query says what is searched for, where, and how much of what is found is wanted. The
// zero value of each field asks for the usual. A Query is not changed by a search, and
// may run any number of times, also several times at once.
type Query struct {
	// Patterns is what is searched for, besides the strings of Rules. In names and counts
	// the first RulesAt of them stand in front of these, the others behind.
	Patterns []patterns.Pattern
	RulesAt  int

	// Rules, if not nil, are asked once the hits of their strings are known. PerMapping
	// asks them of each mapping by itself, where a match ends with the mapping, and not
	// of the image. The hits of the strings of a rule that matches come behind it;
	// with AllStrings the hits of all strings come as they are found, whether their rule
	// matches or not. Defined has the names of the external variables that the caller
	// gave a value: the image does not set these.
	Rules      *yara.Rules
	PerMapping bool
	AllStrings bool
	Defined    map[string]bool

	// RuleSteps is how many steps the evaluation of all rules in an image may take
	// together, see yara.Limits.TotalSteps; 0: yara.DefaultTotalSteps.
	RuleSteps uint64

	// Runs is for patterns that are runs of printable characters (patterns.TextRuns).
	// It has the encoding of each pattern, and makes the length of a hit that of the
	// whole run, which may be more than the engine measures.
	Runs []patterns.Encoding

	// Align is the alignment that the addresses of hits must have.
	Align Alignment

	// MaxMatch is the most bytes of a match of an expression; 0:
	// patterns.DefaultMaxMatch.
	MaxMatch int

	// Overlapping keeps matches that overlap an earlier one of the same pattern,
	// where the pattern would drop them.
	Overlapping bool

	// Ranges and RangeTexts, where there are any, are the only addresses to search: a
	// match lies wholly in them. RangeTexts are read as package where has it, with the
	// names of the image. In, where there are any, choose the only mappings to search.
	// At, if not nil, has the only addresses at which hits begin.
	Ranges     []addr.Range
	RangeTexts []string
	In         []where.Mappings
	At         Addresses

	// Want says how much of what is found is wanted. MaxHits is the most hits of each
	// pattern, those with the lowest addresses; 0: there is no limit.
	Want    Want
	MaxHits uint64

	// MaxBytes, where it is not 0, is the most bytes of an image that are searched, those
	// with the lowest addresses; zeros that nothing matches do not count. What is left
	// out is in Summary.Beyond.
	MaxBytes uint64

	// HitBytes is the most bytes that come with a hit; 0 stands for engine.HitBytes,
	// and a number below 0 for none. Decode adds the text and the key of hits, and,
	// only together with it, Around adds so many bytes before and after them.
	HitBytes int
	Decode   bool
	Around   uint64

	// Budget is asked for the memory of a search before it is spent: by Prepare for the
	// compiled set and the scan, by a run for the hits of rules. What Prepare has taken
	// Search.Close gives back. Nil has no limit.
	Budget *budget.Budget

	// Cache, if not nil, keeps what the query was compiled to for one image, for other
	// images that have the same word size and byte order: with many images, compiling is
	// most of the time. Copies of the query may share it.
	Cache *Cache

	// These are as in engine.Options.
	Workers   int
	ShardSize uint64
	Kernel    simd.Level
	Pace      func(ctx context.Context, bytes uint64)
	Turn      func(ctx context.Context) (over func())
}

// Want is how much of what is found is wanted.
type Want uint8

const (
	WantHits  Want = iota // every hit, in order
	WantCount             // how many hits there are of each pattern
	WantAny               // whether there is a hit: the search ends at the first, which the sink does not get
)

// Alignment is what the addresses of hits are multiples of. The zero value leaves that
// to each pattern.
type Alignment struct {
	Bytes uint64 // 0: each pattern has its own
	Word  bool   // whether it is the image's word; Bytes does not count then
}

// ErrNoWord says that Alignment.Word was asked for of an image that does not say its
// word size.
var ErrNoWord = errors.New("the image does not say its word size, which alignment to words needs")

// A RangeError says that a text of Query.RangeTexts is no range in the image.
type RangeError struct{ Err error }

func (e *RangeError) Error() string { return e.Err.Error() }
func (e *RangeError) Unwrap() error { return e.Err }

// A ChoiceError says that no mapping is one of those that Query.In chooses.
type ChoiceError struct{ Choice where.Mappings }

func (e *ChoiceError) Error() string {
	return fmt.Sprintf("%v: no mapping has this name or these permissions", e.Choice)
}

// Run searches an image, as Prepare and Search.Run do. The Summary is nil where the search
// could not begin. Errors do not name the image.
func (q *Query) Run(ctx context.Context, img *layered.Image, sink Sink) (*Summary, error) {
	s, err := q.Prepare(ctx, img)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	return s.Run(ctx, sink)
}

// Search is a Query that was compiled for an image. The image has to stay open as long as
// the Search is used.
type Search struct {
	q       *Query
	img     *layered.Image
	opt     engine.Options
	scanner *engine.Scanner
	budget  *budget.Budget // a share of the query's
	cache   *Cache         // the query's; where that has none, one of this search
	closed  bool
	*compiled
}

// Prepare compiles the query for an image. Errors are a *RangeError, a *ChoiceError,
// a *ClashError, a *budget.Error, ErrNoWord, those of patterns.Compile and engine.Compile, and that of ctx. A RulesAt that
// is no number of Patterns is one, too.
func (q *Query) Prepare(ctx context.Context, img *layered.Image) (*Search, error) {
	return q.prepare(ctx, &Search{q: q, img: img, budget: q.Budget.Share(), cache: q.Cache}, func(*engine.Options) {})
}

// prepare does what Prepare does, for a search that has its query, image and budget, and may
// have a cache; adjust changes the options of the scan.
func (q *Query) prepare(ctx context.Context, s *Search, adjust func(*engine.Options)) (_ *Search, err error) {
	if q.RulesAt < 0 || q.RulesAt > len(q.Patterns) {
		return nil, fmt.Errorf("the strings of rules cannot stand behind %d of %d patterns", q.RulesAt, len(q.Patterns))
	}
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	if s.cache == nil {
		s.cache = cacheOfOne(s.budget)
	}
	about, err := q.Target(s.img)
	if err != nil {
		return nil, err
	}
	if s.opt, err = q.options(s.img); err != nil {
		return nil, err
	}
	adjust(&s.opt)
	if s.compiled, err = s.cache.compiled(ctx, s, about); err != nil {
		return nil, err
	}
	if q.At != nil {
		q.At.restrict(&s.opt, s.set)
	}
	s.opt.Budget = s.budget
	if s.scanner, err = s.engine.Scanner(ctx, s.img.Space, s.opt); err != nil {
		return nil, err
	}
	return s, nil
}

// A ClashError says that a pattern has the name of a rule's string, so that their hits
// could not be told apart.
type ClashError struct {
	Pattern *patterns.Pattern
	Rule    *yara.Rule
}

func (e *ClashError) Error() string {
	return fmt.Sprintf("the pattern %s has the name of a string of the rule %s (%s:%d): give it another NAME=", e.Pattern.Name, e.Rule.FullName(), e.Rule.File, e.Rule.Line)
}

// clash returns an error where a pattern has the name of a string of the rules. If both
// looked for the same, they would be one pattern, whose hits are those of the rule, and none
// where the rule does not match.
func (q *Query) clash() error {
	if q.Rules == nil || len(q.Patterns) == 0 {
		return nil
	}
	names := map[string]*yara.Rule{}
	for i, p := range q.Rules.Patterns() {
		owners := q.Rules.Owners(i)
		for j, name := range q.Rules.Names(i) {
			names[name] = owners[j]
		}
		if _, ok := names[p.Name]; !ok { // of a private string, or a part of one
			names[p.Name] = q.Rules.RuleOf(i)
		}
	}
	for i := range q.Patterns {
		if r := names[q.Patterns[i].Name]; r != nil {
			return &ClashError{&q.Patterns[i], r}
		}
	}
	return nil
}

// Close gives back what the search has taken of Query.Budget. The search must not be used any
// more.
func (s *Search) Close() {
	if !s.closed {
		s.closed = true
		s.cache.done(s.compiled)
		s.budget.Release()
	}
}

// Image returns the image that is searched.
func (s *Search) Image() *layered.Image { return s.img }

// Bytes returns how many bytes the search looks at if it is not ended early.
func (s *Search) Bytes() uint64 { return s.scanner.Bytes() }

// Work returns how many of Bytes take time: all but the zeros that nothing matches. Of an
// image that shows the same bytes of a file at many addresses, or of a file with holes,
// that may be far more than layered.Image.OnDisk tells.
func (s *Search) Work() uint64 { return s.scanner.Work() }

// Progress returns counters of how far the search has come, which may be read while it
// runs.
func (s *Search) Progress() *engine.Progress { return s.opt.Progress }

// AllPatterns returns what is searched for, with the strings of rules. RulesAt has to be
// from 0 to the number of Patterns. The caller must not change it.
func (q *Query) AllPatterns() []patterns.Pattern {
	if q.Rules == nil {
		return q.Patterns
	}
	if len(q.Patterns) == 0 {
		return q.Rules.Patterns()
	}
	return slices.Concat(q.Patterns[:q.RulesAt], q.Rules.Patterns(), q.Patterns[q.RulesAt:])
}

// Target returns what patterns have to know of an image and of the query to be
// compiled. The error is ErrNoWord.
func (q *Query) Target(img *layered.Image) (patterns.Target, error) {
	about := img.Target()
	about.Align, about.MaxMatch = q.Align.Bytes, q.MaxMatch
	if q.Align.Word {
		if img.WordSize == 0 {
			return about, ErrNoWord
		}
		about.Align = uint64(img.WordSize)
	}
	return about, nil
}

// options returns the options of the scan of an image.
func (q *Query) options(img *layered.Image) (engine.Options, error) {
	opt := engine.Options{
		Workers: q.Workers, ShardSize: q.ShardSize, Kernel: q.Kernel,
		MaxBytes: q.MaxBytes, Overlapping: q.Overlapping, Progress: &engine.Progress{}, Pace: q.Pace, Turn: q.Turn,
		PerMapping: q.Rules != nil && q.PerMapping, WithoutBytes: q.Want != WantHits && q.Rules == nil,
	}
	ranges, err := where.ParseRanges(img.Space.Places(), q.RangeTexts)
	if err != nil {
		return opt, &RangeError{err}
	}
	opt.Ranges = slices.Concat(q.Ranges, ranges)
	for _, c := range q.In {
		if !c.Some(img.Space) {
			return opt, &ChoiceError{c}
		}
	}
	if len(q.In) > 0 {
		opt.Where = func(m *engine.Mapping) bool {
			return slices.ContainsFunc(q.In, func(c where.Mappings) bool { return c.Has(m) })
		}
	}
	return opt, nil
}

// hitBytes returns the most bytes that come with a hit.
func (q *Query) hitBytes() int {
	if q.HitBytes == 0 {
		return engine.HitBytes
	}
	return max(q.HitBytes, 0)
}
