package outfile

import (
	"context"
	"os"
	"sync"
)

// Temporaries has the temporary names of files that were begun under a context. They are for
// a program that has to end before whoever writes the files gives them up. The zero
// Temporaries is empty and ready to use.
type Temporaries struct {
	mu    sync.Mutex
	names []string
}

type key struct{}

// NotedIn returns a context under which Create notes temporary names in t.
func NotedIn(ctx context.Context, t *Temporaries) context.Context {
	return context.WithValue(ctx, key{}, t)
}

// temporariesOf returns where names are noted under a context, or nil.
func temporariesOf(ctx context.Context) *Temporaries {
	t, _ := ctx.Value(key{}).(*Temporaries)
	return t
}

// Note notes a name. A nil *Temporaries notes nothing.
func (t *Temporaries) Note(name string) {
	if t == nil || name == "" {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.names = append(t.names, name)
}

// Remove removes those files that are still there under their temporary names.
func (t *Temporaries) Remove() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, name := range t.names {
		os.Remove(name)
	}
	t.names = nil
}
