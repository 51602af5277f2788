package image

import (
	"strings"
)

// ShellWord returns a path, or another argument, as a POSIX shell takes it: as it
// is, or in single quotes. It is for advice about a file, which people copy.
func ShellWord(path string) string {
	special := func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("_@%+=:,./-", c)
	}
	if path != "" && !strings.ContainsFunc(path, special) {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}
