package graphcmd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime/debug"
	"slices"

	"github.com/spf13/cobra"

	"vscan/cmd/vscan/internal/cli"
	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/graph"
	"vscan/engine/heap"
	"vscan/engine/image"
	"vscan/engine/image/layered"
	"vscan/internal/wording"
)

const objectsHelp = `objects recognises the heaps of glibc's malloc by the heads of their chunks, and
tells which objects are in use, what keeps each of them, how much would go if it
went (its retained size), and what is lost. It needs the graph and the image that
it was made of, which it compares first, word by word: with a graph that has one
pointer less or more, or another one, there is no answer (exit 2).

First comes the account: how much of the memory that the program could write was
understood, which arenas were seen, which refused and why, and what of the threads
is known. Where heaps were refused or have gaps, or the image was made without the program's
stack or heap, the answer is not complete (exit 3).

--show retained lists the objects in use that retain most (the default); heads the
lost objects that no lost object refers to, with what they lead to, most first;
leaked all lost objects, possible those that may be, both largest first; used, free
and all objects by address. --summary lists no objects but the account, totals, and
the heads by size and first word.

What keeps an object: static (the data of a module), stack (from the stack pointer
up), register, tls (where a thread's control block is), other memory that is no
object, stale (a stack below the stack pointer), none, or malloc: it is malloc's own.
Objects that were freed and wait in a thread's cache or in a fastbin to be given out
again are not in use.

An object is lost as in valgrind: definite if nothing refers to it, or only what it
leads to itself; indirect if only lost objects do; possible if only pointers to
its middle lead to it, or a stale stack. Registers are those of the core's threads;
of a live process, which is not stopped, the stack pointers and the arguments of
system calls are known.

--save keeps what was found out in FILE.objects, some 27 bytes an object; later
questions about the same graph and image take it from there, after one pass through
the image, no byte of which may have changed. A file of another graph or image, or a
damaged one, is told and not used.`

// objectLists are the values of --show.
var objectLists = []string{"retained", "heads", "leaked", "possible", "used", "free", "all"}

func (a *commands) objectsCommand() *cobra.Command {
	q := objectsQuestion{commands: a, show: "retained", most: 20}
	cmd := &cobra.Command{
		Use:   "objects [flags] FILE IMAGE",
		Short: "The objects of a heap: lost, kept by what, and what they retain",
		Long:  objectsHelp,
		Example: `  vscan graph objects core.graph core.1234
  vscan graph objects core.graph core.1234 --show leaked -m 10
  vscan graph objects core.graph core.1234 --summary`,
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return cli.UsageError(cmd, "want the file of a graph and its image: vscan graph objects FILE IMAGE")
			}
			return q.ask(cmd.Context(), args[0], args[1])
		},
	}
	formatVar(cmd, &q.format)
	fs := cmd.Flags()
	cli.ChoiceVar(cmd, &q.show, "show", "", "`WHAT` to list: "+wording.OrList(objectLists), objectLists...)
	fs.BoolVar(&q.summary, "summary", false, "list no objects: the account, totals, and lost objects by size and first word")
	fs.BoolVar(&q.save, "save", false, "keep the answer in FILE"+keptSuffix+" beside the graph, for questions after this one")
	fs.VarP(cli.NewNumber(&q.most, 1, 1<<40), "max-count", "m", "list at most `N`")
	workersVar(cmd, &q.workers)
	q.image.Register(cmd)
	return cmd
}

// objectsQuestion is one call of graph objects.
type objectsQuestion struct {
	*commands
	format, show  string
	summary, save bool
	most, workers uint64
	image         cli.ImageFlags

	arg     string // names the image
	g       *graph.Graph
	t       *layered.Image
	threads []graph.Thread
	found   threadsFound
	r       *graph.Retention
	changes []image.Change // what of the image's files changed while it was asked
}

// ask answers the question about the graph at path and the image that arg names.
func (q *objectsQuestion) ask(ctx context.Context, path, arg string) error {
	var err error
	if q.g, err = q.openGraph(ctx, path); err != nil {
		return err
	}
	defer q.g.Close()
	// Nearly all of the heap is a few large arrays without pointers. Collecting it often
	// costs little, and saves a third of the memory.
	defer debug.SetGCPercent(debug.SetGCPercent(4))
	q.arg, q.image.Mmap, q.image.Budget = arg, image.MmapNever, q.Budget() // a mapped file would take as much memory as all that is found out
	if q.t, err = q.image.Open(ctx, arg); err != nil {
		return err
	}
	defer q.t.Close()
	q.askThreads(ctx)
	if q.r, err = q.retention(ctx, path); err != nil {
		return err
	}
	defer q.r.Close()
	q.changes = q.t.Changed()
	found := false
	if fault := engine.Guard(func() { found, err = q.print() }); fault != nil {
		err = fmt.Errorf("%s%s: %w", path, keptSuffix, fault)
	}
	if err != nil {
		return err
	}
	q.changes = q.t.Changed() // what is listed is read from the image as well
	q.NoteChanges(q.t, q.changes)
	return cli.Outcome{Found: found, Incomplete: q.incomplete()}.ExitStatus()
}

// keptSuffix stands behind the name of a graph's file in that of the file of --save.
const keptSuffix = ".objects"

// retention finds the objects and what keeps them, or reads these from the file that
// --save has written. Either way it has been shown before that the graph is that of the
// image: what was saved is of an image that was compared with the graph then, and all of
// whose bytes are the same.
func (q *objectsQuestion) retention(ctx context.Context, path string) (*graph.Retention, error) {
	o := graph.ObjectOptions{Threads: q.threads, Retained: q.save || q.wantsRetained(), Space: q.t.Space, Workers: int(q.workers), From: q.t.Files(), Private: q.t.Live}
	kept := path + keptSuffix
	switch {
	case q.save && q.t.Live: // its memory changes all the time
		return nil, fmt.Errorf("%s: --save: what is found out of a live process does not hold for long", q.arg)
	case q.save && cli.SameFile(kept, q.arg):
		return nil, fmt.Errorf("--save would write over the image %s: give the graph another name", q.arg)
	}
	_, err := os.Stat(kept)
	if q.t.Live || !q.save && errors.Is(err, fs.ErrNotExist) {
		return q.analyse(ctx, o)
	}
	key, err := q.g.ObjectsKey(ctx, q.t.Space, o)
	if err != nil {
		return nil, err
	}
	if q.save {
		r, err := q.analyse(ctx, o)
		if err == nil {
			err = r.Save(ctx, kept, key)
		}
		return r, err
	}
	r, notUsed := graph.OpenObjects(ctx, kept, key)
	if notUsed == nil || ctx.Err() != nil {
		return r, notUsed
	}
	if r, err = q.analyse(ctx, o); err == nil {
		q.Note("%v: not used; --save makes it anew", notUsed)
	}
	return r, err
}

// analyse finds the objects and what keeps them in the graph and the image, of which the
// graph has to be.
func (q *objectsQuestion) analyse(ctx context.Context, o graph.ObjectOptions) (*graph.Retention, error) {
	if err := checkImage(ctx, q.g, q.t, o.Workers); err != nil {
		return nil, err
	}
	var pointers []addr.Addr
	for _, t := range q.threads {
		if t.Pointer != 0 {
			pointers = append(pointers, t.Pointer)
		}
	}
	heaps, err := heap.Find(ctx, q.t.Space, q.g.Arch(), heap.Options{ThreadPointers: pointers, Budget: q.Budget()})
	if err != nil {
		return nil, err
	}
	return q.g.Objects(ctx, heaps, o)
}

// wantsRetained reports whether what is listed has retained sizes.
func (q *objectsQuestion) wantsRetained() bool {
	return !q.summary && q.show != "heads" && q.show != "leaked" && q.show != "free"
}

// incomplete reports whether something was not looked at that is known to hold objects,
// or to refer to them.
func (q *objectsQuestion) incomplete() bool {
	account := q.r.Account()
	if image.ContentChanged(q.changes) {
		return true
	}
	if _, written := absentData(q.g); written && !q.t.Live || q.stacksMissing() > 0 || q.onlyHeaps() {
		return true
	}
	return slices.ContainsFunc(account.Arenas, lacksObjects) || len(account.Gaps) > 0 || !q.g.Complete() || q.g.Info().Filtered || q.t.Missing > 0
}

// lacksObjects reports whether objects of an arena are known to be missing. An arena of
// which nothing but its place is known may well be other memory; of chunks that were
// mapped one by one, malloc itself counts how many there are.
func lacksObjects(a heap.Arena) bool {
	return a.Refused != "" && (a.At != 0 || a.Objects > 0 || a.Kind == heap.ArenaMapped)
}

// print writes the account and what was asked for, and reports whether there was
// anything.
func (q *objectsQuestion) print() (bool, error) {
	if err := q.account(); err != nil {
		return false, err
	}
	switch {
	case q.summary:
		return q.r.Len() > 0, q.printGroups()
	case q.show == "heads":
		return len(q.r.Heads) > 0, q.printHeads()
	}
	return q.printObjects()
}
