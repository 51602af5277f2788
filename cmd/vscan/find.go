package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"vscan/cmd/vscan/internal/cli"
	"vscan/cmd/vscan/internal/report"
	"vscan/engine/budget"
	"vscan/engine/where"
	"vscan/patterns"
	"vscan/patterns/sets"
	"vscan/patterns/yara"
)

const findHelp = `find prints every occurrence of the patterns, in ascending order of address,
overlapping ones too, and also those that run from one mapping into the next.

A pattern is KIND[/FLAGS]:BODY, with NAME= in front if it is to have a name.
What does not start with a known kind is literal text. vscan help patterns has all of it.

  text:BODY           with escapes \xNN \n \0 \\; flags i (the case of ASCII
                      letters does not count), w UTF-16LE, W UTF-16BE, a plain
                      bytes as well, f full word, x xor with any byte, b base64
  hex:BODY            pairs of hexadecimal digits, ? any digit, ~ not, [4-6]
                      jumps, [-] any number of bytes up to --max-match in all,
                      ( A | B ) alternatives
  u8 u16 u32 u64      a number, VALUE or a range; le or be behind the type sets
  i8 i16 i32 i64      the byte order (default that of the image)
  f32 f64             likewise, VALUE, LO..HI or VALUE~TOLERANCE
  ptr:TARGET          words that hold an address: ADDR, a range, or @NAME of a
                      mapping (@mapped: anything mapped) or @NAME+OFFSET in it;
                      aligned to the word
  re:EXPRESSION       a regular expression on bytes, of RE2's syntax, not Perl's
                      (no looking around, no back references); flags i, s, m;
                      w W on characters of UTF-16, a on bytes as well
  aes:BITS            key schedules of AES with 128, 192 or 256 bits; with flag d
                      up to 10 bits of them may be wrong, d(N): N bits

Numbers are shown decoded: behind the bytes in text, as value in jsonl and csv;
in jsonl it is a string, for numbers of JSON lose them above 2^53. Of aes it is
the key. There are also the bytes as text, and the key of flag x. Hits that
--max-match may have cut off are told at the end.

In a file of patterns (-f) a line @except re:EXPRESSION drops the matches of the
re: pattern in front of it in which EXPRESSION is found, ^ and $ being the ends of the
match; @except-all does so for all re: patterns that follow. How many were dropped is
told, --no-exceptions prints them. The set secrets drops placeholders so.

With -e, -f, -F or --set all arguments are images. A pattern that begins with - goes
behind -e or --.

With -r, folders stand for the images below them. Files of no known format are
passed over there and told at the end, unless --image-format raw takes them as
they are; a dump that cannot be read makes the exit code 3.

YARA rules of all files are one set, as with yara: a rule may refer to those above it,
and a name stands for one rule, unless -f NAMESPACE:FILE keeps files apart. A rule
that is wrong, or that needs what vscan does not have, is left out, told, and makes
the exit code 3; vscan rules check tells of all. --rule-steps bounds what all rules
of an image may take; rules that come behind are undecided, which is 3 as well. -d sets
external variables; filename, filepath, extension and owner are those of the image's
file without that.

With -q the exit code is 0 as soon as there is a hit, whatever is wrong with other
images. With -l and -L it tells of hits, as always.`

func (a *commands) findCommand() *cobra.Command {
	var f searchFlags
	var p patternArgs
	var explain bool
	cmd := &cobra.Command{
		Use:   "find [flags] PATTERN IMAGE...",
		Short: "Search for patterns",
		Long:  findHelp,
		Example: `  vscan find 'password=' core.1234
  vscan find -e key=hex:deadbeef -e 'text/w:secret' core.1234
  vscan find u32le:0x1000..0x1fff --in '[heap]' core.1234
  vscan find -F words.txt -c -o jsonl memory.lime
  vscan find 'Linux version ' guest.raw@0x100000 --range 0..4294967295
  vscan find 'usage:' core.1234 --under ./prog
  vscan find 'usage:' core.1234 --modules
  vscan find -r -l -i PASSWORD= dumps
  vscan find --only-matching 're:https?://[!-~]+' core.1234 | sort | uniq -c
  vscan find -f ours:rules.yar -f theirs:rules -d level=3 core.1234
  vscan find -q hunter2 pid:1234 && echo "it is in memory"`,
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			p.noImages = explain
			pats, images, err := a.readQuestion(cmd, &f, &p, args)
			if err != nil {
				return err
			}
			if f.matchOnly && !cmd.Flags().Changed("bytes") {
				f.bytes = report.MaxHitBytes
			}
			if explain {
				return a.explain(cmd.Context(), &f, pats, images)
			}
			if err := p.readAt(cmd.Context(), &f); err != nil {
				return err
			}
			return a.search(cmd.Context(), &f, pats, images)
		},
	}
	p.register(cmd, &f)
	fs := cmd.Flags()
	fs.VarPF(listFlag{&f.list, "with"}, "files-with-matches", "l", "print the names of the images with a hit, and nothing else").NoOptDefVal = "true"
	fs.VarPF(listFlag{&f.list, "without"}, "files-without-match", "L", "print the names of the images without a hit, of those that could be looked at as a whole").NoOptDefVal = "true"
	fs.BoolVar(&f.matchOnly, "only-matching", false, "print nothing but the bytes of hits as they are, a line each")
	fs.BoolVarP(&f.recursive, "recursive", "r", false, "search the images below folders, and those that a pattern of names has ('dumps/*.core'); what is hidden, links and files of no known format are passed over")
	p.registerAt(cmd)
	fs.BoolVar(&explain, "explain", false, "print how each pattern would be looked for, and search nothing; goes without an image")
	f.register(a, cmd)
	return cmd
}

// register adds the flags that say what is searched for.
func (p *patternArgs) register(cmd *cobra.Command, f *searchFlags) {
	fs := cmd.Flags()
	fs.SortFlags = false
	fs.StringArrayVarP(&p.exprs, "pattern", "e", nil, "search for `PATTERN`; repeatable")
	fs.StringArrayVarP(&p.files, "file", "f", nil, "search for the patterns of `FILE`, one a line, # for comments, or for YARA rules: a .yar or .yara, NAMESPACE:FILE, or those below a folder; - is standard input; repeatable")
	registerDefine(cmd, &p.defines)
	registerInclude(cmd, &p.includeAnywhere)
	f.ruleScope = "image"
	cli.ChoiceVar(cmd, &f.ruleScope, "rule-scope", "", "what YARA rules are asked of, `WHAT`: the image, or each mapping by itself", "image", "mapping")
	fs.Var(cli.NewNumber(&f.RuleSteps, 1, math.MaxUint64), "rule-steps", fmt.Sprintf("evaluate at most `N` steps, about one an operator, of all YARA rules in an image (default %d); rules that come behind are undecided", uint64(yara.DefaultTotalSteps)))
	fs.BoolVar(&f.AllStrings, "all-strings", false, "print the hits of the strings of all YARA rules, not only of those that match, as they are found")
	fs.StringArrayVar(&p.sets, "set", nil, "search for the patterns of the built-in set `NAME`: see vscan sets; repeatable")
	cmd.RegisterFlagCompletionFunc("set", completeSets)
	fs.StringArrayVarP(&p.literals, "fixed", "F", nil, "search for the lines of `FILE` as they stand; - is standard input; repeatable")
	fs.BoolVarP(&f.caseless, "ignore-case", "i", false, "the case of ASCII letters does not count in any pattern, as with flag i")
	fs.BoolVarP(&f.fullWords, "full-words", "w", false, "only full words, of every pattern, as with flag f: no ASCII letter or digit on either side")
	fs.BoolVar(&f.noExcept, "no-exceptions", false, "print also the matches that an exception of their pattern drops (@except in a file of patterns): placeholders, known examples")
}

// registerAt adds the flag --at.
func (p *patternArgs) registerAt(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&p.at, "at", nil, "only where an earlier search hit: at the addresses of the hits in `FILE`, its output as jsonl; - is standard input; repeatable")
}

// readAt reads the files of --at, if there are any.
func (p *patternArgs) readAt(ctx context.Context, f *searchFlags) (err error) {
	if len(p.at) > 0 {
		f.At, err = readHits(ctx, p.at, p.stdin, p.budget)
	}
	return err
}

// readQuestion reads what flags and arguments ask, and returns the patterns, besides those
// of rules, and the arguments that are images.
func (a *commands) readQuestion(cmd *cobra.Command, f *searchFlags, p *patternArgs, args []string) ([]patterns.Pattern, []string, error) {
	p.stdin = readUntil(cmd.Context(), cmd.InOrStdin())
	a.Begin("reading patterns")
	p.budget = a.Budget()
	defer a.ReadsMuch()()
	pats, images, err := p.split(cmd, args)
	if err != nil {
		return nil, nil, err
	}
	f.Rules, f.RulesAt, f.ruleFiles, f.Defined = p.rules, p.rulesAt, p.ruleFiles, p.defined
	f.image.Empty = f.Rules != nil
	if f.Rules == nil && (f.AllStrings || len(p.defines) > 0 || cmd.Flags().Changed("rule-scope") || f.RuleSteps > 0) {
		return nil, nil, cli.UsageError(cmd, "--all-strings, --rule-scope, --rule-steps and -d go with YARA rules: -f FILE.yar")
	}
	if f.ruleScope == "mapping" && p.others > 0 {
		return nil, nil, cli.UsageError(cmd, "--rule-scope mapping searches each mapping by itself, where a match ends with the mapping: search for patterns that are no rules apart")
	}
	if err := noFolders(images, f.recursive); err != nil {
		return nil, nil, err
	}
	if pats, err = f.modify(cmd.Context(), pats); err != nil {
		return nil, nil, err
	}
	if !f.quiet {
		a.noteLeftOut(f)
		a.noteTrailing(pats)
	}
	if err := f.requireRule(p.ruleArgs); err != nil {
		if f.quiet {
			a.noteLeftOut(f)
		}
		return nil, nil, err
	}
	return pats, images, nil
}

// listFlag is the flag -l or -L. Where both are given, the last one counts.
type listFlag struct {
	*string        // searchFlags.list
	is      string // what the flag sets it to
}

func (l listFlag) Type() string     { return "bool" }
func (l listFlag) String() string   { return "false" }
func (l listFlag) IsBoolFlag() bool { return true }

func (l listFlag) Set(s string) error {
	on, err := strconv.ParseBool(s)
	if err == nil && on {
		*l.string = l.is
	}
	return err
}

// modify returns the patterns with what -i, -w and --no-exceptions ask of all of them.
// The error joins one error for each pattern that cannot do so.
func (f *searchFlags) modify(ctx context.Context, pats []patterns.Pattern) ([]patterns.Pattern, error) {
	if f.noExcept {
		for i, p := range pats {
			pats[i] = p.WithoutExceptions()
		}
	}
	flags, names := "", ""
	if f.caseless {
		flags, names = "i", "-i"
	}
	if f.fullWords {
		flags, names = flags+"f", strings.TrimPrefix(names+" and -w", " and ")
	}
	if flags == "" {
		return pats, nil
	}
	if f.Rules != nil {
		return nil, fmt.Errorf("%s: YARA rules say of each string what counts (nocase, fullword): search for patterns that are no rules apart", names)
	}
	var errs []error
	for i, p := range pats {
		if i%1024 == 0 && ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		q, err := p.WithFlags(flags)
		if err != nil {
			err = fmt.Errorf("%s: %w", names, err)
		}
		pats[i] = q
		errs = append(errs, err)
	}
	return pats, errors.Join(errs...)
}

// patternArgs are the arguments that give find its patterns.
type patternArgs struct {
	exprs, files, literals, sets []string
	at                           []string  // files of earlier hits
	stdin                        io.Reader // what is read for the file -
	noImages                     bool      // whether the command runs without an image

	ruleReader
	others  int // how many patterns there are that are not from rules
	rulesAt int // how many of them stand in front of the first file of rules
}

// split returns the patterns that flags and arguments give, besides those of rules, and
// the arguments that are images. The error joins what is wrong with any of the patterns. The end of the
// command's context ends the reading.
func (p *patternArgs) split(cmd *cobra.Command, args []string) ([]patterns.Pattern, []string, error) {
	ctx := cmd.Context()
	if len(p.exprs)+len(p.files)+len(p.literals)+len(p.sets) == 0 {
		if len(args) == 0 {
			return nil, nil, cli.UsageError(cmd, "no pattern and no image given: vscan find PATTERN IMAGE...")
		}
		p.exprs, args = args[:1], args[1:]
	}
	if len(args) == 0 && !p.noImages {
		return nil, nil, cli.UsageError(cmd, "no image given: with -e, -f, -F or --set all arguments are images, else all but the first")
	}
	var pats []patterns.Pattern
	var errs []error
	add := func(more []patterns.Pattern, err error) {
		pats = append(pats, more...)
		p.others += len(more)
		errs = append(errs, err)
	}
	errs = append(errs, p.define())
	for _, e := range p.exprs {
		pat, err := patterns.Parse(e)
		add([]patterns.Pattern{pat}, err)
	}
	for _, name := range p.files {
		if arg, ok := ruleArgOf(name); ok {
			if len(p.ruleArgs) == 0 {
				p.rulesAt = len(pats)
			}
			errs = append(errs, p.add(ctx, arg))
			continue
		}
		add(p.readPatterns(ctx, name, includesOf(name, p.includeAnywhere).parseIncluding))
	}
	for _, name := range p.literals {
		add(p.readPatterns(ctx, name, patterns.ParseLiterals))
	}
	for _, name := range p.sets {
		set, err := sets.Get(name)
		if err != nil {
			errs = append(errs, fmt.Errorf("--set: %w", err))
			continue
		}
		add(set.Patterns())
	}
	errs = append(errs, p.finish(ctx))
	if ctx.Err() != nil {
		return nil, nil, context.Cause(ctx)
	}
	return pats, args, errors.Join(errs...)
}

// readPatterns returns the patterns of a file. A file without a pattern is an error.
func (p *patternArgs) readPatterns(ctx context.Context, name string, parse func(context.Context, string, io.Reader) ([]patterns.Pattern, error)) ([]patterns.Pattern, error) {
	pats, err := readFile(ctx, p.stdin, name, func(ctx context.Context, name string, r io.Reader) ([]patterns.Pattern, error) {
		m := &meteredReader{r: r, budget: p.budget}
		pats, err := parse(ctx, name, m)
		return pats, cmp.Or(m.err, err)
	})
	if over := (*budget.Error)(nil); errors.As(err, &over) {
		return nil, fmt.Errorf("%s: %w", fileName(name), err)
	}
	if err == nil && len(pats) == 0 {
		err = fmt.Errorf("%s: no pattern in the file", fileName(name))
	}
	return pats, err
}

// lineBytes is about how many bytes of memory a pattern takes besides those of its line.
const lineBytes = 230

// meteredReader asks a budget for the memory of patterns before their lines are read.
type meteredReader struct {
	r      io.Reader
	budget *budget.Budget
	err    error // that of the budget
}

func (m *meteredReader) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	need := uint64(2*n) + lineBytes*uint64(bytes.Count(p[:n], []byte{'\n'}))
	if m.err == nil {
		m.err = m.budget.Take(need, "the patterns of the file")
	}
	if m.err != nil {
		return 0, m.err
	}
	return n, err
}

func (a *commands) refsCommand() *cobra.Command {
	var f searchFlags
	cmd := &cobra.Command{
		Use:   "refs [flags] IMAGE TARGET...",
		Short: "Search for words that point at an address, a range or a mapping",
		Long: `refs prints the words whose value is an address in one of the targets: an
address, a range, or the name of a mapping (@NAME, or NAME; the last part of a
path will do). Addresses may be places, as libc.so.6+0x1d2000. Words are aligned and have the image's word size and byte order;
--align 1 looks everywhere.`,
		Example: `  vscan refs core.1234 0x7f3a5c001000
  vscan refs core.1234 0x7f3a5c001000+4096
  vscan refs core.1234 '[heap]+0x10..[heap]+0x2f'
  vscan refs core.1234 @libc.so.6 --in '[heap]'`,
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) < 2 {
				return cli.UsageError(cmd, "want an image and at least one target: vscan refs IMAGE TARGET...")
			}
			var pats []patterns.Pattern
			var errs []error
			for _, target := range args[1:] {
				p, err := refPattern(target)
				pats, errs = append(pats, p), append(errs, err)
			}
			if err := errors.Join(errs...); err != nil {
				return err
			}
			return a.search(cmd.Context(), &f, pats, args[:1])
		},
	}
	f.register(a, cmd)
	return cmd
}

// refPattern returns the pattern of the words that point at a target. Where an end of a
// range is named and not a number, the image has to say where it is, so the pattern
// holds the text.
func refPattern(target string) (patterns.Pattern, error) {
	if strings.HasPrefix(target, "@") || !where.IsRange(target) || where.Numeric(target) {
		return patterns.ParsePointer(target)
	}
	p, err := patterns.ParsePointer("@" + target)
	p.Name, p.Written = target, target
	return p, err
}
