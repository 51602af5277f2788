package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vscan/cmd/vscan/internal/cli"
	"vscan/cmd/vscan/internal/report"
	"vscan/engine/budget"
	"vscan/engine/image"
	"vscan/engine/image/layered"
	"vscan/engine/search"
	"vscan/patterns"
)

func (a *commands) infoCommand() *cobra.Command {
	var f cli.ImageFlags
	format, quick := "text", false
	cmd := &cobra.Command{
		Use:   "info [flags] IMAGE...",
		Short: "What an image is: its format, its sizes, its machine or process",
		Long: `info tells what an image is: the format that was recognised, how much memory it
has, where and of what kind (present, zero, not saved, excluded, missing), the size
and byte order of its words, which address spaces it offers, what the file tells of
the machine or the process, and what is odd about it.

In the memory of a machine it looks for what its Linux kernel calls itself, up to
the first that is found, for at most 10 seconds; --quick does not.

An image that cannot be opened is told, and the others go on.`,
		Example: `  vscan info core.1234
  vscan info --quick dumps/*
  vscan info -o jsonl vmcore | jq .account`,
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cli.UsageError(cmd, "want images: vscan info IMAGE...")
			}
			f.Budget = a.Budget()
			var outcome cli.Outcome
			outcome.Found = true
			write := report.NewJSONLReporter(a.Out, report.Style{}).Info
			if format == "text" {
				write = report.NewTextInfo(a.Out)
			}
			for _, arg := range args {
				if err := cmd.Context().Err(); err != nil {
					return err
				}
				changed, err := a.info(cmd.Context(), &f, arg, quick, write)
				if cmd.Context().Err() != nil && errors.Is(err, context.Canceled) {
					return err
				}
				if err != nil {
					a.Complain(err)
					outcome.Failed = true
				}
				outcome.Incomplete = outcome.Incomplete || changed
			}
			return outcome.ExitStatus()
		},
	}
	fs := cmd.Flags()
	fs.SortFlags = false
	cli.ChoiceVar(cmd, &format, "output", "o", "`FORMAT`: text or jsonl", "text", "jsonl")
	fs.BoolVar(&quick, "quick", false, "tell what headers tell, and look for nothing in the memory")
	a.MemoryVar(cmd)
	f.Register(cmd)
	return cmd
}

// info writes what an image is, and reports whether a file of it changed meanwhile.
func (a *commands) info(ctx context.Context, f *cli.ImageFlags, arg string, quick bool, write func(*report.Info) error) (changed bool, err error) {
	a.Begin("opening " + arg)
	t, err := f.Open(ctx, arg)
	if err != nil {
		return false, err
	}
	defer t.Close()
	a.Begin("looking at " + arg)
	i := report.Info{Image: t, Over: texts(f.Over), Under: texts(f.Under), Oddities: cli.Oddities(t), Complete: t.Complete()}
	if i.Account, i.Ranges, err = accountOf(ctx, t); err != nil {
		return false, err
	}
	if i.Hidden, err = t.Space.Hidden(ctx); err != nil {
		return false, err
	}
	if !quick && slices.Contains(t.Spaces, image.Physical) {
		if err := findBanner(ctx, &i, f.Budget); err != nil {
			return false, cli.InImage(arg, err)
		}
	}
	return a.Changed(t), write(&i)
}

// texts returns layers as they were given.
func texts(layers []layered.Layer) (all []string) {
	for _, l := range layers {
		all = append(all, l.Text)
	}
	return all
}

// bannerTime is how long the memory of an image is searched for what its kernel calls
// itself.
const bannerTime = 10 * time.Second

// bannerPattern is what a Linux kernel calls itself: linux init/version-timestamp.c,
// linux_banner. It has the release, who compiled it, with what, and the number of the build.
const bannerPattern = `re:Linux version [1-9][0-9]*\.[0-9][!-~]* \([ -~]{1,400}#[0-9][ -~]{1,300}`

// findBanner looks for the banner of a Linux kernel in the memory of an image. The error is
// that of ctx, or of the search.
func findBanner(ctx context.Context, i *report.Info, memory *budget.Budget) error {
	pattern, err := patterns.Parse(bannerPattern)
	if err != nil {
		return err
	}
	limited, stop := context.WithTimeout(ctx, bannerTime)
	defer stop()
	query := search.Query{Patterns: []patterns.Pattern{pattern}, HitBytes: -1, Budget: memory}
	_, err = query.Run(limited, i.Image, search.HitFunc(func(h *search.Hit) error {
		text, err := i.Image.Space.Bytes(h.Addr, h.Len)
		if err != nil {
			return err
		}
		i.Banner, i.BannerAt = strings.TrimSpace(string(text)), h.Addr
		return search.ErrStop
	}))
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		i.BannerLeft, err = true, nil
	}
	return err
}
