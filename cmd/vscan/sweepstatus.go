package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"vscan/cmd/vscan/internal/cli"
	"vscan/engine/sweep/state"
	"vscan/engine/sweep/summary"
	"vscan/internal/wording"
)

const sweepStatusHelp = `status tells how far a sweep is, while it runs and after: how many images are in
which state, how many bytes were looked at, how many hits there are, what failed or
was skipped and why, what is left, whether a process works on it, and when it last
wrote anything. It changes nothing, and disturbs no sweep that runs.

With -o jsonl there is a line of type sweep_status, and one of type sweep_problem for
each reason.

Exit codes: 0 the status is told, whatever it is; 2 error.`

func (a *commands) sweepStatusCommand() *cobra.Command {
	format := "text"
	cmd := &cobra.Command{
		Use:                   "status [flags] DIR",
		Short:                 "Tell how far a sweep is, what it found and what failed",
		Long:                  sweepStatusHelp,
		Example:               "  vscan sweep status monday\n  vscan sweep status -o jsonl monday",
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return cli.UsageError(cmd, "want the folder of a sweep's results: vscan sweep status DIR")
			}
			return a.sweepStatus(cmd.Context(), args[0], format)
		},
	}
	cli.ChoiceVar(cmd, &format, "output", "o", "`FORMAT`: text or jsonl", "text", "jsonl")
	return cmd
}

func (a *commands) sweepStatus(ctx context.Context, dir, format string) error {
	a.Begin("reading the state of the sweep")
	from, err := openSweep(ctx, dir)
	if err != nil {
		return err
	}
	defer from.Close()
	s, err := summary.Collect(ctx, from)
	if err != nil {
		return err
	}
	activity, err := from.Activity(ctx)
	if err != nil {
		return err
	}
	if format == "jsonl" {
		return s.WriteStatus(a.Out, dir, activity)
	}
	return statusAsText(a.Out, s, activity, a.Out.ToTerminal)
}

// statusAsText writes the status of a sweep: a sentence, rows of a name and a value, and the
// reasons why images are not done, with some of their names below each.
func statusAsText(w io.Writer, s *summary.Summary, a state.Activity, aligned bool) error {
	var b strings.Builder
	fmt.Fprintln(&b, s.Sentence())
	rows := io.Writer(&b)
	table := tabwriter.NewWriter(&b, 0, 8, 2, ' ', 0)
	if aligned {
		rows = table
	}
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(rows, "%s\t%s\n", name, value)
		}
	}
	working := "no process works on it"
	if a.Process != "" {
		working = wording.Escape(a.Process) + " works on it"
	}
	row("at work", working)
	row("began", summary.Time(s.About.Began))
	row("last activity", summary.Time(a.Last))
	row("ended", summary.Time(s.About.Ended))
	s.Images.Each(func(state string, n uint64) {
		if n > 0 {
			row(summary.StateWords(state), wording.Count(n, "image"))
		}
	})
	row("left", wording.Count(s.Images.Left(), "image")+", "+wording.Size(s.Total.Left())+" of files")
	t := s.Total
	row("memory", fmt.Sprintf("%s scanned, %s of it zero, %s absent, %s unreadable, %s missing",
		wording.Size(t.Scanned), wording.Size(t.Zero), wording.Size(t.Absent), wording.Size(t.Unreadable), wording.Size(t.Missing)))
	hits := wording.Count(s.Hits, "hit")
	if s.AtLeast {
		hits = "at least " + hits + ", for a limit ended counts in " + wording.Count(s.LimitedImages, "image")
	}
	row("hits", hits)
	if n := len(s.About.LeftOut); n > 0 {
		row("left out", wording.Count(uint64(n), "rule"))
	}
	row("work", summary.Duration(s.Work))
	if err := table.Flush(); err != nil {
		return err
	}
	const most = 20
	for _, line := range s.LeftOut(most) {
		fmt.Fprintln(&b, line)
	}
	if more := len(s.About.LeftOut) - most; more > 0 {
		fmt.Fprintf(&b, "and %d more\n", more)
	}
	for _, p := range s.Problems {
		fmt.Fprintf(&b, "%s %s: %s\n", wording.Count(p.Images, "image"), summary.StateWords(p.State), wording.Printable(p.Reason))
		for _, n := range p.Names {
			fmt.Fprintf(&b, "\t%s\n", wording.Escape(n))
		}
		if more := p.Images - uint64(len(p.Names)); more > 0 {
			fmt.Fprintf(&b, "\tand %d more\n", more)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
