package compare_test

import (
	"context"
	"fmt"

	"vscan/engine/sweep/compare"
	"vscan/engine/sweep/lines/linestest"
)

// printer prints what differs.
type printer struct{}

func (printer) Change(c *compare.Change) error {
	fmt.Println(c.Kind, c.Pattern, "in", c.Image, "from", c.A, "to", c.B)
	return nil
}

func (printer) Image(i *compare.Image) error {
	for _, p := range i.Patterns {
		fmt.Printf("%s: %s: %d the same, %d moved\n", i.Name(), p.Pattern, p.Same, p.Moved)
	}
	return nil
}

// Two sweeps are compared, whose results are in memory here; those of a folder are a
// state.Source as well.
func ExampleCompare() {
	monday, tuesday := linestest.New("key"), linestest.New("key")
	monday.Add("core", linestest.Hit("core", 0x1000, "key", "abc"), linestest.Hit("core", 0x2000, "key", "xyz"))
	tuesday.Add("core", linestest.Hit("core", 0x1000, "key", "abc"), linestest.Hit("core", 0x3000, "key", "xyz"))
	sum, err := compare.Compare(context.Background(), monday, tuesday, compare.Options{List: true}, printer{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("all the same:", sum.Same())
	// Output:
	// moved key in core from 0x2000 to 0x3000
	// core: key: 1 the same, 1 moved
	// all the same: false
}
