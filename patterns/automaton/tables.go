package automaton

import (
	"encoding/binary"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"unsafe"
)

// tables are the states of a deterministic automaton, as far as they were met. Where they
// take more memory than they may, they are emptied, and begin anew with what is met from then
// on, so that what lies far back in memory does not decide how fast the rest is (Russ Cox,
// "Regular Expression Matching in the Wild"). That takes time itself; so it is done only where
// many bytes were read for each state since the last time. Where fewer were, the automaton is
// of little use there, and whoever asks goes on without it.
//
// A walk that is under way when they are emptied goes on from the state where it is, which is
// no part of the tables any more. INVARIANT: no state of the tables leads to one that was
// emptied, so these are freed when no walk is at one of them.
type tables struct {
	rowed   reflect.Type // of a state with its row
	symbols int
	most    int  // about how many bytes the states may take
	eager   bool // whether they are emptied whenever they are full, since whoever asks counts what that takes

	start   atomic.Pointer[state]
	other   atomic.Pointer[state] // the state without threads, if walks may begin with it; else nil
	emptied atomic.Uint32         // how often

	mu      sync.Mutex // guards what follows, and the filling of the states' tables
	states  map[string]*state
	bytes   int    // about how many bytes the states take
	read    uint64 // about how many bytes were read since they were emptied, as far as was told
	scratch *scratch
}

// A follower works out a step: it leaves in w.after what a state becomes by a symbol, and
// reports whether that is to be a state that matched.
type follower func(w *scratch, s *state, symbol int) (matched bool)

// worthEmptying is how many bytes have to be read for each state before the tables are
// emptied, so that working out the states anew takes a small part of the time.
const worthEmptying = 100

// A state is the threads between two bytes, in order of preference. Unless it is a state
// of a scratch, its row lies right behind it: by symbol, the state to which that leads; nil
// where it is not known yet. So a step is one load that waits for the one before, not two.
type state struct {
	threads []uint32 // the instructions at which the threads are, none twice
	start   bool     // whether no byte was read yet: a match here is empty and does not count
	matched bool     // whether a match ended in front of the symbol that led here
	dead    bool     // whether there are no threads
}

// step returns where the row of s has what a symbol leads to. The symbol is one of the automaton's,
// and s is no state of a scratch.
func (s *state) step(symbol int) *atomic.Pointer[state] {
	return (*atomic.Pointer[state])(unsafe.Add(unsafe.Pointer(s), int(unsafe.Sizeof(state{}))+int(unsafe.Sizeof(uintptr(0)))*symbol))
}

// rowed returns the type of a state with its row.
func rowed(symbols int) reflect.Type {
	return reflect.StructOf([]reflect.StructField{
		{Name: "State", Type: reflect.TypeFor[state]()},
		{Name: "Row", Type: reflect.ArrayOf(symbols, reflect.TypeFor[atomic.Pointer[state]]())},
	})
}

func newTables(symbols, most int, start []uint32) *tables {
	t := &tables{rowed: rowed(symbols), symbols: symbols, most: most, states: make(map[string]*state)}
	t.start.Store(t.state(start, true, false))
	return t
}

// step works out the state to which a symbol leads from s, and keeps it. read is about how
// many bytes the caller has read since it was here last; insts is the number of
// instructions. It returns nil where no more states are kept.
func (t *tables) step(s *state, symbol, insts int, read int, follow follower) *state {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.read += uint64(read)
	if to := s.step(symbol).Load(); to != nil {
		return to
	}
	if t.bytes > t.most && !t.empty() {
		return nil
	}
	if t.scratch == nil {
		t.scratch = newScratch(insts)
	}
	matched := follow(t.scratch, s, symbol)
	to := t.state(t.scratch.after.dense, false, matched)
	s.step(symbol).Store(to)
	return to
}

// tell adds to the number of bytes that were read.
func (t *tables) tell(read int) {
	t.mu.Lock()
	t.read += uint64(read)
	t.mu.Unlock()
}

// empty makes the tables begin anew, and reports whether that was worth it.
func (t *tables) empty() bool {
	old := t.start.Load()
	if !t.eager && t.read < worthEmptying*uint64(len(t.states)) || t.cost(old) > t.most {
		return false
	}
	clear(t.states)
	t.bytes, t.read = 0, 0
	t.start.Store(t.state(old.threads, true, old.matched))
	if t.other.Load() != nil {
		t.other.Store(t.state(nil, true, false))
	}
	t.emptied.Add(1)
	return true
}

// cost is about how many bytes a state takes.
func (t *tables) cost(s *state) int { return 8*t.symbols + 8*len(s.threads) + 128 }

// state returns the state of some threads. It makes one unless it is there already.
func (t *tables) state(threads []uint32, start, matched bool) *state {
	key := make([]byte, 0, 4*len(threads)+1)
	flags := byte(0)
	if start {
		flags |= 1
	}
	if matched {
		flags |= 2
	}
	key = append(key, flags)
	for _, n := range threads {
		key = binary.LittleEndian.AppendUint32(key, n)
	}
	if s := t.states[string(key)]; s != nil {
		return s
	}
	s := (*state)(reflect.New(t.rowed).UnsafePointer())
	s.threads, s.start, s.matched, s.dead = slices.Clone(threads), start, matched, len(threads) == 0
	t.states[string(key)] = s
	t.bytes += t.cost(s)
	return s
}
