package main

import (
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"slices"
	"sync"

	"github.com/spf13/cobra"

	"vscan/engine/graph"
)

var (
	//go:embed graphview/page.html
	viewPage string
	//go:embed graphview/page.css
	viewStyle string
	//go:embed graphview/page.js
	viewScript string
)

var viewTemplate = sync.OnceValue(func() *template.Template { return template.Must(template.New("page").Parse(viewPage)) })

func (a *graphCommands) graphViewCommand() *cobra.Command {
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
				return usageError(cmd, "want the file of a graph and a page to write: vscan graph view FILE -o PAGE")
			}
			if same(out, args[0]) {
				return fmt.Errorf("%s is the graph: write to another file", out)
			}
			g, err := a.openGraph(args[0])
			if err != nil {
				return err
			}
			defer g.Close()
			v := graphPage{ctx: cmd.Context(), g: g, workers: int(workers), window: window, heatRoom: heatBytes}
			if err := v.collect(args[0], target); err != nil {
				return err
			}
			return writeFile(out, v.write)
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

// The page holds at most so much of each thing, so that it stays below 5 MB
// whatever the graph.
const (
	viewBytes   = 4_900_000
	viewRegions = 48   // of the matrix; those with fewest edges are one together
	viewStrip   = 4096 // bins of the strip
	viewTop     = 200  // rows of a table
	viewNodes   = 120
	viewFan     = 10 // links that are followed from one node, on either side
	viewChains  = 40
	viewUnit    = 64
)

// graphPage collects what the page shows.
type graphPage struct {
	ctx      context.Context
	g        *graph.Graph
	workers  int
	window   offsets
	heatRoom int // bytes that the heat map may take
	data     viewData
}

// viewData is what the page's script gets, as JSON.
type viewData struct {
	Name     string        `json:"name"`
	Facts    [][2]string   `json:"facts"`
	Notes    []string      `json:"notes"`
	Regions  []viewRegion  `json:"regions"` // of the matrix
	Matrix   []uint64      `json:"matrix"`  // row by row: from, to
	Axis     []viewStretch `json:"axis"`    // what the heat map's axes are
	Heat     viewHeat      `json:"heat"`
	StripMax uint64        `json:"stripMax"`
	Strip    []uint64      `json:"strip"`
	Targets  []viewTopRow  `json:"targets"`
	Pages    []viewTopRow  `json:"pages"`
	Into     []viewTopRow  `json:"into"` // regions
	Target   string        `json:"target"`
	Nodes    []viewNode    `json:"nodes"`
	Links    [][3]int      `json:"links"` // from, to, edges; 0 edges where a chain adds an offset
	Chains   []viewChain   `json:"chains"`
	Walks    []string      `json:"walks"`
}

type viewRegion struct {
	Name  string `json:"name"`
	First string `json:"first"`
	Perm  string `json:"perm"`
	Size  string `json:"size"`
}

type viewTopRow struct {
	Edges uint64 `json:"edges"`
	Addr  string `json:"addr"`
	Place string `json:"place"`
	Size  string `json:"size"`
}

type viewNode struct {
	Addr  string `json:"addr"`
	Place string `json:"place"`
	Hops  int    `json:"hops"`
	Role  string `json:"role"` // target, root, chain or near
	More  int    `json:"more"` // links that are not drawn, from it or to it
}

type viewChain struct {
	Base    string   `json:"base"`
	Offsets []string `json:"offsets"`
	Addr    string   `json:"addr"`
	Words   []string `json:"words"`
}

func (v *graphPage) collect(path, target string) error {
	v.data.Name = printable(path)
	i := v.g.Info()
	v.data.Facts = [][2]string{
		{"Machine", v.g.Arch().String()},
		{"Edges", fmt.Sprint(i.Edges)},
		{"Density", fmt.Sprintf("%.1f %% of %d words", 100*i.Density(), i.Words)},
		{"Referred to", plural(i.Pages, "page")},
		{"Memory", size(i.Present) + " present, " + size(i.Absent) + " absent"},
		{"Regions", fmt.Sprint(i.Regions)},
	}
	if !v.g.Complete() {
		v.data.Notes = append(v.data.Notes, fmt.Sprintf("Not complete: %s of the image could not be read.", size(i.Unreadable)))
	}
	if i.Filtered || i.PresentOnly {
		v.data.Notes = append(v.data.Notes, "Edges were left out when the graph was built: only from or to some places, or only to saved bytes.")
	}
	cells, err := v.g.Matrix(v.ctx, v.workers)
	if err != nil {
		return err
	}
	v.matrix(cells)
	if err := v.tops(); err != nil {
		return err
	}
	if err := v.picture(target); err != nil {
		return err
	}
	return v.heat()
}

// matrix is the counts of the regions with most edges, and of all others
// together.
func (v *graphPage) matrix(cells []graph.Cell) {
	regions := v.g.Regions()
	weight := map[int]uint64{}
	for _, c := range cells {
		weight[c.From] += c.Edges
		weight[c.To] += c.Edges
	}
	var order []int
	for i := range weight {
		order = append(order, i)
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Or(cmp.Compare(weight[b], weight[a]), cmp.Compare(a, b)) })
	rest := len(order) > viewRegions
	if rest {
		order = order[:viewRegions-1]
	}
	slices.Sort(order)
	row := map[int]int{}
	for k, i := range order {
		r := regions[i]
		row[i] = k
		v.data.Regions = append(v.data.Regions, viewRegion{viewName(r.Name), r.First.String(), r.Perm.String(), size(r.Size())})
	}
	if rest {
		v.data.Regions = append(v.data.Regions, viewRegion{Name: fmt.Sprintf("%d others", len(weight)-len(order)), First: "", Size: ""})
	}
	n := len(v.data.Regions)
	v.data.Matrix = make([]uint64, n*n)
	at := func(i int) int {
		if k, ok := row[i]; ok {
			return k
		}
		return n - 1
	}
	for _, c := range cells {
		v.data.Matrix[at(c.From)*n+at(c.To)] += c.Edges
	}
}

func (v *graphPage) tops() error {
	rows := func(top []graph.Ranked, err error) ([]viewTopRow, error) {
		var out []viewTopRow
		for _, r := range top {
			out = append(out, viewTopRow{r.Edges, r.First.String(), printable(placeOfUnit(v.g, r.Range)), size(r.Size())})
		}
		return out, err
	}
	var errs [3]error
	v.data.Targets, errs[0] = rows(v.g.TopTargets(v.ctx, viewTop, v.workers))
	v.data.Pages, errs[1] = rows(v.g.TopPages(viewTop))
	v.data.Into, errs[2] = rows(v.g.TopRegions(v.ctx, viewTop, v.workers))
	return errors.Join(errs[:]...)
}

func (v *graphPage) write(w io.Writer) error {
	b, err := json.Marshal(v.data) // < and > are escaped, so it cannot end the script
	if err != nil {
		return err
	}
	return viewTemplate().Execute(w, struct {
		Name   string
		Style  template.CSS
		Script template.JS
		Data   template.JS
	}{v.data.Name, template.CSS(viewStyle), template.JS(viewScript), template.JS(b)})
}
