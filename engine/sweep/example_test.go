package sweep_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"strings"

	"vscan/engine/search"
	"vscan/engine/sweep"
	"vscan/patterns"
)

// A search is cut into tasks, each of which could run on a machine of its own, and put
// together again.
func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "dump.raw")
	if err := os.WriteFile(path, []byte(strings.Repeat(".", 95)+"password=hunter2"+strings.Repeat(".", 95)), 0o600); err != nil {
		log.Fatal(err)
	}
	pattern, err := patterns.Parse("re:password=[a-z0-9]+")
	if err != nil {
		log.Fatal(err)
	}
	question, err := sweep.NewQuestion(&search.Query{Patterns: []patterns.Pattern{pattern}}, nil)
	if err != nil {
		log.Fatal(err)
	}
	plan, err := sweep.NewPlan(ctx, []sweep.ImageSpec{{Arg: path}}, question, sweep.Options{TaskBytes: 100})
	if err != nil {
		log.Fatal(err)
	}
	results := plan.Results()
	for i := range plan.Tasks {
		var result bytes.Buffer // would be stored, and sent here
		if _, err := plan.Run(ctx, i, &result, sweep.RunOptions{}); err != nil {
			log.Fatal(err)
		}
		open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(result.Bytes())), nil }
		if err := results.Add(ctx, plan.Tasks[i].Name, open); err != nil {
			log.Fatal(err)
		}
	}
	for _, i := range results.Missing() {
		fmt.Println("missing:", plan.Tasks[i].Name)
	}
	img, err := plan.Open(ctx, 0, sweep.OpenOptions{})
	if err != nil {
		log.Fatal(err)
	}
	defer img.Close()
	query, err := plan.Question.Query(ctx, nil)
	if err != nil {
		log.Fatal(err)
	}
	sum, err := results.Stitch(ctx, 0, img, query, search.HitFunc(func(h *search.Hit) error {
		fmt.Printf("%v %s\n", h.Addr, h.Bytes)
		return nil
	}))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(plan.Tasks), "tasks, complete:", sum.Complete)
	// Output:
	// 0x5f password=hunter2
	// 3 tasks, complete: true
}
