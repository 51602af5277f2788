package engine_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/patterns"
)

// badDisk is memory of 3 pages, the second of which cannot be read.
type badDisk struct{ pages [3][engine.PageSize]byte }

func (d *badDisk) Name() string { return "disk" }
func (d *badDisk) Size() uint64 { return uint64(len(d.pages) * engine.PageSize) }

// View copies page by page to buf, up to the first byte that cannot be read, and returns why it
// cannot.
func (d *badDisk) View(buf []byte, off uint64, n int) ([]byte, error) {
	for done := 0; done < n; {
		at := off + uint64(done)
		page := at / engine.PageSize
		if page == 1 {
			return buf[:done], errors.New("bad sector")
		}
		if page >= uint64(len(d.pages)) {
			return buf[:done], errors.New("past the end of the disk")
		}
		done += copy(buf[done:n], d.pages[page][at%engine.PageSize:])
	}
	return buf[:n], nil
}

// This example has a source of its own, with a page that cannot be read, and a layer over half of
// that page. It prints what is found, and what was not looked at.
func ExampleSource() {
	disk := &badDisk{}
	copy(disk.pages[0][0x10:], "needle")
	copy(disk.pages[1][0x10:], "needle")
	copy(disk.pages[2][0x10:], "needle")
	r, _ := addr.Sized(0x10000, disk.Size())
	space, err := engine.NewSpace(engine.Mapping{Range: r, Source: disk, Name: "disk"})
	if err != nil {
		log.Fatal(err)
	}
	rescued := make([]byte, engine.PageSize/2)
	copy(rescued[0x20:], "needle")
	layer, err := engine.BytesMapping("rescued", 0x11800, rescued)
	if err != nil {
		log.Fatal(err)
	}
	if space, err = space.Add(layer); err != nil {
		log.Fatal(err)
	}

	set, err := patterns.Compile(context.Background(), []patterns.Pattern{patterns.Bytes([]byte("needle"))}, patterns.Target{})
	if err != nil {
		log.Fatal(err)
	}
	scanner, err := engine.Compile(context.Background(), space, set, engine.Options{})
	if err != nil {
		log.Fatal(err)
	}
	for hit, err := range scanner.All(context.Background()) {
		var incomplete *engine.IncompleteError
		if errors.As(err, &incomplete) {
			fmt.Println(incomplete)
			for _, r := range incomplete.Stats.Unreadable {
				_, why := space.Byte(r.First)
				fmt.Printf("%v: %v\n", r, why)
			}
			break // an error comes last
		}
		fmt.Printf("%v %s\n", hit.Addr, space.At(hit.Addr).Mapping.Name)
	}
	// Output:
	// 0x10010 disk
	// 0x11820 rescued
	// 0x12010 disk
	// not complete: 2048 bytes could not be read, the first at 0x11000
	// 0x11000..0x117ff: address 0x11000: cannot be read from disk at offset 0x1000: bad sector
}
