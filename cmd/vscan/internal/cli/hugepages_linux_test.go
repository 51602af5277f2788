package cli

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
)

// What the heap grows into is memory for which huge pages are asked, and none of it is taken
// before it is touched.
func TestHugePages(t *testing.T) {
	const size = 64 << 20
	hugePages(size)
	before := huge(t)
	if before > size/2 {
		t.Errorf("%d bytes are resident", before)
	}
	b := make([]byte, size/4)
	for i := 0; i < len(b); i += 4096 {
		b[i] = 1
	}
	if after := huge(t); after < before+len(b)/2 {
		t.Errorf("%d bytes resident in huge pages, or in what would have been some, %d before: want %d more", after, before, len(b))
	}
	runtime.KeepAlive(b)
}

// huge returns how many bytes are resident of mappings for which huge pages are asked.
func huge(t *testing.T) (bytes int) {
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		t.Skip(err)
	}
	defer f.Close()
	resident := 0
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var kib int
		if n, _ := fmt.Sscanf(lines.Text(), "Rss: %d kB", &kib); n == 1 {
			resident = kib << 10
		}
		if flags, ok := strings.CutPrefix(lines.Text(), "VmFlags:"); ok && strings.Contains(flags+" ", " hg ") {
			bytes += resident
		}
	}
	return bytes
}
