package image

import (
	"fmt"
	"strings"

	"vscan/engine"
)

// showPlaces prints mappings with what of their name lies before them.
func showPlaces(ms []engine.Mapping) string {
	var b strings.Builder
	for _, m := range ms {
		fmt.Fprintf(&b, "%s +%#x\n", strings.TrimSuffix(show([]engine.Mapping{m}), "\n"), m.NameOffset)
	}
	return b.String()
}
