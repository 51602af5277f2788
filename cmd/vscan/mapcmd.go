package main

import (
	"context"

	"github.com/spf13/cobra"

	"vscan/cmd/vscan/internal/cli"
	"vscan/cmd/vscan/internal/report"
	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/image/layered"
	"vscan/internal/wording"
)

func (a *commands) mapCommand() *cobra.Command {
	var f cli.ImageFlags
	format, color := "text", "auto"
	var layers bool
	cmd := &cobra.Command{
		Use:   "map [flags] IMAGE",
		Short: "Show the address space: what shows where",
		Long: `map lists the mappings that show, in order of address: first and last address,
size, state, permissions, name, and the source and offset of the bytes. Where
one mapping hides part of another, only what shows is listed; --layers lists
all mappings whole, the lowest layer first, with the number of the layer in
front.

States: present (the bytes are in the image), absent (mapped, but not saved),
zero (not stored, known to be zero). Where the image says why bytes are absent,
that stands at the end of the line: excluded (left out on purpose by the program
that wrote the image), missing (the image should hold them: it is truncated or
damaged); and so do the zeros of what is present that are holes of the file.

Mappings of a process core are called as in /proc/PID/maps, as far as the core
tells; [stack:N] is the memory that the stack pointer of the thread N points to,
load[N] the segment N, which has no name. Of what a core lists and does not save
the permissions are not known: ???.

jsonl and csv have the module that a mapping is of, and the offset of its first byte
there, from where the module was loaded; .bss behind a module belongs to it.

The build-id of a program or library is told where it is known, from what a core
saved of it or from the file that was laid: in text behind the first line of the
file, in jsonl (build_id) and csv with every one.

The parts of a split kdump are one image, if they are all named, too.`,
		Example: `  vscan map core.1234
  vscan map -o jsonl core.1234
  vscan map --layers core.1234 --under ./prog
  vscan map core.1234 --sysroot ./files`,
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cli.UsageError(cmd, "want one image: vscan map IMAGE")
			}
			f.Budget = a.Budget()
			t, n, err := openParted(cmd.Context(), &f, args, 0)
			if err != nil {
				return err
			}
			defer t.Close()
			if n < len(args) {
				return cli.UsageError(cmd, "want one image: vscan map IMAGE; %s is no part of %s", args[n], args[0])
			}
			a.NoteOddities(t)
			rep := report.NewReporter(a.Out, format, report.Style{Color: a.Out.WantsColor(color), Aligned: a.Out.ToTerminal, LayerNumbers: layers})
			rep.Begin(t)
			if layers {
				err = printLayers(cmd.Context(), t, rep)
			} else {
				err = printMap(cmd.Context(), t, rep)
			}
			if err != nil {
				return err
			}
			if format == "text" {
				if err := a.noteTotals(cmd.Context(), t); err != nil {
					return err
				}
			}
			a.NoteMissing(t)
			return cli.Outcome{Found: true, Incomplete: a.Changed(t)}.ExitStatus()
		},
	}
	fs := cmd.Flags()
	fs.SortFlags = false
	fs.BoolVar(&layers, "layers", false, "all mappings, those that others hide too, the lowest first")
	cli.ChoiceVar(cmd, &format, "output", "o", "`FORMAT`: text, jsonl or csv", "text", "jsonl", "csv")
	cli.ChoiceVar(cmd, &color, "color", "", "`WHEN` to colour: auto (at a terminal), always or never", "auto", "always", "never")
	a.MemoryVar(cmd)
	f.Register(cmd)
	return cmd
}

// printMap writes the mappings that show, in ascending order of address.
func printMap(ctx context.Context, t *layered.Image, rep report.Reporter) error {
	for v := range t.Space.Intervals(addr.All) {
		if v.Mapping == nil {
			continue
		}
		if err := printInterval(ctx, v, rep); err != nil {
			return err
		}
	}
	return nil
}

// printInterval writes a mapping, or what shows of it.
func printInterval(ctx context.Context, v engine.Interval, rep report.Reporter) error {
	zero, err := v.ZeroBytes(ctx)
	if err == nil {
		err = rep.Interval(v, zero)
	}
	if err == nil {
		err = ctx.Err()
	}
	return err
}

// printLayers writes all mappings whole, the lowest layer first.
func printLayers(ctx context.Context, t *layered.Image, rep report.Reporter) error {
	for i, m := range t.Space.Mappings() {
		if err := printInterval(ctx, engine.Interval{Range: m.Range, Layer: i, Mapping: m}, rep); err != nil {
			return err
		}
	}
	return nil
}

// noteTotals tells what the image is, and how many bytes it has of each state. The error is
// that of ctx.
func (a *commands) noteTotals(ctx context.Context, t *layered.Image) error {
	total, ranges, err := accountOf(ctx, t)
	if err != nil {
		return err
	}
	a.Note("%s: %s, %s; %s address space", t.Arg, t.Format, t.Detail, t.Image.Space)
	a.Note("%s: %s of %s: %s", t.Arg, wording.Count(ranges, "range"), wording.Count(uint64(t.Space.Len()), "mapping"),
		accountText(t, part{total.Present, "present"}, part{total.Zero, "zero"}, part{total.Unsaved, absent}, part{total.Excluded, excluded}, part{total.Missing, missing}))
	hidden, err := t.Space.Hidden(ctx)
	if err == nil {
		a.noteHidden(t, hidden)
	}
	return err
}

// accountOf returns of what kind the bytes are that an image shows, and in how many ranges
// they lie. The error is that of ctx.
func accountOf(ctx context.Context, t *layered.Image) (total engine.Account, ranges uint64, err error) {
	for v := range t.Space.Intervals(addr.All) {
		if v.Mapping == nil {
			continue
		}
		ranges++
		if err = total.Add(ctx, v); err == nil {
			err = ctx.Err()
		}
		if err != nil {
			break
		}
	}
	return total, ranges, err
}
