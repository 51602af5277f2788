package search_test

import (
	"context"
	"fmt"
	"log"

	"vscan/engine"
	"vscan/engine/image/layered"
	"vscan/engine/search"
	"vscan/patterns"
)

// collected is a sink that prints what it is given.
type collected struct{ img *layered.Image }

func (c *collected) Begin(s *search.Search) error {
	c.img = s.Image()
	fmt.Printf("%s: %d bytes to search\n", c.img.Arg, s.Bytes())
	return nil
}

func (c *collected) Hit(h *search.Hit) error {
	at := c.img.Space.At(h.Addr)
	fmt.Printf("%v %s in %s: %q %q\n", h.Addr, h.Name, at.Mapping.Name, h.Text, h.Value)
	return nil
}

func (c *collected) Rule(m *search.RuleMatch) error { return nil } // there are no rules

func (c *collected) End(s *search.Summary) error {
	fmt.Printf("%d hits, complete: %v\n", s.Hits, s.Complete)
	return nil
}

func Example() {
	heap, err := engine.BytesMapping("[heap]", 0x1000, []byte("user=alice\x00\x2a\x00\x00\x00"))
	if err != nil {
		log.Fatal(err)
	}
	space, err := engine.NewSpace(heap)
	if err != nil {
		log.Fatal(err)
	}
	var pats []patterns.Pattern
	for _, text := range []string{"text:user=", "re:[a-z]{5}", "u32le:42"} {
		p, err := patterns.Parse(text)
		if err != nil {
			log.Fatal(err)
		}
		pats = append(pats, p)
	}
	q := search.Query{Patterns: pats, Decode: true}
	if _, err := q.Run(context.Background(), layered.Of("memory", space), &collected{}); err != nil {
		log.Fatal(err)
	}
	// Output:
	// memory: 15 bytes to search
	// 0x1000 text:user= in [heap]: "user=" ""
	// 0x1005 re:[a-z]{5} in [heap]: "alice" ""
	// 0x100b u32le:42 in [heap]: "" "42"
	// 3 hits, complete: true
}
