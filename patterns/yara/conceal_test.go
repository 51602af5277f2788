package yara

import (
	"fmt"
	"io"
	"io/fs"
	"strings"
	"testing"
)

// What is wrong with an included file that is none of rules is told without its text:
// rules of strangers may include what only the user can read.
func TestIncludeConceals(t *testing.T) {
	const hidden = "no rule can be read here; the text is not shown"
	for text, want := range map[string]string{
		"root:secret:19000:0\ndaemon:*:19000\n":        "b:1:1: " + hidden,
		"secret = \"secret":                            "b:1:1: " + hidden,
		"rule secret 5":                                "b:1:13: " + hidden,
		"global rule secret : secret (":                "b:1:29: " + hidden,
		"import \"secret 1\"":                          "b:1:8: " + hidden,
		"/* secret":                                    "b:1:1: " + hidden,
		"include \"/none\" secret":                     "b:1:9: cannot include /none: file does not exist",
		"12secret":                                     "b:1:1: " + hidden,
		"rule shown { condition: shown2 + }":           `rule shown: want a value`,
		"rule a { condition: true } shown":             `want rule, import or include, found "shown"`,
		"rule shown { strings: $a = /(/ condition: 1}": "rule shown: ",
	} {
		open := func(path string) (io.ReadCloser, error) {
			if path != "b" {
				return nil, fs.ErrNotExist
			}
			return io.NopCloser(strings.NewReader(text)), nil
		}
		rules, err := Parse(t.Context(), "a", strings.NewReader(`include "b"`), open)
		var told []string
		if err != nil {
			told = append(told, err.Error())
		} else {
			for _, s := range rules.Skipped {
				line := position{s.File, s.Line, s.Column}
				told = append(told, placeOf(line)+": "+s.Reason)
				if s.Rule != "" {
					told = append(told, "rule "+s.Rule+": "+s.Reason)
				}
			}
		}
		all := strings.Join(told, "\n")
		if !strings.Contains(all, want) || strings.Contains(all, "secret") {
			t.Errorf("%q: told %s\nwant %s", text, all, want)
		}
	}
	// Of the file that is named, it is shown.
	if rules, err := Parse(t.Context(), "a", strings.NewReader("shown"), nil); err != nil || !strings.Contains(rules.Skipped[0].Reason, `found "shown"`) {
		t.Error(err)
	}
}

func placeOf(p position) string { return fmt.Sprintf("%s:%d:%d", p.file, p.line, p.column) }
