package summary

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"vscan/engine/sweep/state"
)

// matrixView is the table of images and patterns.
type matrixView struct {
	Columns []matrixColumn
	Rows    []matrixRow
	Foot    []matrixRow // what is not shown, and the sums: they stay at the end
	Others  bool        // the last column is that of all other patterns
}

type matrixColumn struct {
	Name  string
	Title string
}

type matrixRow struct {
	Name  string
	Total matrixCell
	Cells []matrixCell
}

// matrixCell is a number of hits: as it is shown, as it is, and how strong its colour is.
type matrixCell struct {
	Text  string
	Exact string
	Sort  uint64
	Step  int // 0 to heatSteps; see step
}

func cellOf(n uint64, atLeast bool, step int) matrixCell {
	if n == 0 {
		return matrixCell{}
	}
	c := matrixCell{Text: short(n), Exact: hits(n, atLeast).Text, Sort: n, Step: step}
	if atLeast {
		c.Text = "≥ " + c.Text
	}
	return c
}

// short returns a number in at most five characters.
func short(n uint64) string {
	if n < 10_000 {
		return digits(n)
	}
	f, unit := float64(n), ""
	for _, unit = range []string{"k", "M", "G", "T", "P", "E"} {
		if f /= 1000; f < 999.5 { // what is more would print as 1000
			break
		}
	}
	if f < 99.95 {
		return fmt.Sprintf("%.1f%s", f, unit)
	}
	return fmt.Sprintf("%.0f%s", f, unit)
}

// matrix returns the table of the images and the patterns with the most hits, in the order as
// given and as asked, with what is not shown summed up in a row and a column; and what is left
// out of it.
func (s *Summary) matrix(l pageLimits) (m matrixView, left string) {
	columns := slices.Clone(s.Patterns[:min(len(s.Patterns), l.columns)])
	slices.SortFunc(columns, func(a, b Pattern) int { return cmp.Compare(a.Pattern, b.Pattern) })
	rows := slices.Clone(s.rows[:min(len(s.rows), l.rows)])
	slices.SortFunc(rows, func(a, b *state.Image) int { return cmp.Compare(a.N, b.N) })
	place := map[int]int{}
	for k, p := range columns {
		place[p.Pattern] = k
		m.Columns = append(m.Columns, matrixColumn{l.name(p.Name), fmt.Sprint("pattern ", p.Pattern)})
	}
	cells, few, most := matrixCounts(rows, place)
	m.Others = len(columns) < s.WithHits
	others := hitsOf(columns) // what is left of each pattern when the rows are taken from it
	rest := s.Hits
	for r, i := range rows {
		row := matrixRow{Name: l.name(i.Arg), Total: cellOf(i.Hits, i.AtLeast, 0)}
		beyond := i.Hits
		for k, c := range cells[r] {
			row.Cells = append(row.Cells, cellOf(c.Hits, c.AtLeast, step(c.Hits, few, most)))
			others[k] = less(others[k], c.Hits)
			beyond = less(beyond, c.Hits)
		}
		rest = less(rest, i.Hits)
		if m.Others {
			row.Cells = append(row.Cells, cellOf(beyond, i.AtLeast, 0))
		}
		m.Rows = append(m.Rows, row)
	}
	m.Foot = s.matrixFoot(columns, others, rest, m.Others)
	all := s.ImagesWithHits
	if uint64(len(rows)) < all || m.Others {
		left = fmt.Sprintf("Shown are %s of %s with hits and %s of %s with hits, those with the most; what is left out is summed up in the last row and column.",
			digits(uint64(len(rows))), grouped(all, "image"), digits(uint64(len(columns))), grouped(uint64(s.WithHits), "pattern"))
	}
	return m, left
}

// matrixCounts returns the hits of images in the columns of the matrix, and the fewest and the
// most of them that are not 0.
func matrixCounts(rows []*state.Image, place map[int]int) (cells [][]state.PatternHits, few, most uint64) {
	few = math.MaxUint64
	for _, i := range rows {
		row := make([]state.PatternHits, len(place))
		for _, p := range i.Patterns {
			if k, ok := place[p.Pattern]; ok {
				row[k] = p
				few, most = min(few, p.Hits), max(most, p.Hits)
			}
		}
		cells = append(cells, row)
	}
	return cells, few, most
}

// matrixFoot returns the row of the images that are not shown, if any of them has a hit, and that
// of the sums.
func (s *Summary) matrixFoot(columns []Pattern, others []uint64, rest uint64, more bool) (foot []matrixRow) {
	sums := matrixRow{Name: "all images", Total: cellOf(s.Hits, s.AtLeast, 0)}
	left := matrixRow{Name: "other images", Total: cellOf(rest, s.AtLeast, 0)}
	beyond, beyondRest := s.Hits, rest
	for k, p := range columns {
		sums.Cells = append(sums.Cells, cellOf(p.Hits, p.Limited > 0, 0))
		left.Cells = append(left.Cells, cellOf(others[k], p.Limited > 0, 0))
		beyond, beyondRest = less(beyond, p.Hits), less(beyondRest, others[k])
	}
	if more {
		sums.Cells = append(sums.Cells, cellOf(beyond, s.AtLeast, 0))
		left.Cells = append(left.Cells, cellOf(beyondRest, s.AtLeast, 0))
	}
	if rest > 0 {
		foot = append(foot, left)
	}
	return append(foot, sums)
}

func hitsOf(columns []Pattern) (sums []uint64) {
	for _, p := range columns {
		sums = append(sums, p.Hits)
	}
	return sums
}

// step returns how strong the colour of a count is, of 1 to heatSteps: by the logarithm, from the
// fewest to the most. 0 has none.
func step(n, few, most uint64) int {
	if n == 0 {
		return 0
	}
	if few == most {
		return 1
	}
	share := math.Log(float64(n)/float64(few)) / math.Log(float64(most)/float64(few))
	return 1 + min(heatSteps-1, int(heatSteps*share))
}

// less returns a − b, or 0 if that is less than none: sums stop at the largest number.
func less(a, b uint64) uint64 { return a - min(a, b) }
