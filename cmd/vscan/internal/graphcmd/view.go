package graphcmd

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"vscan/cmd/vscan/internal/cli"
	"vscan/engine/graph/view"
)

func (a *commands) viewCommand() *cobra.Command {
	var out, target string
	var workers uint64
	var window offsets
	cmd := &cobra.Command{
		Use:   "view [flags] FILE -o PAGE",
		Short: "Draw a graph: one page for a browser, without network",
		Long: `view writes one HTML page that shows a graph: which regions refer to which, a heat
map of all memory against all memory that zooms in to single pages, how much each
part of the address space is referred to, tables of what is referred to most, and,
for a --target or else the address most referred to, its neighbourhood and the best
chains that lead to it.
The page needs no network and no server, and works with keyboard and screen reader.
It has at most 5 MB: where that is not enough for all pages, it says so, and shows
larger squares of memory where there are fewest references.`,
		Example:               "  vscan graph view core.graph -o page.html\n  vscan graph view core.graph -o page.html --target 0x7ffd1010",
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 || out == "" {
				return cli.UsageError(cmd, "want the file of a graph and a page to write: vscan graph view FILE -o PAGE")
			}
			if err := checkOutput(out, "-o /dev/stdout is standard output"); err != nil {
				return err
			}
			if cli.SameFile(out, args[0]) {
				return fmt.Errorf("%s is the graph: write to another file", out)
			}
			g, err := a.openGraph(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			defer g.Close()
			o := view.Options{Name: args[0], Workers: int(workers), Budget: a.Budget()}
			if window.set {
				o.Window = &window.Window
			}
			if target != "" {
				ranges, err := targetRanges(g, target)
				if err != nil {
					return err
				}
				o.Target = &ranges[0]
			}
			return writeFile(cmd.Context(), out, g, func(w io.Writer) error { return view.Page(cmd.Context(), w, g, o) })
		},
	}
	fs := cmd.Flags()
	fs.SortFlags = false
	fs.StringVarP(&out, "output", "o", "", "write the `PAGE`")
	fs.StringVar(&target, "target", "", "draw the neighbourhood of `TARGET` and the chains to it: an address or a range")
	fs.Var(&window, "window", "offsets `LO..HI` of the chains, as for graph chains")
	workersVar(cmd, &workers)
	return cmd
}
