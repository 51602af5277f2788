package webpage

import (
	"strings"
	"testing"
)

func TestStyle(t *testing.T) {
	s := Style("--x: #010203;", "--x: #040506;", "b { color: var(--x) }")
	for want, n := range map[string]int{"--x: #010203;": 1, "--x: #040506;": 2, "b { color": 1, ":root:not([data-theme=light])": 1, ":root[data-theme=dark] {": 1} {
		if strings.Count(s, want) != n {
			t.Errorf("%q is there %d times, want %d", want, strings.Count(s, want), n)
		}
	}
	if strings.Count(s, "{") != strings.Count(s, "}") {
		t.Error("braces do not match")
	}
}

// The digests are those that browsers compute: of "alert(1)", as `printf 'alert(1)' | openssl dgst -sha256 -binary | base64`.
func TestPolicy(t *testing.T) {
	p := Policy("", "alert(1)")
	for _, want := range []string{
		"default-src 'none'",
		"style-src 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='",
		"script-src 'sha256-bhHHL3z2vDgxUt0W3dWQOrprscmda2Y5pLsLg4GF+pI='",
	} {
		if !strings.Contains(p, want) {
			t.Errorf("no %s in %s", want, p)
		}
	}
	if strings.Contains(p, "unsafe") {
		t.Error(p)
	}
}
