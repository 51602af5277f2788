// Package docs has those of the documents in this folder that the command prints.
package docs

import _ "embed"

// Patterns is patterns.md: the pattern language.
//
//go:embed patterns.md
var Patterns string
