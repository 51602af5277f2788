// Package graphcmd has the command vscan graph and the commands below it.
package graphcmd

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"vscan/cmd/vscan/internal/cli"
	"vscan/engine/addr"
	"vscan/engine/graph"
	"vscan/engine/image/layered"
	"vscan/engine/where"
	"vscan/internal/wording"
)

const graphHelp = `graph builds the pointer-reference graph of an image once, as a file, and then
answers questions about it at once: who refers to an address, what a range
refers to, by which chains of pointers a root reaches an object, what is most
referred to, what is reached at all.

An edge goes from a word to the mapped byte whose address the word holds. Bytes
that show at several addresses are a source at each.

A TARGET is an address, a range, or the name of a mapping (@NAME, or NAME; the
last part of a path will do). Addresses may be places, as libc.so.6+0x1d2000: what
is printed as one is taken as one. Questions need the graph file alone, not the image,
but for objects, and info if an IMAGE is named: these compare the two first.`

// commands makes the commands below vscan graph.
type commands struct{ *cli.App }

// Command returns the command graph, with all commands below it.
func Command(of *cli.App) *cobra.Command {
	a := &commands{of}
	cmd := &cobra.Command{
		Use:                   "graph COMMAND",
		Short:                 "Build the graph of who points at what, and ask it",
		Long:                  graphHelp,
		DisableFlagsInUseLine: true,
		Args:                  cli.NoSuchCommand,
		RunE:                  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.buildCommand())
	for _, ask := range []*cobra.Command{
		a.infoCommand(), a.toCommand(), a.fromCommand(), a.chainsCommand(), a.topCommand(),
		a.reachCommand(), a.objectsCommand(), a.exportCommand(), a.viewCommand(),
	} {
		a.MemoryVar(ask)
		cmd.AddCommand(ask)
	}
	return cmd
}

// formatVar adds the flag -o, the format of rows.
func formatVar(cmd *cobra.Command, format *string) {
	*format = "text"
	cli.ChoiceVar(cmd, format, "output", "o", "`FORMAT`: text, jsonl or csv", "text", "jsonl", "csv")
}

// checkOutput refuses - as the name of a file, which elsewhere is standard output.
func checkOutput(out, instead string) error {
	if out != "-" {
		return nil
	}
	return fmt.Errorf("-o -: want the name of a file; %s", instead)
}

// workersVar adds the flag -j, the number of workers.
func workersVar(cmd *cobra.Command, n *uint64) {
	cmd.Flags().VarP(cli.NewNumber(n, 0, 256), "workers", "j", "`N` workers (default one a processor)")
}

// targetRanges returns the ranges of addresses that a TARGET names.
func targetRanges(g *graph.Graph, arg string) ([]addr.Range, error) {
	if name, ok := strings.CutPrefix(arg, "@"); ok {
		ranges, err := namedRanges(g, name)
		if err != nil { // a name that has an @ itself, as it was printed
			if whole, bad := namedRanges(g, arg); bad == nil {
				return whole, nil
			}
		}
		return ranges, err
	}
	r, err := parsePlace(arg)
	if err == nil {
		return []addr.Range{r}, nil
	}
	numeric := arg != "" && (arg[0] >= '0' && arg[0] <= '9' || strings.HasPrefix(arg, ".."))
	if _, ranges := named(g, arg); len(ranges) == 0 && numeric && !where.IsPlace(arg) {
		return nil, err
	}
	return namedRanges(g, arg)
}

// named returns the ranges of the mappings of a name as it is printed, and the name as
// the graph has it.
func named(g *graph.Graph, printed string) (string, []addr.Range) {
	for _, name := range where.Names(printed) {
		if ranges := g.NamedRanges(name); len(ranges) > 0 {
			return name, ranges
		}
	}
	return printed, nil
}

// namedRanges returns the ranges of the mappings of a name, or of a place in one, or of
// a range between places.
func namedRanges(g *graph.Graph, name string) ([]addr.Range, error) {
	_, ranges := named(g, name)
	switch {
	case len(ranges) > 0:
		return ranges, nil
	case where.IsPlace(name):
		r, err := where.Parse(g.Places(), name)
		return []addr.Range{r}, err
	}
	return nil, fmt.Errorf("%q: no mapping has this name, and it is no address or range; vscan map lists the mappings of an image", name)
}

// parsePlace reads an address, as the range of its one byte, or a range, in numbers.
func parsePlace(s string) (addr.Range, error) {
	if strings.Contains(s, "..") || strings.Contains(s, "+") {
		return addr.ParseRange(s)
	}
	at, err := addr.Parse(s)
	return addr.Range{First: at, Last: at}, err
}

// offsets is the flag --window: the offsets that may be added to a pointer. It is
// LO..HI, either of which may have a - in front, or HI alone, which is 0..HI.
type offsets struct {
	graph.Window
	set bool // whether the flag was given
}

func (w *offsets) String() string { return "" }
func (w *offsets) Type() string   { return "range" }

func (w *offsets) Set(s string) error {
	lo, hi, ranged := strings.Cut(s, "..")
	if !ranged {
		lo, hi = "0", s
	}
	var err error
	if strings.Trim(lo, "-") == "" || strings.Trim(hi, "-") == "" {
		return fmt.Errorf("%q: want LO..HI, both given, or HI alone", s)
	}
	if w.Low, err = parseOffset(lo); err == nil {
		w.High, err = parseOffset(hi)
	}
	switch {
	case err != nil:
		return err
	case w.Low > w.High:
		return fmt.Errorf("%q: its first offset is above its last", s)
	}
	w.set = true
	return nil
}

// maxOffset is the largest offset that --window takes, in either direction.
const maxOffset = 1 << 32

// parseOffset reads an offset in bytes, which may have a - in front.
func parseOffset(s string) (int64, error) {
	text, negative := strings.CutPrefix(s, "-")
	n, err := addr.ParseSize(text)
	if err != nil {
		return 0, err
	}
	if n > maxOffset {
		return 0, fmt.Errorf("%q is beyond 2^32 bytes", text)
	}
	if negative {
		return -int64(n), nil
	}
	return int64(n), nil
}

// openGraph opens the file of a graph, and tells if the graph is not complete.
func (a *commands) openGraph(ctx context.Context, path string) (*graph.Graph, error) {
	g, err := graph.OpenWithin(ctx, path, a.Budget())
	if err != nil {
		return nil, err
	}
	if cli.IsOutput(g.Files()...) {
		g.Close()
		return nil, cli.OutputError(path)
	}
	if !g.Complete() {
		a.Note("%s: not complete: %s of the image could not be read when it was built", path, wording.Size(g.Info().Unreadable))
	}
	return g, nil
}

// checkImage returns nil where a graph is that of an image, and an error that says what
// differs where it is not. Every command that takes something from both has to ask it before.
func checkImage(ctx context.Context, g *graph.Graph, t *layered.Image, workers int) error {
	err := g.Check(ctx, t.Space, workers)
	if errors.Is(err, graph.ErrOtherImage) && t.Live {
		return fmt.Errorf("%w; a process that runs changes: build the graph again, or stop the process before (kill -STOP)", err)
	}
	return err
}

// graphExit returns the outcome of a question to a graph, as cli.Outcome.ExitStatus
// does.
func graphExit(g *graph.Graph, found bool) error {
	return cli.Outcome{Found: found, Incomplete: !g.Complete()}.ExitStatus()
}

// regionName returns the name of the region that shows at an address, or "".
func regionName(g *graph.Graph, at addr.Addr) string {
	if i := g.RegionAt(at); i >= 0 {
		return g.Regions()[i].Name
	}
	return ""
}
