package sets

import (
	"context"
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	"vscan/engine"
	"vscan/internal/testenv"
	"vscan/patterns"
)

func basic(pair string) string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(pair))
}

// placeholders has what the patterns of secrets match and their exceptions drop, each with
// the nearest that is a hit.
func (m maker) placeholders() [][2]string {
	return [][2]string{
		{"http://user:pass@host", "http://user:pass1@host"},
		{"http://USER:PASSWORD@host", "http://root:password@host"},
		{"https://username:password@10.0.0.1:8080", "https://username:passw0rd@10.0.0.1:8080"},
		{"postgres://my_user:my_password@db.internal/app", "postgres://my_app:my_password1@db.internal/app"},
		{"redis://:password@cache:6379", "redis://:password7@cache:6379"},
		{"http://user:pass@host\x00", "http://user:pass@word@host"}, // @ not encoded: the password is pass@word
		{"imap://user:pass;AUTH=NTLM@mail", "imap://user:pass;Xy9@mail"},
		{"http://foo:bar@h", "http://foo:barn@h"},
		{"http://aladdin:opensesame@h", "http://aladdin:opensesam@h"},
		{"https://app:*****@db", "https://app:****k@db"},
		{"https://app:xxxxx@db", "https://app:xxxxy@db"},
		{"https://app:" + "hunter2@www.example.com:8080", "https://app:" + "hunter2@www.example.com.evil"},
		{"https://app:" + "hunter2@EXAMPLE.org", "https://app:" + "hunter2@my-example.org"},
		{basic("user:pass"), basic("user:pass1")},
		{basic("user:pass"), strings.TrimRight(basic("user:passX"), "=")}, // without padding
		{basic("Aladdin:open sesame"), basic("Aladdin:open sesamy")},
		{basic("s6BhdRkqt3:gX1fBat3bV"), basic("s6BhdRkqt3:gX1fBat3bVW")},
		{"Authorization: Bearer YOUR_ACCESS_TOKEN", "Authorization: Bearer YOUR" + m.of(digits, 12)},
		{"Authorization: Bearer " + strings.Repeat("x", 20), "Authorization: Bearer " + strings.Repeat("x", 9) + m.of(digits, 12)},
		{"AKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPL" + "3"},
		{"gh" + "p_" + strings.Repeat("a", 36), "gh" + "p_" + strings.Repeat("a", 35) + "b"},
		{"gh" + "p_" + strings.Repeat("0", 36), "gh" + "p_" + strings.Repeat("0", 21) + m.of(lower, 15)},
		{"gh" + "p_" + strings.Repeat("A", 36), "gh" + "p_b" + strings.Repeat("A", 35)},
		{"gh" + "p_0123456789abcdef" + m.of(alnum, 20), "gh" + "p_0123456789" + m.of(upper, 26)},
		{"AI" + "zaSyabcdefghijklmnopqrstuvwxyz1234567", "AI" + "zaSyabcdefghijk" + m.of(digits, 22)},
		{"AI" + "zaSyAnLA7NfeLquW1tJFpx_eQCxoX-oo6YyIs", "AI" + "zaSyAnLA7NfeLquW1tJFpx_eQCxoX-oo6YyIz"},
		{"Account" + "Key=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==", "Account" + "Key=" + m.raw(base64.StdEncoding, 64)},
		{`"auth": "dXNlcm5hbWU6cGFzc3dvcmQ="`, `"auth": "dXNlcm5hbWU6cGFzc3dvcmQx"`},
		{"sha256~" + "XXXXXXXXXX_PUT_YOUR_TOKEN_HERE_XXXXXXXXXXXX", "sha256~" + m.of(urlsafe, 43)},
	}
}

// A placeholder is no hit and is counted as an exception, as bytes and as UTF-16LE. What is
// nearest to it is a hit. Without exceptions both are hits.
func TestPlaceholders(t *testing.T) {
	m := maker{testenv.Rand(t)}
	set := secretsSet(t)
	var pats []patterns.Pattern
	for _, p := range set.Patterns() {
		pats = append(pats, p.WithoutExceptions())
	}
	bare, err := patterns.Compile(context.Background(), pats, patterns.Target{})
	if err != nil {
		t.Fatal(err)
	}
	for _, encode := range []func(string) string{strings.Clone, wide} {
		for _, pair := range m.placeholders() {
			texts := []string{encode(pair[0]), encode(pair[1])}
			hits := found(t, set, texts)
			if len(hits[0]) > 0 || len(hits[1]) == 0 {
				t.Errorf("%q: %v, %q: %v", pair[0], hits[0], pair[1], hits[1])
			}
			if hits = found(t, bare, texts); len(hits[0]) == 0 || len(hits[1]) == 0 {
				t.Errorf("without exceptions: %q: %v, %q: %v", pair[0], hits[0], pair[1], hits[1])
			}
			if n := exceptedIn(t, set, texts[0]); n == 0 {
				t.Errorf("%q: no exception was counted", pair[0])
			}
		}
	}
}

// exceptedIn returns how many matches exceptions drop in a text.
func exceptedIn(t *testing.T, set *patterns.Set, text string) (n uint64) {
	t.Helper()
	mapping, err := engine.BytesMapping("memory", 0, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	space, err := engine.NewSpace(mapping)
	if err != nil {
		t.Fatal(err)
	}
	scanner, err := engine.Compile(context.Background(), space, set, engine.Options{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	stats, err := scanner.Scan(t.Context(), func(engine.Hit) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range stats.Excepted {
		n += k
	}
	return n
}

// No exception drops a token that is drawn by chance, in 180 kinds of 20 draws each.
func TestTokensAreNoPlaceholders(t *testing.T) {
	m := maker{testenv.Rand(t)}
	set := secretsSet(t)
	var texts []string
	for range 20 {
		for _, token := range m.tokens() {
			texts = append(texts, token[1])
		}
	}
	between := "\x00\x01\x00\xff\x00\x00"
	if n := exceptedIn(t, set, strings.Join(texts, between)); n > 0 {
		for _, text := range texts {
			if exceptedIn(t, set, text) > 0 {
				t.Errorf("dropped: %.80q", text)
			}
		}
	}
	if with := slices.IndexFunc(set.Patterns(), func(p patterns.Pattern) bool { return p.Exceptions() != nil }); with < 0 {
		t.Error("no pattern has exceptions")
	}
}
