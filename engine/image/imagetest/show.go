package imagetest

import (
	"fmt"
	"strings"

	"vscan/engine"
)

// ShowPlaces prints mappings with what of their name lies before them.
func ShowPlaces(ms []engine.Mapping) string {
	var b strings.Builder
	for _, m := range ms {
		fmt.Fprintf(&b, "%s +%#x\n", strings.TrimSuffix(Show([]engine.Mapping{m}), "\n"), m.NameOffset)
	}
	return b.String()
}
