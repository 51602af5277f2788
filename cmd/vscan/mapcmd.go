package main

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"vscan/engine"
	"vscan/engine/addr"
)

func (a *app) mapCommand() *cobra.Command {
	var f imageFlags
	var format, color string
	var layers bool
	cmd := &cobra.Command{
		Use:   "map [flags] IMAGE",
		Short: "Show the address space: what shows where",
		Long: `map lists the mappings that show, in order of address: first and last address,
size, state, permissions, name, and the source and offset of the bytes. Where
one mapping hides part of another, only what shows is listed; --layers lists
all mappings whole, the lowest layer first.

States: present (the bytes are in the image), absent (mapped, but not saved),
zero (not stored, known to be zero).`,
		Example: `  vscan map core.1234
  vscan map -o jsonl core.1234
  vscan map --layers core.1234 --under /usr/bin/prog@0x400000`,
		Args: exactly(1, "an image: vscan map IMAGE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !slices.Contains([]string{"text", "jsonl", "csv"}, format) {
				return fmt.Errorf("-o %s: want text, jsonl or csv", format)
			}
			t, err := f.open(args[0])
			if err != nil {
				return err
			}
			defer t.Close()
			for _, n := range t.Notes {
				a.note("%s: %s", t.arg, n)
			}
			return a.printMap(t, a.reporterFor(format, color, 0, false, false), format == "text", layers)
		},
	}
	fs := cmd.Flags()
	fs.SortFlags = false
	fs.BoolVar(&layers, "layers", false, "all mappings, those that others hide too, the lowest first")
	fs.StringVarP(&format, "output", "o", "text", "`text|jsonl|csv`")
	fs.StringVar(&color, "color", "auto", "`auto|always|never`")
	f.register(fs)
	return cmd
}

func (a *app) printMap(t *target, rep reporter, text, layers bool) error {
	var total [engine.Hole]uint64
	var ranges int
	for v := range t.space.Intervals(addr.All) {
		if v.Mapping == nil {
			continue
		}
		total[v.State()] += v.Size()
		if ranges++; !layers {
			rep.interval(v, t)
		}
	}
	if layers {
		for i, m := range t.space.Mappings() {
			rep.interval(engine.Interval{Range: m.Range, Layer: i, Mapping: m}, t)
		}
	}
	if text {
		a.note("%s: %s, %s; %s address space", t.arg, t.Format, t.Detail, t.Space)
		line := fmt.Sprintf("%s present in %s of %s", size(total[engine.Present]),
			plural(uint64(ranges), "range"), plural(uint64(t.space.Len()), "mapping"))
		if n := total[engine.Absent]; n > 0 {
			line += fmt.Sprintf(", %s absent (not saved)", size(n))
		}
		if n := total[engine.Zero]; n > 0 {
			line += fmt.Sprintf(", %s zero", size(n))
		}
		a.note("%s: %s", t.arg, line)
	}
	if t.Missing > 0 {
		a.note("%s: not complete: the image is truncated or damaged, %s are missing", t.arg, size(t.Missing))
	}
	return rep.failed()
}

// exactly is the arguments that a command wants, in words.
func exactly(n int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != n {
			return fmt.Errorf("want %s (see vscan %s --help)", what, cmd.Name())
		}
		return nil
	}
}
