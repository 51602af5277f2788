package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"vscan/cmd/vscan/internal/cli"
	"vscan/cmd/vscan/internal/report"
	"vscan/engine"
	"vscan/engine/budget"
	"vscan/engine/simd"
	"vscan/internal/wording"
	"vscan/patterns"
	"vscan/patterns/yara"
)

func (a *commands) rulesCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:                   "rules COMMAND",
		Short:                 "Check files of YARA rules",
		Long:                  `rules has what there is to do with YARA rules besides find -f: see its commands.`,
		DisableFlagsInUseLine: true,
		Args:                  cli.NoSuchCommand,
		RunE:                  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.rulesCheckCommand())
	return cmd
}

const rulesCheckHelp = `check reads files of YARA rules as find -f does (FILE, NAMESPACE:FILE, or a folder)
and tells of each rule, without an image: that it runs; that it is slow, and for
which string; or that it is left out, and why. All files are one set.

A string is slow where nothing in it is rare: it has no literal, or one that memory
is full of, as { 00 00 }. All of memory is looked at for it, or a good part.

Columns of text: FILE:LINE:COLUMN, the rule, what it does, why. A rule is slow, not
broken: it runs. With -o jsonl there is an object a rule: type (rule_check), rule,
namespace, file, line, [column], status (runs, slow, left_out), [reason], [slow: array
of string, reason].

Exit codes: 0 all rules run, 3 some are left out, 2 all are, there is none, or a file
cannot be read.`

func (a *commands) rulesCheckCommand() *cobra.Command {
	var r ruleReader
	format := "text"
	cmd := &cobra.Command{
		Use:   "check [flags] FILE...",
		Short: "Tell which rules run, which are slow, and which are left out, and why",
		Long:  rulesCheckHelp,
		Example: `  vscan rules check rules.yar
  vscan rules check -d level=3 ours:rules.yar theirs:rules
  vscan rules check -o jsonl rules.yar`,
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cli.UsageError(cmd, "want at least one file of rules")
			}
			r.budget = a.Budget()
			return a.checkRules(cmd.Context(), &r, args, format)
		},
	}
	registerDefine(cmd, &r.defines)
	registerInclude(cmd, &r.includeAnywhere)
	a.MemoryVar(cmd)
	cli.ChoiceVar(cmd, &format, "output", "o", "`FORMAT`: text or jsonl", "text", "jsonl")
	cli.ChoiceVar(cmd, &format, "format", "", "the same as --output", "text", "jsonl")
	cmd.Flags().MarkHidden("format")
	return cmd
}

// check reads the files that are named and returns what there is to tell of each rule.
// The error clash says that rules of several files have one name; it keeps no rule from
// being checked.
func (r *ruleReader) check(ctx context.Context, args []string) (checks []ruleCheck, clash, err error) {
	if err := r.define(); err != nil {
		return nil, nil, err
	}
	var errs []error
	for _, name := range args {
		arg, ok := ruleArgOf(name)
		if !ok {
			arg = ruleArg{text: name, path: name}
		}
		errs = append(errs, r.add(ctx, arg))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, nil, err
	}
	if clash = r.finish(ctx); ctx.Err() != nil {
		return nil, nil, context.Cause(ctx)
	}
	checks, err = checksOf(ctx, r.rules, r.budget)
	return checks, clash, err
}

// checkRules prints what there is to tell of each rule of some files.
func (a *commands) checkRules(ctx context.Context, r *ruleReader, args []string, format string) error {
	a.Begin("reading rules")
	checks, clash, err := r.check(ctx, args)
	if err != nil {
		return err
	}
	if format == "jsonl" {
		err = checksAsJSON(a.Out, checks)
	} else {
		err = checksAsText(a.Out, checks, a.Out.ToTerminal)
	}
	switch {
	case err != nil:
		return err
	case clash != nil:
		return clash
	case r.rules.Len() == 0:
		return noRule(r.rules, r.ruleArgs)
	}
	count := map[string]int{}
	for _, c := range checks {
		count[c.Status]++
	}
	a.Note("%s: %d run, %d of them slow; %d left out", wording.Count(uint64(len(checks)), "rule"), r.rules.Len(), count[statusSlow], count[statusLeftOut])
	if count[statusLeftOut] > 0 {
		return cli.ExitCode(cli.ExitIncomplete)
	}
	return nil
}

// The values of ruleCheck.Status.
const (
	statusRuns    = "runs"
	statusSlow    = "slow"
	statusLeftOut = "left_out"
)

// ruleCheck is what there is to tell of a rule; as JSON it is a line of rules check -o
// jsonl.
type ruleCheck struct {
	Type      string       `json:"type"`
	Rule      string       `json:"rule"`
	Namespace string       `json:"namespace"`
	File      string       `json:"file"`
	Line      int          `json:"line"`
	Column    int          `json:"column,omitempty"`
	Status    string       `json:"status"`
	Reason    string       `json:"reason,omitempty"`
	Slow      []slowString `json:"slow,omitempty"`
	Escaped   []string     `json:"escaped,omitempty"`
}

// slowString is a string of a rule that is slow to look for, and why.
type slowString struct {
	String string `json:"string"`
	Reason string `json:"reason"`
}

// checksOf returns what there is to tell of all rules, file by file in the order of
// lines.
func checksOf(ctx context.Context, rules *yara.Rules, b *budget.Budget) ([]ruleCheck, error) {
	why, err := slowPatterns(ctx, rules, b)
	if err != nil {
		return nil, err
	}
	var all []ruleCheck
	for i := range rules.Len() {
		r := rules.Rule(i)
		c := ruleCheck{Type: "rule_check", Rule: r.Name, Namespace: r.Namespace, File: r.File, Line: r.Line, Status: statusRuns, Slow: slowStrings(rules.Strings(i), why)}
		if c.Slow != nil {
			c.Status = statusSlow
		}
		all = append(all, c)
	}
	for _, s := range rules.Skipped {
		all = append(all, ruleCheck{
			Type: "rule_check", Rule: s.Rule, Namespace: s.Namespace, File: s.File, Line: s.Line, Column: s.Column,
			Status: statusLeftOut, Reason: report.ReasonOf(s),
		})
	}
	order := map[string]int{}
	for _, c := range all {
		if _, ok := order[c.File]; !ok {
			order[c.File] = len(order)
		}
	}
	slices.SortStableFunc(all, func(a, b ruleCheck) int {
		return cmp.Or(cmp.Compare(order[a.File], order[b.File]), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return all, nil
}

// slowRate is the rate of candidates a byte from which on a string is slow. One byte
// that is rare in memory has about that rate, and two have less.
const slowRate = 1.0 / 2048

// slowPatterns returns for each pattern of the rules why it is slow, or "" if it is
// not.
func slowPatterns(ctx context.Context, rules *yara.Rules, b *budget.Budget) ([]string, error) {
	b = b.Share()
	defer b.Release()
	set, err := patterns.Compile(ctx, rules.Patterns(), patterns.Target{Budget: b})
	if err != nil {
		return nil, err
	}
	all, err := engine.Explain(ctx, set, simd.Auto)
	if err != nil {
		return nil, err
	}
	why := make([]string, len(rules.Patterns()))
	for i := range why {
		n := 0
		for n < len(all) && all[n].Pattern == i {
			n++
		}
		why[i], all = whySlow(all[:n]), all[n:]
	}
	return why, nil
}

// slowStrings returns the strings of a rule that are slow, private ones included; why
// has the reason by pattern, "" for those that are not slow.
func slowStrings(all []yara.String, why []string) (slow []slowString) {
	for _, s := range all {
		if why[s.Pattern] != "" {
			slow = append(slow, slowString{s.ID, why[s.Pattern]})
		}
	}
	return slow
}

// whySlow returns why a pattern is slow of which all is sought, or "" if it is not.
func whySlow(all []engine.Sought) string {
	rate, worst := 0.0, engine.Sought{}
	for _, s := range all {
		if s.Expr != nil && s.Anchor == nil {
			return "no useful literal: all of memory is looked at, place by place"
		}
		if rate += s.Rate; s.Rate > worst.Rate {
			worst = s
		}
	}
	if rate < slowRate {
		return ""
	}
	if worst.Anchor != nil {
		return fmt.Sprintf("its anchor %s is in memory %s", spelled(worst.Anchor.Lit, worst.Anchor.Mask)+underKeys(worst.Anchor.Keys), oneIn(rate))
	}
	return fmt.Sprintf("%s is in memory %s", spelled(worst.Needle.Lit, worst.Needle.Mask)+underKeys(worst.Needle.Keys), oneIn(rate))
}

// checksAsJSON writes checks as jsonl.
func checksAsJSON(w io.Writer, all []ruleCheck) error {
	for _, c := range all {
		for _, text := range []struct {
			key string
			of  *string
		}{{"rule", &c.Rule}, {"namespace", &c.Namespace}, {"file", &c.File}, {"reason", &c.Reason}} {
			if !utf8.ValidString(*text.of) {
				*text.of = wording.ValidUTF8(*text.of)
				c.Escaped = append(c.Escaped, text.key)
			}
		}
		line, err := report.EncodeJSON(c)
		if err != nil {
			return err
		}
		if _, err := w.Write(line); err != nil {
			return err
		}
	}
	return nil
}

// checksAsText writes checks as columns, which are aligned or separated by tabs.
func checksAsText(w io.Writer, all []ruleCheck, aligned bool) error {
	out := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	if aligned {
		w = out
	}
	for _, c := range all {
		where := c.File
		if c.Line > 0 {
			where += fmt.Sprintf(":%d", c.Line)
		}
		if c.Column > 0 {
			where += fmt.Sprintf(":%d", c.Column)
		}
		why := []string{c.Reason}
		if c.Status == statusSlow {
			why = nil
		}
		for _, s := range c.Slow {
			why = append(why, s.String+": "+s.Reason)
		}
		name := (&yara.Rule{Name: c.Rule, Namespace: c.Namespace}).FullName()
		status := strings.ReplaceAll(c.Status, "_", " ")
		if _, err := fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", wording.Escape(where), wording.Escape(name), status, wording.Printable(strings.Join(why, "; "))); err != nil {
			return err
		}
	}
	return out.Flush()
}
