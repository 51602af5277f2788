// Package tempfile makes temporary files that can be removed when a program has to end
// while it still writes them.
package tempfile

import (
	"context"
	"os"
	"sync"
)

// A List has the temporary files that were made under a context. The zero List is empty
// and ready to use.
type List struct {
	mu    sync.Mutex
	names []string
}

type key struct{}

// NotedIn returns a context under which Create notes files in a list.
func NotedIn(ctx context.Context, l *List) context.Context { return context.WithValue(ctx, key{}, l) }

// Create makes a temporary file as os.CreateTemp does, and notes it in the list of ctx, if
// there is one. Whoever makes the file also removes it or gives it another name: a list
// is for when that cannot be waited for.
func Create(ctx context.Context, dir, pattern string) (*os.File, error) {
	f, err := os.CreateTemp(dir, pattern)
	if l, ok := ctx.Value(key{}).(*List); ok && err == nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.names = append(l.names, f.Name())
	}
	return f, err
}

// Remove removes those files that are still there under their names.
func (l *List) Remove() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, name := range l.names {
		os.Remove(name)
	}
	l.names = nil
}
