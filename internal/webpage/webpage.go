// Package webpage has what the pages share that vscan writes for a browser: how they
// look, light and dark, and what they may do. A page is one file that asks for nothing on
// the network.
package webpage

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
)

//go:embed base.css
var base string

// The colours of all pages.
const (
	light = "--bg: #ffffff; --fg: #1b1f24; --dim: #57606a; --line: #d0d7de; --card: #f6f8fa; --accent: #0550ae; --hot: #b35900; --focus: #0969da;"
	dark  = "--bg: #0d1117; --fg: #e6edf3; --dim: #9198a1; --line: #3d444d; --card: #151b23; --accent: #79c0ff; --hot: #ffa657; --focus: #58a6ff;"
)

// Style returns the style sheet of a page: rules that all pages have, and those of its own.
// lightColours and darkColours are further declarations for the root. The page is dark
// where the reader prefers that, or where its root has the attribute data-theme=dark;
// data-theme=light keeps it light.
func Style(lightColours, darkColours, rules string) string {
	darkColours = dark + " " + darkColours
	return ":root { color-scheme: light dark; " + light + " " + lightColours + " }\n" +
		"@media (prefers-color-scheme: dark) { :root:not([data-theme=light]) { " + darkColours + " } }\n" +
		":root[data-theme=dark] { color-scheme: dark; " + darkColours + " }\n" +
		":root[data-theme=light] { color-scheme: light; }\n" +
		base + rules
}

// Policy returns the Content-Security-Policy of a page that may use this style sheet and this
// script, which stand in it word by word, and nothing else.
func Policy(style, script string) string {
	return "default-src 'none'; style-src '" + digest(style) + "'; script-src '" + digest(script) + "'; base-uri 'none'; form-action 'none'"
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}
