package formats_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/engine/image/formats"
)

// The memory of a file of no known format, placed at an address.
func ExampleOpen() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "memory")
	if err := os.WriteFile(path, []byte("some bytes of memory"), 0o600); err != nil {
		log.Fatal(err)
	}
	base := addr.Addr(0x7000)
	img, err := formats.Open(context.Background(), path, image.Options{Base: &base})
	if err != nil {
		log.Fatal(err)
	}
	defer img.Close()
	space, err := engine.NewSpace(img.Mappings...)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s: %d bytes are missing\n", img.Format, img.Missing)
	for v := range space.Intervals(addr.All) {
		if v.Mapping != nil {
			fmt.Println(v.First, v.Last, v.State())
		}
	}
	// Output:
	// raw: 0 bytes are missing
	// 0x7000 0x7013 present
}
