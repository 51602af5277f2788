package main

import (
	"context"
	"encoding/hex"
	"errors"
	"strconv"

	"github.com/spf13/cobra"

	"vscan/cmd/vscan/internal/cli"
	"vscan/cmd/vscan/internal/report"
	"vscan/engine/sweep/compare"
	"vscan/internal/wording"
)

const sweepDiffHelp = `diff compares the results of two sweeps: of each image and pattern how many hits
are the same (that pattern with the same bytes at the same address), new (only B
has them), gone (only A has them), or moved (the same pattern and bytes, at
another address). In text there is a line where something differs, and none where
all is the same.

Images are matched by their paths as given, or with --by name by the last element
of these. Patterns that only one sweep has searched for are told and not compared.

Exit codes: 0 all is the same, 1 something differs, 2 error, 3 one of the sweeps is
not whole: it has not ended, could not look at all of an image, left out rules, or
ended the count of a pattern (-m).`

// sweepDiffCommand makes the command that compares two sweeps.
func (a *commands) sweepDiffCommand() *cobra.Command {
	var format, by string
	var o compare.Options
	cmd := &cobra.Command{
		Use:   "diff [flags] A B",
		Short: "Compare the results of two sweeps",
		Long:  sweepDiffHelp,
		Example: `  vscan sweep diff monday tuesday
  vscan sweep diff --by name --list monday tuesday`,
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return cli.UsageError(cmd, "want the folders of two sweeps: vscan sweep diff A B")
			}
			o.ByName, o.Budget = by == "name", a.Budget()
			return a.diffSweeps(cmd.Context(), args[0], args[1], newDiffReport(a, format), o)
		},
	}
	fs := cmd.Flags()
	fs.SortFlags = false
	cli.ChoiceVar(cmd, &by, "by", "", "match images by `WHAT`: path, or name, the last element of it", "path", "name")
	fs.BoolVar(&o.List, "list", false, "write the hits that differ, too")
	cli.ChoiceVar(cmd, &format, "output", "o", "`FORMAT` of the output: text or jsonl", "text", "jsonl")
	a.MemoryVar(cmd)
	return cmd
}

// diffSweeps compares the sweeps in two folders.
func (a *commands) diffSweeps(ctx context.Context, dirA, dirB string, r *diffReport, o compare.Options) (err error) {
	var open []sweepResults
	for _, dir := range []string{dirA, dirB} {
		a.Begin("opening " + dir)
		infos, err := stateInfo(dir)
		if err != nil {
			return err
		}
		if cli.IsOutput(infos...) {
			return cli.OutputError(dir)
		}
		src, err := openSweep(ctx, dir)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, src.Close()) }()
		if err := a.noteUnended(ctx, dir, src); err != nil {
			return err
		}
		open = append(open, src)
	}
	a.Begin("comparing " + dirA + " and " + dirB)
	sum, err := compare.Compare(ctx, open[0], open[1], o, r)
	if err != nil {
		return err
	}
	if err := r.summary(sum); err != nil {
		return err
	}
	a.noteQuestions(dirA, dirB, sum)
	switch {
	case !sum.Whole:
		return cli.ExitCode(cli.ExitIncomplete)
	case !sum.Same():
		return cli.ExitCode(cli.ExitNothing)
	}
	return nil
}

// noteQuestions tells what two sweeps were asked differently.
func (a *commands) noteQuestions(dirA, dirB string, sum *compare.Summary) {
	for _, of := range []struct {
		dir   string
		names []string
	}{{dirA, sum.PatternsA}, {dirB, sum.PatternsB}} {
		if n := len(of.names); n > 0 {
			a.Note("%s: it alone has searched for %s, which are not compared: %s", of.dir, wording.Count(uint64(n), "pattern"), someNames(of.names))
		}
	}
	for _, o := range sum.Options {
		a.Note("the sweeps were asked differently: %s is %q in %s and %q in %s", o.Name, o.A, dirA, o.B, dirB)
	}
	if sum.Total.Limited {
		a.Note("not complete: a limit (-m) has ended the count of some patterns; what it left out is not compared")
	}
}

// someNames returns the first of some names.
func someNames(names []string) string {
	const most = 5
	text := ""
	for i, name := range names[:min(len(names), most)] {
		if i > 0 {
			text += ", "
		}
		text += wording.Escape(name)
	}
	if len(names) > most {
		text += ", …"
	}
	return text
}

// diffReport writes what differs between two sweeps, in text or jsonl.
type diffReport struct {
	*commands
	jsonl              bool
	hits, rows, images *report.Table
	sum                *report.Table
}

func newDiffReport(a *commands, format string) *diffReport {
	table := func(kind string, columns ...string) *report.Table {
		return report.NewTable(a.Out, format, kind, columns)
	}
	return &diffReport{
		commands: a,
		jsonl:    format == "jsonl",
		hits:     table("diff_hit", "image", "change", "addr", "to", "pattern", "len", "bytes"),
		rows:     table("diff", "image", "pattern", "same", "new", "gone", "moved", "limited", "moved_unknown"),
		images:   table("diff_image", "image", "state_a", "reason_a", "state_b", "reason_b"),
		sum:      table("diff_summary", "images", "same", "new", "gone", "moved", "only_a", "only_b", "not_searched", "patterns_a", "patterns_b", "whole"),
	}
}

// Change implements compare.Reporter.
func (r *diffReport) Change(c *compare.Change) error {
	at, to := c.A, any(nil)
	switch c.Kind {
	case compare.New:
		at = c.B
	case compare.Moved:
		to = c.B
	}
	if r.jsonl {
		return r.hits.Row(c.Image, string(c.Kind), at, to, c.Pattern, c.Len, c.Bytes)
	}
	place := at.String()
	if to != nil {
		place += " -> " + c.B.String()
	}
	return r.hits.Row(string(c.Kind), c.Image, place, c.Pattern, dots(c.Bytes))
}

// dots returns bytes that are given as digits in ASCII, with a dot for each that does not print.
func dots(digits string) string {
	b, _ := hex.DecodeString(digits) // compare has checked them
	for i := range b {
		b[i] = wording.PrintByte(b[i])
	}
	return string(b)
}

// Image implements compare.Reporter.
func (r *diffReport) Image(i *compare.Image) error {
	if !i.Compared {
		return r.notCompared(i)
	}
	for _, p := range i.Patterns {
		if err := r.row(i, &p); err != nil {
			return err
		}
	}
	if i.MovedUnknown && !r.jsonl {
		return r.images.Row(i.Name(), "what has moved is among what is new and gone: there was no memory to tell (--memory)")
	}
	return nil
}

// row writes the counts of a pattern.
func (r *diffReport) row(i *compare.Image, p *compare.Counts) error {
	if r.jsonl {
		return r.rows.Row(i.Name(), p.Pattern, p.Same, p.New, p.Gone, p.Moved, orNone(p.Limited), orNone(i.MovedUnknown))
	}
	if !p.Differs() {
		return nil
	}
	count := func(what string, n uint64) string { return strconv.FormatUint(n, 10) + " " + what }
	values := []any{i.Name(), p.Pattern, count("same", p.Same), count("new", p.New), count("gone", p.Gone), count("moved", p.Moved)}
	if p.Limited {
		values = append(values, "limited")
	}
	return r.rows.Row(values...)
}

// orNone returns true, or nil.
func orNone(b bool) any {
	if b {
		return true
	}
	return nil
}

// notCompared writes an image that only one sweep has, or has searched.
func (r *diffReport) notCompared(i *compare.Image) error {
	side := func(s *compare.Side) (is, reason any) {
		if s == nil {
			return nil, nil
		}
		if s.Reason != "" {
			reason = s.Reason
		}
		return s.State, reason
	}
	stateA, reasonA := side(i.A)
	stateB, reasonB := side(i.B)
	if r.jsonl {
		return r.images.Row(i.Name(), stateA, reasonA, stateB, reasonB)
	}
	switch {
	case i.A == nil:
		return r.images.Row(i.Name(), "only in B")
	case i.B == nil:
		return r.images.Row(i.Name(), "only in A")
	}
	return r.images.Row(i.Name(), "not compared", "A: "+i.A.State, "B: "+i.B.State)
}

// summary writes what there is to say of the two sweeps, of jsonl to the output, else below it.
func (r *diffReport) summary(s *compare.Summary) error {
	if r.jsonl {
		return r.sum.Row(s.Images, s.Total.Same, s.Total.New, s.Total.Gone, s.Total.Moved, s.OnlyA, s.OnlyB, s.NotSearched, s.PatternsA, s.PatternsB, s.Whole)
	}
	r.Note("%s compared, %d only in A, %d only in B, %d not searched by both: %s the same, %d new, %d gone, %d moved",
		wording.Count(s.Images, "image"), s.OnlyA, s.OnlyB, s.NotSearched, wording.Count(s.Total.Same, "hit"), s.Total.New, s.Total.Gone, s.Total.Moved)
	return nil
}
