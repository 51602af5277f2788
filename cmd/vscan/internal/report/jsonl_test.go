package report

import (
	"bytes"
	"strings"
	"testing"

	"vscan/cmd/vscan/internal/console"
	"vscan/engine/image"
	"vscan/engine/search"
)

// What changed about files is an array; where a path is not UTF-8, the texts of all are
// escaped, and the line says so.
func TestChangesAsJSON(t *testing.T) {
	for path, want := range map[string]string{
		"a\"b":  `"changed":[{"file":"a\"b","what":"size","before":"1","after":"2"}]`,
		"a\xff": `"changed":[{"file":"a\\xff","what":"size","before":"1","after":"2"}]`,
	} {
		var b bytes.Buffer
		out := console.NewOutput(&b, &bytes.Buffer{})
		NewJSONLReporter(out, Style{}).Summary(&search.Summary{Changed: []image.Change{{Path: path, What: image.ChangedSize, Before: "1", After: "2"}}})
		out.Close()
		if got := b.String(); !strings.Contains(got, want) || strings.Contains(got, `"escaped":["changed"]`) != (path == "a\xff") {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
