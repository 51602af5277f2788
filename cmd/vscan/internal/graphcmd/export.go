package graphcmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"vscan/cmd/vscan/internal/cli"
	"vscan/cmd/vscan/internal/companion"
	"vscan/cmd/vscan/internal/console"
	"vscan/cmd/vscan/internal/report"
	"vscan/engine/addr"
	"vscan/engine/graph"
	"vscan/internal/outfile"
	"vscan/internal/wording"
)

const exportHelp = `export writes the graph for other programs, to standard output or a FILE.

The whole of it, or with --target what refers to a target, by the address referred
to: as jsonl, csv or parquet, one edge a row: src, dst, src_mapping, src_offset,
dst_mapping, dst_offset, and src_module, src_module_offset, dst_module,
dst_module_offset, which are empty (and not there in jsonl) where there is no
module. Offsets are from where the mapping's name begins, of a module from its
load base. Parquet is written by the program vscan-parquet, which is looked for
beside vscan and in PATH.

A neighbourhood, as dot (Graphviz) or graphml (Gephi, yEd, NetworkX): what is at
most --hops references away from --target, whichever way these lead. A node is a
unit of memory (--unit), and there are at most 50,000 links: no program draws
more.`

// maxLinks is the most links of a neighbourhood; one that has more is refused.
const maxLinks = 50000

func (a *commands) exportCommand() *cobra.Command {
	var format, out, target string
	var hops, unit, workers uint64
	cmd := &cobra.Command{
		Use:   "export [flags] FILE --to FORMAT",
		Short: "Write a graph, or the neighbourhood of an address, for other programs",
		Long:  exportHelp,
		Example: `  vscan graph export core.graph --to parquet -o core.parquet
  vscan graph export core.graph --to csv --target '[heap]'
  vscan graph export core.graph --to dot --target 0x7ffd1010 --hops 1`,
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return cli.UsageError(cmd, "want the file of a graph: vscan graph export FILE --to FORMAT")
			}
			if format == "" {
				return cli.UsageError(cmd, "want --to csv, parquet, jsonl, dot or graphml")
			}
			picture := format == "dot" || format == "graphml"
			if picture && target == "" {
				return cli.UsageError(cmd, "--to %s writes the neighbourhood of a --target", format)
			}
			if format == "parquet" && out == "" && a.Out.ToTerminal {
				return cli.UsageError(cmd, "--to parquet is not for a terminal: give -o FILE")
			}
			if err := checkOutput(out, "without -o standard output is written to"); err != nil {
				return err
			}
			if out != "" && cli.SameFile(out, args[0]) {
				return fmt.Errorf("%s is the graph: write to another file", out)
			}
			g, err := a.openGraph(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			defer g.Close()
			ranges := []addr.Range{addr.All}
			if target != "" {
				if ranges, err = targetRanges(g, target); err != nil {
					return err
				}
			}
			write := func(w io.Writer) error { return WriteEdges(cmd.Context(), w, g, ranges, format) }
			if picture {
				write = func(w io.Writer) error {
					return writeNeighbourhood(cmd.Context(), w, g, ranges, format, int(hops), unit, int(workers))
				}
			}
			if out == "" {
				return write(a.Out)
			}
			return writeFile(cmd.Context(), out, g, func(w io.Writer) error {
				if f, ok := w.(*outfile.File); ok && format == "parquet" {
					if console.IsTerminal(f.OS()) {
						return cli.UsageError(cmd, "--to parquet is not for a terminal: give -o FILE")
					}
					return companion.ToFile(out, f.OS(), write)
				}
				return write(w)
			})
		},
	}
	fs := cmd.Flags()
	fs.SortFlags = false
	cli.ChoiceVar(cmd, &format, "to", "", "`FORMAT` to write: csv, parquet, jsonl, dot or graphml", "csv", "parquet", "jsonl", "dot", "graphml")
	fs.StringVarP(&out, "output", "o", "", "write to `FILE`")
	fs.StringVar(&target, "target", "", "only what refers to `TARGET`, or its neighbourhood: an address, a range or the name of a mapping")
	hops, unit = 2, 64
	fs.Var(cli.NewNumber(&hops, 0, 64), "hops", "at most `N` references away")
	fs.Var(cli.NewByteCount(&unit, 8, 1<<40), "unit", "a node is `N` bytes of memory, a power of 2")
	workersVar(cmd, &workers)
	return cmd
}

// writeFile writes a file, made of a graph, that appears whole or not at all. Where path
// names a pipe or standard output, it is written to as it comes.
func writeFile(ctx context.Context, path string, g *graph.Graph, write func(io.Writer) error) error {
	f, err := outfile.Create(ctx, path, outfile.Options{From: g.Files(), Stream: true})
	if err != nil {
		return err
	}
	defer f.Close()
	if err := write(f); err != nil {
		return err
	}
	return f.Commit(ctx)
}

// edgeWriter writes edges in one format. Lines are put together by hand, since there
// are millions of them.
type edgeWriter interface {
	edge(e graph.Edge, src, dst *graph.Locator) error // writes an edge; src and dst have found its ends
	end() error                                       // writes what is left
}

// WriteEdges writes the edges that lead into ranges, in a format: csv, jsonl or
// parquet.
func WriteEdges(ctx context.Context, to io.Writer, g *graph.Graph, ranges []addr.Range, format string) error {
	switch format {
	case "parquet":
		return writeParquet(ctx, to, g, ranges)
	case "csv":
		return eachEdge(ctx, g, ranges, &textEdges{w: to, csv: report.Cache{Convert: quoteCSV}, line: []byte("src,dst,src_mapping,src_offset,dst_mapping,dst_offset,src_module,src_module_offset,dst_module,dst_module_offset\n")})
	}
	return eachEdge(ctx, g, ranges, &textEdges{w: to, json: true})
}

// eachEdge hands the edges that lead into ranges to w, range by range in the order of
// their targets.
func eachEdge(ctx context.Context, g *graph.Graph, ranges []addr.Range, w edgeWriter) error {
	from, at := graph.NewLocator(g), graph.NewLocator(g)
	n := 0
	for _, r := range ranges {
		for e, err := range g.To(r) {
			if err != nil {
				return err
			}
			if n++; n&0xffff == 0 && ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if !from.Find(e.Source) || !at.Find(e.Target) {
				return fmt.Errorf("the word at %v, or what it refers to, %v, is not mapped: the graph is damaged; build it again", e.Source, e.Target)
			}
			if err := w.edge(e, from, at); err != nil {
				return err
			}
		}
	}
	return w.end()
}

// textEdges writes edges as csv or jsonl.
type textEdges struct {
	w       io.Writer
	json    bool         // whether it writes jsonl
	csv     report.Cache // of names as cells
	names   report.JSONNames
	escaped []string // keys of the line of jsonl whose names are escaped
	line    []byte   // lines that are not written yet
}

// edge appends a line, and writes the lines that are waiting where they are many.
func (t *textEdges) edge(e graph.Edge, src, dst *graph.Locator) error {
	if t.json {
		t.object(e, src, dst)
	} else {
		t.record(e, src, dst)
	}
	t.line = append(t.line, '\n')
	if len(t.line) < 1<<16 {
		return nil
	}
	return t.end()
}

// object appends an edge as a line of jsonl.
func (t *textEdges) object(e graph.Edge, src, dst *graph.Locator) {
	b := append(t.line, `{"type":"ref","src":"`...)
	b = wording.AppendAddr(b, e.Source)
	b = append(b, `","dst":"`...)
	b = wording.AppendAddr(b, e.Target)
	b = t.name(append(b, '"'), "src_mapping", src.Mapping())
	b = append(b, `,"src_offset":"`...)
	b = wording.AppendOffset(b, src.Offset(e.Source))
	b = t.name(append(b, '"'), "dst_mapping", dst.Mapping())
	b = append(b, `,"dst_offset":"`...)
	b = append(wording.AppendOffset(b, dst.Offset(e.Target)), '"')
	b = t.module(b, "src_module", src, e.Source)
	b = t.module(b, "dst_module", dst, e.Target)
	if len(t.escaped) > 0 {
		b = append(append(append(b, `,"escaped":["`...), strings.Join(t.escaped, `","`)...), `"]`...)
		t.escaped = t.escaped[:0]
	}
	t.line = append(b, '}')
}

// name appends a name as a key of an object.
func (t *textEdges) name(b []byte, key, name string) []byte {
	b = append(append(append(b, `,"`...), key...), `":`...)
	b = append(b, t.names.Get(name)...)
	if t.names.Escaped(name) {
		t.escaped = append(t.escaped, key)
	}
	return b
}

// module appends the module that an end of an edge lies in and the offset there, as
// keys of an object, if it lies in one.
func (t *textEdges) module(b []byte, key string, l *graph.Locator, a addr.Addr) []byte {
	name, isModule := l.Name()
	if !isModule {
		return b
	}
	b = t.name(b, key, name)
	b = append(append(append(b, `,"`...), key...), `_offset":"`...)
	return append(wording.AppendOffset(b, l.Distance(a)), '"')
}

// record appends an edge as a row of csv.
func (t *textEdges) record(e graph.Edge, src, dst *graph.Locator) {
	b := append(wording.AppendAddr(t.line, e.Source), ',')
	b = append(wording.AppendAddr(b, e.Target), ',')
	b = append(append(b, t.csv.Get(src.Mapping())...), ',')
	b = append(wording.AppendOffset(b, src.Offset(e.Source)), ',')
	b = append(append(b, t.csv.Get(dst.Mapping())...), ',')
	b = wording.AppendOffset(b, dst.Offset(e.Target))
	b = t.moduleFields(b, src, e.Source)
	t.line = t.moduleFields(b, dst, e.Target)
}

// moduleFields appends the module that an end of an edge lies in and the offset there,
// as fields of csv, which are empty if it lies in none.
func (t *textEdges) moduleFields(b []byte, l *graph.Locator, a addr.Addr) []byte {
	name, isModule := l.Name()
	if !isModule {
		return append(b, ",,"...)
	}
	b = append(append(b, ','), t.csv.Get(name)...)
	return wording.AppendOffset(append(b, ','), l.Distance(a))
}

// end writes the lines that are waiting.
func (t *textEdges) end() error {
	_, err := t.w.Write(t.line)
	t.line = t.line[:0]
	return err
}

// quoteCSV returns s as a field of csv.
func quoteCSV(s string) string {
	s = report.CSVText(s)
	if !strings.ContainsAny(s, "\",\r\n") {
		return s
	}
	return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
}

// writeNeighbourhood writes what lies at most hops references away from ranges, as dot
// or graphml.
func writeNeighbourhood(ctx context.Context, to io.Writer, g *graph.Graph, ranges []addr.Range, format string, hops int, unit uint64, workers int) error {
	f, err := g.Forward(ctx, workers)
	if err != nil {
		return err
	}
	n, err := f.Neighbourhood(ctx, ranges, hops, unit, maxLinks)
	if errors.Is(err, graph.ErrTooManyLinks) {
		return fmt.Errorf("%w, which no program draws: take fewer --hops, a smaller --target or larger --unit, or export csv or parquet to a database", err)
	}
	if err != nil {
		return err
	}
	at := graph.NewLocator(g)
	label := func(node graph.Node) string {
		if !at.FindFirst(node.Range) {
			return node.First.String()
		}
		return at.Text(node.First)
	}
	var b strings.Builder
	if format == "dot" {
		b.WriteString("digraph references {\n\tnode [shape=box];\n")
		for i, node := range n.Nodes {
			mark := ""
			if node.Hops == 0 {
				mark = ",style=bold"
			}
			fmt.Fprintf(&b, "\tn%d [label=%s%s];\n", i, quoteDOT(label(node), node.First.String()), mark)
		}
		for _, l := range n.Links {
			count := ""
			if l.Edges > 1 {
				count = fmt.Sprintf(" [label=%d]", l.Edges)
			}
			fmt.Fprintf(&b, "\tn%d -> n%d%s;\n", l.From, l.To, count)
		}
		b.WriteString("}\n")
	} else {
		b.WriteString(`<?xml version="1.0" encoding="UTF-8"?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns">
<key id="addr" for="node" attr.name="addr" attr.type="string"/>
<key id="label" for="node" attr.name="label" attr.type="string"/>
<key id="hops" for="node" attr.name="hops" attr.type="int"/>
<key id="edges" for="edge" attr.name="edges" attr.type="long"/>
<graph edgedefault="directed">
`)
		for i, node := range n.Nodes {
			fmt.Fprintf(&b, "<node id=\"n%d\"><data key=\"addr\">%v</data><data key=\"label\">%s</data><data key=\"hops\">%d</data></node>\n",
				i, node.First, escapeXML(wording.Escape(label(node))), node.Hops)
		}
		for i, l := range n.Links {
			fmt.Fprintf(&b, "<edge id=\"e%d\" source=\"n%d\" target=\"n%d\"><data key=\"edges\">%d</data></edge>\n", i, l.From, l.To, l.Edges)
		}
		b.WriteString("</graph>\n</graphml>\n")
	}
	_, err = io.WriteString(to, b.String())
	return err
}

// quoteDOT returns a label of two lines as a string of dot. In labels a backslash begins an
// escape and an & a reference to a character, as in HTML: what a name has of them is
// written so that it shows.
func quoteDOT(name, second string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "&", "&amp;").Replace(wording.Escape(name)) + `\n` + second + `"`
}

// escapeXML returns s as text of XML.
func escapeXML(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace(s)
}
