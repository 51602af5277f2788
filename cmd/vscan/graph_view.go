package main

import (
	"cmp"
	"context"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"math"
	"slices"

	"github.com/spf13/cobra"

	"vscan/engine/addr"
	"vscan/engine/graph"
)

//go:embed graphview/page.html
var viewPage string

var viewTemplate = template.Must(template.New("page").Parse(viewPage))

func (a *app) graphViewCommand() *cobra.Command {
	var out, target string
	var workers uint64
	var window offsets
	cmd := &cobra.Command{
		Use:   "view [flags] FILE -o PAGE",
		Short: "Draw a graph: one page for a browser, without network",
		Long: `view writes one HTML page that shows a graph: which regions refer to which, a heat
map of all memory against all memory, how much each part of the address space is
referred to, tables of what is referred to most, and, for a --target or else the
address most referred to, its neighbourhood and the best chains that lead to it.
The page needs no network and no server, and works with keyboard and screen reader.`,
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
			v := graphPage{ctx: cmd.Context(), g: g, workers: int(workers), window: window}
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
	viewRegions = 48   // of the matrix; those with fewest edges are one together
	viewBins    = 1024 // of the heat map, on either side
	viewStrip   = 4096 // bins of the strip
	viewTop     = 200  // rows of a table
	viewNodes   = 120
	viewFan     = 10 // links that are followed from one node, on either side
	viewChains  = 40
	viewUnit    = 64
)

// graphPage collects what the page shows.
type graphPage struct {
	ctx     context.Context
	g       *graph.Graph
	workers int
	window  offsets
	data    viewData
}

// viewData is what the page's script gets, as JSON.
type viewData struct {
	Name     string        `json:"name"`
	Facts    [][2]string   `json:"facts"`
	Notes    []string      `json:"notes"`
	Regions  []viewRegion  `json:"regions"` // of the matrix
	Matrix   []uint64      `json:"matrix"`  // row by row: from, to
	Axis     []viewStretch `json:"axis"`    // what the heat map's axes are
	Bins     int           `json:"bins"`
	Heat     string        `json:"heat"` // base64 of bytes: 0 for none, else 1 + 16 × log2 of the edges
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

// viewStretch is a run of the axis: memory of one region.
type viewStretch struct {
	Name  string  `json:"name"`
	First string  `json:"first"`
	From  float64 `json:"from"` // in bins
	To    float64 `json:"to"`
	Bytes float64 `json:"bytes"`
	start addr.Addr
	scale float64 // bytes a bin
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
	v.axis(cells)
	if err := v.heat(); err != nil {
		return err
	}
	if err := v.tops(); err != nil {
		return err
	}
	return v.picture(target)
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
		v.data.Regions = append(v.data.Regions, viewRegion{printable(shortPath(r.Name)), r.First.String(), r.Perm.String(), size(r.Size())})
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

// axis lays the regions that edges lead from or to side by side, each as long
// as its memory, but at least a bin: holes and what is never referred to take no
// room.
func (v *graphPage) axis(cells []graph.Cell) {
	used := map[int]bool{}
	for _, c := range cells {
		used[c.From], used[c.To] = true, true
	}
	var order []int
	for i := range used {
		order = append(order, i)
	}
	slices.Sort(order)
	regions := v.g.Regions()
	total := 0.0
	for _, i := range order {
		total += float64(regions[i].Size())
	}
	// Where there are more regions than bins, several share one.
	least := min(1.0, viewBins/max(2*float64(len(order)), 1))
	free := viewBins - least*float64(len(order))
	from := 0.0
	for _, i := range order {
		r := regions[i]
		to := from + least + free*float64(r.Size())/max(total, 1)
		v.data.Axis = append(v.data.Axis, viewStretch{
			Name: printable(shortPath(r.Name)), First: r.First.String(), From: from, To: to, Bytes: float64(r.Size()),
			start: r.First, scale: float64(r.Size()) / (to - from),
		})
		from = to
	}
	v.data.Bins = viewBins
}

// place is where on the axis an address is, in bins; near is the stretch to
// look at first, and is set.
func (v *graphPage) place(a addr.Addr, near *int) float64 {
	axis := v.data.Axis
	if k := *near; !(k < len(axis) && axis[k].start <= a && (k+1 == len(axis) || a < axis[k+1].start)) {
		k, _ = slices.BinarySearchFunc(axis, a, func(s viewStretch, a addr.Addr) int {
			if s.start <= a {
				return -1
			}
			return 1
		})
		*near = max(k-1, 0)
	}
	s := &axis[*near]
	return min(s.From+float64(a-s.start)/s.scale, s.To)
}

// heat counts edges by bins of both axes, and by bins of the strip.
func (v *graphPage) heat() error {
	heat := make([]uint64, viewBins*viewBins)
	v.data.Strip = make([]uint64, viewStrip)
	from, to := 0, 0
	n := 0
	if len(v.data.Axis) > 0 {
		for e, err := range v.g.To(addr.All) {
			if err != nil {
				return err
			}
			if n++; n&0xfffff == 0 && v.ctx.Err() != nil {
				return context.Cause(v.ctx)
			}
			x, y := v.place(e.Source, &from), v.place(e.Target, &to)
			heat[min(int(x), viewBins-1)*viewBins+min(int(y), viewBins-1)]++
			v.data.Strip[min(int(y*viewStrip/viewBins), viewStrip-1)]++
		}
	}
	b := make([]byte, len(heat))
	for i, c := range heat {
		if c > 0 {
			b[i] = byte(min(1+16*math.Log2(float64(c)), 255))
		}
	}
	v.data.Heat = base64.StdEncoding.EncodeToString(b)
	v.data.StripMax = slices.Max(v.data.Strip)
	return nil
}

func (v *graphPage) tops() error {
	rows := func(top []graph.Ranked, err error) ([]viewTopRow, error) {
		var out []viewTopRow
		for _, r := range top {
			out = append(out, viewTopRow{r.Edges, r.First.String(), printable(placeOf(v.g, r.First)), size(r.Size())})
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
	return viewTemplate.Execute(w, struct {
		Name string
		Data template.JS
	}{v.data.Name, template.JS(b)})
}
