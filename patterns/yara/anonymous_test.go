package yara

import (
	"slices"
	"strconv"
	"testing"

	"vscan/internal/testenv"
)

// Anonymous strings are numbered by their places, past what others are called.
func TestNameAnonymous(t *testing.T) {
	for _, c := range []struct{ given, want []string }{
		{[]string{"$", "$", "$"}, []string{"$1", "$2", "$3"}},
		{[]string{"$", "$1", "$2", "$"}, []string{"$3", "$1", "$2", "$4"}},
		{[]string{"$a", "$", "$02", "$"}, []string{"$a", "$2", "$02", "$4"}},
		{[]string{"$", "$", "$+1", "$3", "$1", "$99999999999999999999"}, []string{"$2", "$4", "$+1", "$3", "$1", "$99999999999999999999"}},
	} {
		if got := anonymousNamed(c.given); !slices.Equal(got, c.want) {
			t.Errorf("%q are named %q, want %q", c.given, got, c.want)
		}
	}
	rnd := testenv.Rand(t)
	for range testenv.Rounds(200, 1000, 200_000) {
		given := make([]string, rnd.IntN(12))
		for i, n := range rnd.Perm(len(given)) {
			if given[i] = "$"; rnd.IntN(2) == 0 {
				given[i] = numbered(n + rnd.IntN(2)*20)
			}
		}
		want, taken := slices.Clone(given), make(map[string]bool)
		for _, id := range given {
			taken[id] = true
		}
		for i, id := range want {
			for n := i + 1; id == "$"; n++ {
				if try := "$" + strconv.Itoa(n); !taken[try] {
					id, taken[try] = try, true
				}
			}
			want[i] = id
		}
		if got := anonymousNamed(given); !slices.Equal(got, want) {
			t.Fatalf("%q are named %q, want %q", given, got, want)
		}
	}
}

// Where the numbers of all places are taken, as many steps as there are anonymous strings
// times those with numbers would take hours.
func TestNameManyAnonymous(t *testing.T) {
	const n = 100_000
	anonymous := slices.Repeat([]string{"$"}, n)
	named, descending := make([]string, n), make([]string, n)
	for i := range n {
		named[i], descending[n-1-i] = numbered(i+1), numbered(i+1)
	}
	for _, given := range [][]string{append(slices.Clone(anonymous), named...), append(slices.Clone(anonymous), descending...)} {
		got := anonymousNamed(given)
		if got[0] != numbered(n+1) || got[n-1] != numbered(2*n) {
			t.Errorf("the first is named %s, the last %s", got[0], got[n-1])
		}
	}
}

// anonymousNamed returns the names of the strings of a rule, of which some have none.
func anonymousNamed(given []string) (names []string) {
	var all []*ruleString
	for _, id := range given {
		all = append(all, &ruleString{id: id})
	}
	nameAnonymous(all, func(int) bool { return true })
	for _, s := range all {
		names = append(names, s.id)
	}
	return names
}
