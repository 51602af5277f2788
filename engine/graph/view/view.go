// Package view draws a graph as one HTML page for a browser, which asks for nothing on
// the network: which regions refer to which, a heat map of all memory against all
// memory down to single pages, how much each part of memory is referred to, tables of
// what is referred to most, and the neighbourhood of a target with the best chains to
// it.
//
// The page is page.html with the style of package webpage, page.css, page.js and the data, as JSON, put into it.
package view

import (
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"text/template"

	"vscan/engine/addr"
	"vscan/engine/budget"
	"vscan/engine/graph"
	"vscan/internal/webpage"
	"vscan/internal/wording"
)

var (
	//go:embed page.html
	pageHTML string
	//go:embed page.css
	pageRules string
	//go:embed page.js
	pageScript string
)

var pageStyle = sync.OnceValue(func() string { return webpage.Style("--chain: #8250df;", "--chain: #c297ff;", pageRules) })

var pageTemplate = sync.OnceValue(func() *template.Template { return template.Must(template.New("page").Parse(pageHTML)) })

// Options say what a page shows. The zero value works.
type Options struct {
	Name    string        // of the graph: the page's title
	Target  *addr.Range   // what the picture and the chains lead to; nil: the address that is referred to most
	Window  *graph.Window // of the chains; nil: that of graph.ChainOptions
	Workers int           // as many goroutines; 0: one a processor

	// Budget is asked for the memory of regions and of the heat map before it is spent, which is given back
	// when the page is written: the error is a *budget.Error. Nil has no limit.
	Budget *budget.Budget
}

// Page writes the page of a graph, at most 5 MB. Where that is not enough for all
// pages of memory, it says so, and its heat map shows larger squares of memory where
// there are fewest references. Nothing is written before all is there. An error is
// one of reading the graph, of writing, or the cause of ctx.
func Page(ctx context.Context, w io.Writer, g *graph.Graph, o Options) error {
	p, err := newPage(ctx, g, o, heatBytes)
	if err != nil {
		return err
	}
	return p.write(w)
}

// newPage collects what the page shows. heatRoom is the number of bytes that the heat
// map may take.
func newPage(ctx context.Context, g *graph.Graph, o Options, heatRoom int) (*page, error) {
	o.Budget = o.Budget.Share()
	defer o.Budget.Release()
	if err := o.Budget.Take(budget.Product(uint64(len(g.Regions())), regionBytes), "the regions of the page"); err != nil {
		return nil, err
	}
	p := &page{ctx: ctx, g: g, options: o, heatRoom: heatRoom}
	return p, p.collect()
}

// The page holds at most so much of each thing, so that it stays below 5 MB
// whatever the graph.
const (
	maxBytes   = 4_900_000
	maxRegions = 48   // of the matrix; those with fewest edges are one together
	stripBins  = 4096 // bins of the strip
	maxRows    = 200  // rows of a table
	maxNodes   = 120
	maxFan     = 10 // links that are followed from one node, on either side
	maxChains  = 40
	nodeBytes  = 64
)

// page collects what the page shows.
type page struct {
	ctx      context.Context
	g        *graph.Graph
	options  Options
	heatRoom int // bytes that the heat map may take
	data     pageData
}

// pageData is what the page's script gets, as JSON.
type pageData struct {
	Name     string      `json:"name"`
	Facts    [][2]string `json:"facts"`
	Notes    []string    `json:"notes"`
	Regions  []regionRow `json:"regions"` // of the matrix
	Matrix   []uint64    `json:"matrix"`  // row by row: from, to
	Axis     []stretch   `json:"axis"`    // what the heat map's axes are
	Heat     heatData    `json:"heat"`
	StripMax uint64      `json:"stripMax"`
	Strip    []uint64    `json:"strip"`
	Targets  []topRow    `json:"targets"`
	Pages    []topRow    `json:"pages"`
	Into     []topRow    `json:"into"` // regions
	Target   string      `json:"target"`
	Nodes    []nodeRow   `json:"nodes"`
	Links    [][3]int    `json:"links"` // from, to, edges; 0 edges where a chain adds an offset
	Chains   []chainRow  `json:"chains"`
	Walks    []string    `json:"walks"`
}

type regionRow struct {
	Name  string `json:"name"`
	First string `json:"first"`
	Perm  string `json:"perm"`
	Size  string `json:"size"`
}

type topRow struct {
	Edges uint64 `json:"edges"`
	Addr  string `json:"addr"`
	Place string `json:"place"`
	Size  string `json:"size"`
}

type nodeRow struct {
	Addr  string `json:"addr"`
	Place string `json:"place"`
	Hops  int    `json:"hops"`
	Role  string `json:"role"` // target, root, chain or near
	More  int    `json:"more"` // links that are not drawn, from it or to it
}

type chainRow struct {
	Base    string   `json:"base"`
	Offsets []string `json:"offsets"`
	Addr    string   `json:"addr"`
	Words   []string `json:"words"`
}

func (v *page) collect() error {
	v.data.Name = wording.Escape(v.options.Name)
	i := v.g.Info()
	v.data.Facts = [][2]string{
		{"Machine", v.g.Arch().String()},
		{"Edges", fmt.Sprint(i.Edges)},
		{"Density", fmt.Sprintf("%.1f %% of %d words", 100*i.Density(), i.Words)},
		{"Referred to", wording.Count(i.Pages, "page")},
		{"Memory", wording.Size(i.Present) + " present, " + wording.Size(i.Absent) + " absent"},
		{"Regions", fmt.Sprint(i.Regions)},
	}
	if !v.g.Complete() {
		v.data.Notes = append(v.data.Notes, fmt.Sprintf("Not complete: %s of the image could not be read.", wording.Size(i.Unreadable)))
	}
	if i.Filtered || i.PresentOnly {
		v.data.Notes = append(v.data.Notes, "Edges were left out when the graph was built: only from or to some places, or only to saved bytes.")
	}
	cells, err := v.g.Matrix(v.ctx, v.options.Workers)
	if err != nil {
		return err
	}
	v.matrix(cells)
	if err := v.tops(); err != nil {
		return err
	}
	if err := v.picture(); err != nil {
		return err
	}
	return v.heat()
}

// matrix is the counts of the regions with most edges, and of all others
// together.
func (v *page) matrix(cells []graph.RegionCell) {
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
	rest := len(order) > maxRegions
	if rest {
		order = order[:maxRegions-1]
	}
	slices.Sort(order)
	row := map[int]int{}
	for k, i := range order {
		r := regions[i]
		row[i] = k
		v.data.Regions = append(v.data.Regions, regionRow{shownName(r.Name), r.First.String(), r.Perm.String(), wording.Size(r.Size())})
	}
	if rest {
		v.data.Regions = append(v.data.Regions, regionRow{Name: fmt.Sprintf("%d others", len(weight)-len(order)), First: "", Size: ""})
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

func (v *page) tops() error {
	rows := func(top []graph.Ranked, err error) ([]topRow, error) {
		var out []topRow
		at := graph.NewLocator(v.g)
		for _, r := range top {
			out = append(out, topRow{r.Edges, r.First.String(), wording.Escape(at.TextOf(r.Range)), wording.Size(r.Size())})
		}
		return out, err
	}
	var errs [3]error
	v.data.Targets, errs[0] = rows(v.g.TopTargets(v.ctx, maxRows, v.options.Workers))
	v.data.Pages, errs[1] = rows(v.g.TopPages(v.ctx, maxRows))
	v.data.Into, errs[2] = rows(v.g.TopRegions(v.ctx, maxRows, v.options.Workers))
	return errors.Join(errs[:]...)
}

func (v *page) write(w io.Writer) error {
	b, err := json.Marshal(v.data) // < and > are escaped, so it cannot end the script
	if err != nil {
		return err
	}
	return pageTemplate().Execute(w, struct{ Name, Style, Script, Data string }{template.HTMLEscapeString(v.data.Name), pageStyle(), pageScript, string(b)})
}
